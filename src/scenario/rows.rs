//! `for_each`: the rows of a check's table, and the steps with a row filled in.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::nearest::nearest;
use super::problem::{word, words};
use super::secret::holds_key_literal;
use super::text::Text;
use super::tree::{Kind, Node};

/// More cases than these are a slip: every variable multiplies.
const MOST_ROWS: usize = 1_000;

/// The fields of a check in which variables stand.
const FILLED: [&str; 3] = ["key", "keys", "steps"];

/// `{name}`, or `{{name}}` for the braces themselves. Anything else in braces is somebody's JSON.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}").ok());

/// One value for every variable.
pub(super) type Row<'n> = Vec<(&'n str, &'n Node)>;

/// The rows of a check's `for_each` in the order of the file, the last variable changing fastest. One empty row
/// where there is none; no row at all if something is wrong with it.
pub(super) fn rows<'n>(text: &Text, root: &'n Node) -> Vec<Row<'n>> {
    let mut rows: Vec<Row<'n>> = vec![Vec::new()];
    if let Some(list) = root.get("rows") {
        return listed(text, root, list);
    }
    let Some(table) = root.get("for_each") else { return rows };
    for (name, values) in table.pairs() {
        let variable = name.text().unwrap_or_default();
        let fault = if variable.is_empty()
            || !variable.chars().all(|mark| mark.is_ascii_lowercase() || mark == '_')
        {
            Some((name, "a variable's name is made of small letters and `_`"))
        } else if values.elements().is_empty() {
            Some((values, "a variable needs a list of at least one value"))
        } else if rows.len() * values.elements().len() > MOST_ROWS {
            Some((values, "the table makes more than 1,000 cases"))
        } else {
            None
        };
        if let Some((place, what)) = fault {
            text.report(text.problem(place.at, what));
            return Vec::new();
        }
        rows = rows
            .iter()
            .flat_map(|row| {
                values.elements().iter().map(move |value| {
                    let mut longer = row.clone();
                    longer.push((variable, value));
                    longer
                })
            })
            .collect();
    }
    rows
}

/// Rows that are written out one by one in `rows`; each must fill the same variables.
fn listed<'n>(text: &Text, root: &'n Node, list: &'n Node) -> Vec<Row<'n>> {
    let names = |row: &Node| -> BTreeSet<String> {
        row.pairs().iter().filter_map(|(name, _)| name.text().map(str::to_owned)).collect()
    };
    let wanted = list.elements().first().map(&names).unwrap_or_default();
    let odd = list.elements().iter().find(|row| names(row) != wanted);
    let fault = match (root.get("for_each"), odd) {
        (Some(table), _) => Some((table, "a check has either `for_each` or `rows`".to_owned())),
        (None, Some(row)) => {
            let all = words(wanted.iter().map(String::as_str), "and");
            Some((row, format!("every row fills the same variables; the first one fills {all}")))
        }
        (None, None) if wanted.is_empty() => {
            Some((list, "`rows` needs at least one row with at least one variable".to_owned()))
        }
        (None, None) => None,
    };
    if let Some((place, what)) = fault {
        text.report(text.problem(place.at, what));
        return Vec::new();
    }
    let row =
        |row: &'n Node| row.pairs().iter().filter_map(|(name, value)| Some((name.text()?, value))).collect();
    list.elements().iter().map(row).collect()
}

/// Fills rows into the steps of one check.
pub(super) struct Filling<'t> {
    text: &'t Text,
    used: RefCell<BTreeSet<String>>,
}

impl<'t> Filling<'t> {
    pub(super) fn new(text: &'t Text) -> Self {
        Self { text, used: RefCell::default() }
    }

    /// The check's tree with a row filled in.
    pub(super) fn fill(&self, root: &Node, row: &Row<'_>) -> Node {
        let mut filled = root.clone();
        if let Kind::Mapping(pairs) = &mut filled.kind {
            for (key, value) in pairs {
                if key.text().is_some_and(|name| FILLED.contains(&name)) {
                    self.walk(value, row);
                }
            }
        }
        filled
    }

