//! Tables: the rows of a file or of a step, and what stands in the file with a row filled in.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::nearest::nearest;
use crate::yaml::{At, Kind, Node, Text, holds_key_literal, word, words};

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
    let checks = root.list("checks").iter().flat_map(|check| fields(check, &FILLED_IN_CHECKS));
    report_unused(text, rows.first(), fields(root, &FILLED).chain(checks));
    rows
}

/// The values of some fields.
fn fields<'n>(node: &'n Node, names: &[&str]) -> impl Iterator<Item = &'n Node> {
    node.pairs().iter().filter(|(name, _)| name.is_one_of(names)).map(|(_, value)| value)
}

fn refuse<T>(text: &Text, at: At, what: impl AsRef<str>) -> Vec<T> {
    text.report(text.problem(at, what));
    Vec::new()
}

fn combined<'n>(text: &Text, table: &'n Node) -> Vec<Row<'n>> {
    let mut rows: Vec<Row<'n>> = vec![Vec::new()];
    for (name, values) in table.pairs() {
        let (variable, at) = (name.written(), values.at);
        let values = values.elements();
        if !is_variable(variable) {
            return refuse(text, name.at, "a variable's name is made of small letters and `_`");
        } else if values.is_empty() {
            return refuse(text, at, "a variable needs a list of at least one value");
        } else if rows.len() * values.len() > MOST_ROWS {
            return refuse(text, at, "the table makes more than 1,000 cases");
        }
        let with = |row: &Row<'n>, value| row.iter().copied().chain([(variable, value)]).collect();
        rows = rows.iter().flat_map(|row| values.iter().map(|value| with(row, value))).collect();
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
    let used: BTreeSet<String> =
        filled.flat_map(Node::scalars).flat_map(|scalar| placeholders(scalar.written())).collect();
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
        match (key.written(), &mut value.kind) {
            ("steps", Kind::Sequence(all)) => {
                *all = all.iter().flat_map(|step| with_own_rows(text, step, row)).collect();
            }
            ("checks", Kind::Sequence(all)) => {
                all.retain(|check| reads(check, row));
                for check in all {
                    let Kind::Mapping(pairs) = &mut check.kind else { continue };
                    let filled = pairs.iter_mut().filter(|(key, _)| key.is_one_of(&FILLED_IN_CHECKS));
                    filled.for_each(|(_, value)| fill_in(text, value, row));
                }
            }
            _ if key.is_one_of(&FILLED) => fill_in(text, value, row),
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
    check
        .pairs_at("where")
        .iter()
        .all(|(name, wanted)| value_in(row, name.written()).is_none_or(|value| has(wanted, value)))
}

fn value_in<'n>(row: &Row<'n>, name: &str) -> Option<&'n Node> {
    row.iter().find(|(variable, _)| *variable == name).map(|(_, value)| *value)
}

/// A step with the file's row filled in, once for each row of its own; each of these stands where its row does and keeps
/// that one row, for its label.
fn with_own_rows(text: &Text, step: &Node, row: &Row<'_>) -> Vec<Node> {
    let Some(list) = step.get("rows") else {
        let mut step = step.clone();
        fill_in(text, &mut step, row);
        return vec![step];
    };
    let mut list = list.clone();
    fill_in(text, &mut list, row);
    let own = listed(text, &list);
    let filled = step.pairs().iter().filter(|(name, _)| name.text() != Some("rows"));
    report_unused(text, own.first(), filled.map(|(_, value)| value));
    let mut steps = Vec::new();
    for (own, place) in own.iter().zip(list.elements()) {
        if let Some((name, value)) = own.iter().find(|(name, _)| value_in(row, name).is_some()) {
            let what = format!("{} is a variable of the file's table already", word(name));
            text.wrong(value.at, what, "give this one another name");
        }
        let both: Row<'_> = own.iter().chain(row).copied().collect();
        let mut step = Node { at: place.at, kind: step.kind.clone() };
        let Kind::Mapping(pairs) = &mut step.kind else { continue };
        for (name, value) in pairs {
            match name.written() {
                "rows" => value.kind = Kind::Sequence(vec![place.clone()]),
                _ => fill_in(text, value, &both),
            }
        }
        steps.push(step);
    }
    steps
}

/// A row as a reader sees it: `name=value name=value`.
pub(super) fn label(row: &Node) -> String {
    let pairs = row.pairs().iter().map(|(name, value)| format!("{}={}", name.written(), value.written()));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Fills a row into everything in a value, names included.
fn fill_in(text: &Text, node: &mut Node, row: &Row<'_>) {
    match &mut node.kind {
        Kind::Scalar { .. } => fill_scalar(text, node, row),
        Kind::Sequence(elements) => elements.iter_mut().for_each(|element| fill_in(text, element, row)),
        Kind::Mapping(pairs) => {
            let mut names = BTreeSet::new();
            for (key, value) in pairs {
                fill_scalar(text, key, row);
                fill_in(text, value, row);
                if !names.insert(key.written().to_owned()) {
                    text.report(text.problem(key.at, format!("{} is given twice", word(key.written()))));
                }
            }
        }
    }
}

fn fill_scalar(text: &Text, node: &mut Node, row: &Row<'_>) {
    let (Kind::Scalar { text: written, .. }, Some(pattern)) = (&mut node.kind, PLACEHOLDER.as_ref()) else {
        return;
    };
    // YAML wants `{name}` in quotes, so these say nothing: the value counts as it stands in the table.
    let whole = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(value) = whole.and_then(|name| value_in(row, name)) {
        if value.text().is_some() {
            node.kind = value.kind.clone();
        }
        return;
    }
    let mut unknown = None;
    let filled = pattern.replace_all(written, |found: &Captures<'_>| {
        let Some(name) = found.get(2).map(|name| name.as_str()) else {
            return format!("{{{}}}", &found[1]);
        };
        let value = value_in(row, name);
        if value.is_none() {
            unknown = Some(name.to_owned());
        }
        value.map_or(&found[0], Node::written).to_owned()
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
