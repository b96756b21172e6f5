//! Tables: the rows of a file or of a step, and what stands in the file with a row filled in.

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

/// The fields of a file in which variables stand; of `checks`, those of each check.
const FILLED: [&str; 3] = ["key", "keys", "steps"];
const FILLED_IN_CHECKS: [&str; 5] = ["needs", "like", "given", "expect", "observe"];

/// `{name}`, or `{{name}}` for the braces themselves. Anything else in braces is somebody's JSON.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}").ok());

/// One value for every variable, in the order of the file.
pub(super) type Row<'n> = Vec<(&'n str, &'n Node)>;

/// The rows of a file's table, of `for_each` with the last variable changing fastest. One empty row where there is no
/// table; no row at all if something is wrong with it.
pub(super) fn rows<'n>(text: &Text, root: &'n Node) -> Vec<Row<'n>> {
    let rows = match (root.get("for_each"), root.get("rows")) {
        (None, None) => return vec![Vec::new()],
        (Some(table), Some(_)) => {
            text.report(text.problem(table.at, "a file has either `for_each` or `rows`"));
            Vec::new()
        }
        (Some(table), None) => combined(text, table),
        (None, Some(list)) => listed(text, list),
    };
    let filled = root.pairs().iter().filter(|(name, _)| is_one_of(name, &FILLED)).map(|(_, value)| value);
    let checks = root.get("checks").map(Node::elements).unwrap_or_default();
    let in_checks =
        checks.iter().flat_map(Node::pairs).filter(|(name, _)| is_one_of(name, &FILLED_IN_CHECKS));
    report_unused(text, rows.first(), filled.chain(in_checks.map(|(_, value)| value)));
    rows
}

fn is_one_of(name: &Node, names: &[&str]) -> bool {
    name.text().is_some_and(|name| names.contains(&name))
}

fn combined<'n>(text: &Text, table: &'n Node) -> Vec<Row<'n>> {
    let mut rows: Vec<Row<'n>> = vec![Vec::new()];
    for (name, values) in table.pairs() {
        let variable = name.text().unwrap_or_default();
        let fault = if !is_variable(variable) {
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
        let longer = |row: &Row<'n>, value| row.iter().copied().chain([(variable, value)]).collect();
        let with_each = |row| values.elements().iter().map(move |value| longer(row, value));
        rows = rows.iter().flat_map(with_each).collect();
    }
    rows
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|mark| mark.is_ascii_lowercase() || mark == b'_')
}

/// Rows that are written out one by one; each must fill the same variables.
fn listed<'n>(text: &Text, list: &'n Node) -> Vec<Row<'n>> {
    let names = |row: &'n Node| -> BTreeSet<&str> {
        row.pairs().iter().filter_map(|(name, _)| name.text()).collect()
    };
    let wanted = list.elements().first().map(names).unwrap_or_default();
    let fault = if wanted.is_empty() {
        Some((list, "`rows` needs at least one row with at least one variable".to_owned()))
    } else if let Some(name) = wanted.iter().find(|name| !is_variable(name)) {
        let what = format!("{} is no variable's name: it is made of small letters and `_`", word(name));
        Some((list, what))
    } else {
        list.elements().iter().find(|row| names(row) != wanted).map(|row| {
            let all = words(wanted.iter().copied(), "and");
            (row, format!("every row fills the same variables; the first one fills {all}"))
        })
    };
    if let Some((place, what)) = fault {
        text.report(text.problem(place.at, what));
        return Vec::new();
    }
    let row =
        |row: &'n Node| row.pairs().iter().filter_map(|(name, value)| Some((name.text()?, value))).collect();
    list.elements().iter().map(row).collect()
}

/// Reports the variables of a table that stand nowhere in what its rows are filled into.
fn report_unused<'n>(text: &Text, row: Option<&Row<'_>>, filled: impl Iterator<Item = &'n Node>) {
    let mut used = BTreeSet::new();
    filled.for_each(|node| {
        node.scalars(&mut |scalar| used.append(&mut placeholders(scalar.text().unwrap_or_default())))
    });
    for (variable, value) in row.into_iter().flatten().filter(|(variable, _)| !used.contains(*variable)) {
        let help = format!("write {} where its values belong", word(&format!("{{{variable}}}")));
        text.report(
            text.problem(value.at, format!("the variable {} is used nowhere", word(variable))).help(help),
        );
    }
}

/// A file's tree with a row filled in, without the checks that read other rows only.
pub(super) fn fill(text: &Text, root: &Node, row: &Row<'_>) -> Node {
    let mut filled = root.clone();
    for (key, value) in filled.pairs_mut() {
        match (key.text(), &mut value.kind) {
            (Some("steps"), Kind::Sequence(all)) => {
                *all = all.iter().flat_map(|step| with_own_rows(text, step, row)).collect();
            }
            (Some("checks"), Kind::Sequence(all)) => {
                all.retain(|check| reads(check, row));
                for (_, value) in all
                    .iter_mut()
                    .flat_map(Node::pairs_mut)
                    .filter(|(key, _)| is_one_of(key, &FILLED_IN_CHECKS))
                {
                    walk(text, value, row);
                }
            }
            _ if is_one_of(key, &FILLED) => walk(text, value, row),
            _ => {}
        }
    }
    filled
}