    /// Reports the variables no step uses.
    pub(super) fn report_unused<'v>(&self, root: &Node, variables: impl Iterator<Item = &'v String>) {
        let used = self.used.borrow();
        for variable in variables.filter(|variable| !used.contains(*variable)) {
            let what = format!("the variable {} is used nowhere", word(variable));
            let help = format!("write {} where its values belong", word(&format!("{{{variable}}}")));
            let table = if root.get("rows").is_some() { &["rows"][..] } else { &["for_each", variable] };
            let at = root.key_place(table);
            self.text.report(self.text.problem(at, what).help(help));
        }
    }

    fn walk(&self, node: &mut Node, row: &Row<'_>) {
        match &mut node.kind {
            Kind::Scalar { .. } => self.scalar(node, row),
            Kind::Sequence(elements) => elements.iter_mut().for_each(|element| self.walk(element, row)),
            Kind::Mapping(pairs) => {
                let mut names = BTreeSet::new();
                for (key, value) in pairs {
                    self.scalar(key, row);
                    self.walk(value, row);
                    if !names.insert(key.text().map(str::to_owned)) {
                        let what = format!("{} is given twice", word(key.text().unwrap_or_default()));
                        self.text.report(self.text.problem(key.at, what));
                    }
                }
            }
        }
    }

    fn scalar(&self, node: &mut Node, row: &Row<'_>) {
        let (Kind::Scalar { text, plain }, Some(pattern)) = (&mut node.kind, PLACEHOLDER.as_ref()) else {
            return;
        };
        if !text.contains('{') {
            return;
        }
        // YAML wants `{name}` in quotes, so these say nothing: the value counts as it stands in the table.
        let whole = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if let Some((name, value)) = row.iter().find(|(name, _)| Some(*name) == whole) {
            self.used.borrow_mut().insert((*name).to_owned());
            if let Kind::Scalar { .. } = value.kind {
                node.kind = value.kind.clone();
            }
            return;
        }
        let mut unknown = None;
        let filled = pattern.replace_all(text, |found: &Captures<'_>| {
            let Some(name) = found.get(2).map(|name| name.as_str()) else {
                return format!("{{{}}}", &found[1]);
            };
            match row.iter().find(|(variable, _)| *variable == name) {
                Some((_, value)) => {
                    self.used.borrow_mut().insert(name.to_owned());
                    value.text().unwrap_or_default().to_owned()
                }
                None => {
                    unknown = Some(name.to_owned());
                    found[0].to_owned()
                }
            }
        });
        if let Some(name) = unknown {
            self.report_unknown(node.at, &name, row);
        } else if holds_key_literal(&filled) {
            let what =
                "with the values of `for_each` a key is written out here; a file is no place for a secret";
            self.text.report(self.text.problem(node.at, what).without_the_rest());
        } else {
            let plain = *plain;
            node.kind = Kind::Scalar { text: filled.into_owned(), plain };
        }
    }

    fn report_unknown(&self, at: super::span::At, name: &str, row: &Row<'_>) {
        let variables: Vec<&str> = row.iter().map(|(variable, _)| *variable).collect();
        let escaped = format!("{{{{{name}}}}}");
        let help = match variables.as_slice() {
            [] => format!("add it to `for_each`, or write {} if the braces are meant", word(&escaped)),
            _ => format!(
                "expected {}; or write {} if the braces are meant",
                words(variables.iter().copied(), "or"),
                word(&escaped)
            ),
        };
        let what = format!("no variable is called {}", word(name));
        self.text.report(self.text.problem(at, what).help(help).nearest(nearest(name, variables)));
    }
}

/// The names in braces in a text.
pub(super) fn placeholders(text: &str) -> BTreeSet<String> {
    let found = PLACEHOLDER.as_ref().map(|pattern| pattern.captures_iter(text));
    found.into_iter().flatten().filter_map(|found| Some(found.get(2)?.as_str().to_owned())).collect()
}
