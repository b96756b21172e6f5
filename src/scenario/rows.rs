//! Tables: the rows of a file or of a step, and what stands in the file with a row filled in.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::problem::{holds_key_literal, nearest, word, words};
use super::span::At;
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
        (Some(table), Some(_)) => refuse(text, table.at, "a file has either `for_each` or `rows`"),
        (Some(table), None) => combined(text, table),
        (None, Some(list)) => listed(text, list),
    };
    let is_filled = |(name, _): &&(Node, Node)| name.is_one_of(&FILLED);
    let is_filled_in = |(name, _): &&(Node, Node)| name.is_one_of(&FILLED_IN_CHECKS);
    let checks = root.list("checks").iter().flat_map(Node::pairs).filter(is_filled_in);
    let filled = root.pairs().iter().filter(is_filled).chain(checks);
    report_unused(text, rows.first(), filled.map(|(_, value)| value));
    rows
}

fn refuse<T>(text: &Text, at: At, what: impl AsRef<str>) -> Vec<T> {
    text.report(text.problem(at, what));
    Vec::new()
}

fn combined<'n>(text: &Text, table: &'n Node) -> Vec<Row<'n>> {
    let mut rows: Vec<Row<'n>> = vec![Vec::new()];
    for (name, values) in table.pairs() {
        let variable = name.text().unwrap_or_default();
        let values_at = values.at;
        let values = values.elements();
        if !is_variable(variable) {
            return refuse(text, name.at, "a variable's name is made of small letters and `_`");
        } else if values.is_empty() {
            return refuse(text, values_at, "a variable needs a list of at least one value");
        } else if rows.len() * values.len() > MOST_ROWS {
            return refuse(text, values_at, "the table makes more than 1,000 cases");
        }
        let with_each = |row: &Row<'n>| -> Vec<Row<'n>> {
            values.iter().map(|value| row.iter().copied().chain([(variable, value)]).collect()).collect()
        };
        rows = rows.iter().flat_map(with_each).collect();
    }
    rows
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|mark| mark.is_ascii_lowercase() || mark == b'_')
}

/// Rows that are written out one by one; each must fill the same variables.
fn listed<'n>(text: &Text, list: &'n Node) -> Vec<Row<'n>> {
    let row = |row: &'n Node| -> Row<'n> {
        row.pairs().iter().filter_map(|(name, value)| Some((name.text()?, value))).collect()
    };
    let names = |row: &Row<'n>| -> BTreeSet<&str> { row.iter().map(|(name, _)| *name).collect() };
    let rows: Vec<Row<'n>> = list.elements().iter().map(row).collect();
    let wanted = rows.first().map(names).unwrap_or_default();
    if wanted.is_empty() {
        return refuse(text, list.at, "`rows` needs at least one row with at least one variable");
    }
    if let Some(name) = wanted.iter().find(|name| !is_variable(name)) {
        let what = format!("{} is no variable's name: it is made of small letters and `_`", word(name));
        return refuse(text, list.at, what);
    }
    if let Some(odd) = rows.iter().position(|row| names(row) != wanted) {
        let all = words(wanted, "and");
        let what = format!("every row fills the same variables; the first one fills {all}");
        return refuse(text, list.elements()[odd].at, what);
    }
    rows
}

/// Reports the variables of a table that stand nowhere in what its rows are filled into.
fn report_unused<'n>(text: &Text, row: Option<&Row<'_>>, filled: impl Iterator<Item = &'n Node>) {
    let scalars = filled.flat_map(Node::scalars).filter_map(Node::text);
    let used: BTreeSet<String> = scalars.flat_map(placeholders).collect();
    for (variable, value) in row.into_iter().flatten().filter(|(variable, _)| !used.contains(*variable)) {
        let help = format!("write {} where its values belong", word(&format!("{{{variable}}}")));
        text.wrong(value.at, format!("the variable {} is used nowhere", word(variable)), help);
    }
}

/// A file's tree with a row filled in, without the checks that read other rows only.
pub(super) fn fill(text: &Text, root: &Node, row: &Row<'_>) -> Node {
    let mut filled = root.clone();
    let Kind::Mapping(pairs) = &mut filled.kind else { return filled };
    for (key, value) in pairs {
        match (key.text(), &mut value.kind) {
            (Some("steps"), Kind::Sequence(all)) => {
                *all = all.iter().flat_map(|step| with_own_rows(text, step, row)).collect();
            }
            (Some("checks"), Kind::Sequence(all)) => {
                all.retain(|check| reads(check, row));
                all.iter_mut().for_each(|check| fill_fields(text, check, &FILLED_IN_CHECKS, row));
            }
            _ if key.is_one_of(&FILLED) => walk(text, value, row),
            _ => {}
        }
    }
    filled
}

fn fill_fields(text: &Text, node: &mut Node, fields: &[&str], row: &Row<'_>) {
    let Kind::Mapping(pairs) = &mut node.kind else { return };
    let chosen = pairs.iter_mut().filter(|(key, _)| key.is_one_of(fields));
    chosen.for_each(|(_, value)| walk(text, value, row));
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
    let filled = step.pairs().iter().filter(|(name, _)| name.text() != Some("rows"));
    report_unused(text, own.first(), filled.map(|(_, value)| value));
    let mut steps = Vec::new();
    for (own, place) in own.iter().zip(list.elements()) {
        if let Some((name, value)) = own.iter().find(|(name, _)| row.iter().any(|(taken, _)| taken == name)) {
            let what = format!("{} is a variable of the file's table already", word(name));
            text.wrong(value.at, what, "give this one another name");
        }
        let both: Row<'_> = own.iter().chain(row).copied().collect();
        let mut step = Node { at: place.at, kind: step.kind.clone() };
        let Kind::Mapping(pairs) = &mut step.kind else { continue };
        for (name, value) in pairs {
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
    let text = |node: &Node| node.text().unwrap_or_default().to_owned();
    let pairs = row.pairs().iter().map(|(name, value)| format!("{}={}", text(name), text(value)));
    pairs.collect::<Vec<_>>().join(" ")
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
        report_unknown(text, node.at, &name, row);
    } else if holds_key_literal(&filled) {
        let what = "with the values of the table a key is written out here; a file is no place for a secret";
        text.report(text.problem(node.at, what).without_the_rest());
    } else {
        *written = filled.into_owned();
    }
}

fn report_unknown(text: &Text, at: At, name: &str, row: &Row<'_>) {
    let variables: Vec<&str> = row.iter().map(|(variable, _)| *variable).collect();
    let known = match variables.as_slice() {
        [] => "add it to `rows`".to_owned(),
        _ => format!("expected {}", words(variables.iter().copied(), "or")),
    };
    let help = format!("{known}; or write {} if the braces are meant", word(&format!("{{{{{name}}}}}")));
    let what = format!("no variable is called {}", word(name));
    text.report(text.problem(at, what).help(help).nearest(nearest(name, variables)));
}

/// The names in braces in a text.
pub(super) fn placeholders(text: &str) -> BTreeSet<String> {
    let found = PLACEHOLDER.as_ref().map(|pattern| pattern.captures_iter(text));
    found.into_iter().flatten().filter_map(|found| Some(found.get(2)?.as_str().to_owned())).collect()
}
