//! Words of the language as it was, each told with what is written now.

use super::super::problem::word;
use super::super::text::Text;
use super::super::tree::Node;
use super::{Form, report};

/// Reports the words that are no longer there. What is said first of a place is what is shown, so no other stage
/// complains about them.
pub(in super::super) fn old_words(text: &Text, root: &Node, form: Form) {
    for (field, what, help) in [
        ("one_account", "`one_account` is a word of experiments", "put the check with what it expects"),
        ("checks", "`checks` stands beside `check`", "put this check"),
    ] {
        if form == Form::Check && root.get(field).is_some() {
            let help = format!("begin with `experiment: NAME`, and {help} below `checks`");
            report(text, root.key_place(&[field]), what, help);
        }
    }
    for node in root.get("steps").map(Node::elements).unwrap_or_default() {
        step(text, node);
        expect(text, node.get("expect"));
    }
    let checks = root.get("checks").map(Node::elements).unwrap_or_default();
    for (_, node) in checks.iter().filter_map(|check| check.get("expect")).flat_map(Node::pairs) {
        expect(text, Some(node));
    }
}

fn step(text: &Text, node: &Node) {
    let gone = |field: &str, help: &str| {
        report(text, node.key_place(&[field]), format!("there is no step {} any more", word(field)), help);
    };
    if node.get("align").is_some() {
        gone("align", "write `wait: fresh-window`");
    }
    match node.get("review").map(|rule| rule.text().unwrap_or_default()) {
        Some("every-429") => gone("review", "in an experiment, a check says `expect: {run: {each_429: …}}`"),
        Some(rule) => {
            gone("review", &format!("in an experiment, a check says `expect: {{run: {{holds: [{rule}]}}}}`"));
        }
        None => {}
    }
    if let Some(wait) = node.get("wait") {
        let written = wait.text().unwrap_or_default();
        if written.starts_with("promise - ") {
            let help = "write `wait: promise`; `poll` asks before that instant, too";
            report(text, wait.at, "nothing waits for the time before a promise any more", help);
        } else if written.starts_with(|mark: char| mark.is_ascii_digit()) {
            let help = "write `wait: silent-window` for a whole window, or `wait: promise` for as long as a 429 says";
            report(text, wait.at, "nothing waits for a number of seconds any more", help);
        }
    }
    if node.get("exhaust").is_some_and(|exhaust| exhaust.get("batch").is_some()) {
        let help = "to use events up, write `burst: {request: …, events: left, batch: 1000}`";
        report(
            text,
            node.get("exhaust").unwrap_or(node).key_place(&["batch"]),
            "`exhaust` has no `batch` any more",
            help,
        );
    }
}

fn expect(text: &Text, node: Option<&Node>) {
    let Some(node) = node else { return };
    let gone = |node: &Node, field: &str, help: &str| {
        if node.get(field).is_some() {
            report(text, node.key_place(&[field]), format!("there is no {} any more", word(field)), help);
        }
    };
    gone(node, "accepted_at_most", "write `accepted`: exactly so many");
    for (_, header) in node.get("headers").map(Node::pairs).unwrap_or_default() {
        gone(header, "equals", "write `integer` for a number, or `lacks` for what must not be there");
        gone(header, "matches", "write `integer` for a number, or `lacks` for what must not be there");
    }
    expect(text, node.get("each_429"));
}
