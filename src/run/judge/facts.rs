//! What is reported of what was seen, without a verdict.

use super::context::Context;
use crate::run::evidence::{KeyInfo, Sent};
use crate::scenario::model::told_row;

/// Fills what was seen of one answer into the text of an `observe`.
pub(super) fn observed(context: &Context<'_>, text: &str, sent: &Sent) -> Option<String> {
    let answer = sent.outcome.as_ref().ok()?;
    let look = context.look(answer.look);
    let seconds = look.retry_after().map_or_else(|| "no".to_owned(), |wait| wait.as_secs().to_string());
    let json = look.json().unwrap_or_default();
    let message = json.pointer("/error/message").and_then(|text| text.as_str()).unwrap_or("(no message)");
    let limit = context.key(&sent.key).map_or(0, |key| key.documented.requests);
    let mut filled = text
        .replace("<status>", &answer.status.to_string())
        .replace("<message>", message)
        .replace("<seconds>", &seconds)
        .replace("<limit>", &limit.to_string());
    while let Some(open) = filled.find("<header ") {
        let Some(close) = filled[open..].find('>') else { break };
        let name = filled[open + "<header ".len()..open + close].to_owned();
        let value = look.lines(&name).next().unwrap_or("(none)").replace('<', "(");
        filled.replace_range(open..=open + close, &value);
    }
    Some(with_row(context, filled))
}

/// Fills numbers into the text of an `observe`.
pub(super) fn numbers(
    context: &Context<'_>,
    text: &str,
    admitted: u32,
    limited: u32,
    all: u32,
    key: &KeyInfo,
) -> String {
    let filled = text
        .replace("<admitted>", &admitted.to_string())
        .replace("<limited>", &limited.to_string())
        .replace("<other>", &(all - admitted - limited).to_string())
        .replace("<limit>", &context.limits(key).requests.to_string());
    with_row(context, filled)
}

/// A fact, with the row it belongs to.
fn with_row(context: &Context<'_>, fact: String) -> String {
    let row = told_row(&context.case.row);
    if row.is_empty() { fact } else { format!("{row}: {fact}") }
}