/// Whether a check reads a row: its `where` has the row's values, or a list with each of them.
pub(super) fn reads(check: &Node, row: &Row<'_>) -> bool {
    let has = |wanted: &Node, value: &Node| {
        wanted.text() == value.text() || wanted.elements().iter().any(|one| one.text() == value.text())
    };
    let asked = check.get("where").map(Node::pairs).unwrap_or_default();
    asked.iter().all(|(name, wanted)| {
        let value = row.iter().find(|(variable, _)| Some(*variable) == name.text());
        value.is_none_or(|(_, value)| has(wanted, value))
    })
}

/// A step with the file's row filled in, once for each row of its own; each of these stands where its row does and keeps
/// that one row, for its label.
fn with_own_rows(text: &Text, step: &Node, row: &Row<'_>) -> Vec<Node> {
    let Some(list) = step.get("rows") else {
        let mut step = step.clone();
        walk(text, &mut step, row);
        return vec![step];
    };
    let mut list = list.clone();
    walk(text, &mut list, row);
    let own = listed(text, &list);
    let filled =
        || step.pairs().iter().filter(|(name, _)| name.text() != Some("rows")).map(|(_, value)| value);
    report_unused(text, own.first(), filled());
    let mut steps = Vec::new();
    for (own, place) in own.iter().zip(list.elements()) {
        if let Some((name, value)) = own.iter().find(|(name, _)| row.iter().any(|(taken, _)| taken == name)) {
            let what = format!("{} is a variable of the file's table already", word(name));
            text.report(text.problem(value.at, what).help("give this one another name"));
        }
        let both: Row<'_> = own.iter().chain(row).copied().collect();
        let mut step = Node { at: place.at, kind: step.kind.clone() };
        for (name, value) in step.pairs_mut() {
            match name.text() {
                Some("rows") => value.kind = Kind::Sequence(vec![place.clone()]),
                _ => walk(text, value, &both),
            }
        }
        steps.push(step);
    }
    steps
}

/// A row as a reader sees it: `name=value name=value`.
pub(super) fn label(row: &Node) -> String {
    let pair = |(name, value): &(Node, Node)| {
        format!("{}={}", name.text().unwrap_or_default(), value.text().unwrap_or_default())
    };
    row.pairs().iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn walk(text: &Text, node: &mut Node, row: &Row<'_>) {
    match &mut node.kind {
        Kind::Scalar { .. } => scalar(text, node, row),
        Kind::Sequence(elements) => elements.iter_mut().for_each(|element| walk(text, element, row)),
        Kind::Mapping(pairs) => {
            let mut names = BTreeSet::new();
            for (key, value) in pairs {
                scalar(text, key, row);
                walk(text, value, row);
                if !names.insert(key.text().map(str::to_owned)) {
                    let what = format!("{} is given twice", word(key.text().unwrap_or_default()));
                    text.report(text.problem(key.at, what));
                }
            }
        }
    }
}

fn scalar(text: &Text, node: &mut Node, row: &Row<'_>) {
    let (Kind::Scalar { text: written, .. }, Some(pattern)) = (&mut node.kind, PLACEHOLDER.as_ref()) else {
        return;
    };
    let valued = |name: &str| row.iter().find(|(variable, _)| *variable == name).map(|(_, value)| *value);
    // YAML wants `{name}` in quotes, so these say nothing: the value counts as it stands in the table.
    let whole = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(value) = whole.and_then(valued) {
        if let Kind::Scalar { .. } = value.kind {
            node.kind = value.kind.clone();
        }
        return;
    }
    let mut unknown = None;
    let filled = pattern.replace_all(written, |found: &Captures<'_>| {
        let Some(name) = found.get(2).map(|name| name.as_str()) else {
            return format!("{{{}}}", &found[1]);
        };
        match valued(name) {
            Some(value) => value.text().unwrap_or_default().to_owned(),
            None => {
                unknown = Some(name.to_owned());
                found[0].to_owned()
            }
        }
    });
    if let Some(name) = unknown {
        report_unknown(text, node, &name, row);
    } else if holds_key_literal(&filled) {
        let what = "with the values of the table a key is written out here; a file is no place for a secret";
        text.report(text.problem(node.at, what).without_the_rest());
    } else {
        *written = filled.into_owned();
    }
}

fn report_unknown(text: &Text, node: &Node, name: &str, row: &Row<'_>) {
    let variables: Vec<&str> = row.iter().map(|(variable, _)| *variable).collect();
    let known = match variables.as_slice() {
        [] => "add it to `rows`".to_owned(),
        _ => format!("expected {}", words(variables.iter().copied(), "or")),
    };
    let help = format!("{known}; or write {} if the braces are meant", word(&format!("{{{{{name}}}}}")));
    let what = format!("no variable is called {}", word(name));
    text.report(text.problem(node.at, what).help(help).nearest(nearest(name, variables)));
}

/// The names in braces in a text.
pub(super) fn placeholders(text: &str) -> BTreeSet<String> {
    let found = PLACEHOLDER.as_ref().map(|pattern| pattern.captures_iter(text));
    found.into_iter().flatten().filter_map(|found| Some(found.get(2)?.as_str().to_owned())).collect()
}
