//! The templates, and the words they use for numbers and instants.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior, Value};
use serde_json::Value as Json;

use crate::amounts::grouped;
use crate::mock::ingest::parse_date;
use crate::mock::journal::took;
use crate::mock::reply::{Envelopes, Reply};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/mock/page/templates");

/// Every template; names that end in `.html` escape what they show.
static ALL: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(|| {
    let mut all = Environment::new();
    all.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    all.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    all.add_filter("clock", clock);
    all.add_filter("seconds_after", seconds_after);
    all.add_filter("span", span);
    all.add_filter("took", took);
    all.add_filter("count", grouped);
    all.add_filter("envelope", envelope);
    all.add_filter("quota", quota);
    all.add_filter("laid_out", laid_out);
    for file in TEMPLATES.files() {
        let name = file.path().to_str().unwrap_or_default();
        all.add_template(name, file.contents_utf8().unwrap_or_default())?;
    }
    Ok(all)
});

/// A template with what it shows.
pub(super) fn text(name: &str, context: &Json) -> Result<String, String> {
    let all = ALL.as_ref().map_err(|error| format!("{error:#}"))?;
    let template = all.get_template(name).map_err(|error| format!("{error:#}"))?;
    template.render(Serde(context)).map_err(|error| format!("{error:#}"))
}

/// The same as a reply.
pub(super) fn render(name: &str, status: u16, context: &Json) -> Reply {
    match text(name, context) {
        Ok(text) => Reply::of_type(status, "text/html; charset=utf-8", text.into_bytes()),
        Err(problem) => Reply::of_type(500, "text/plain; charset=utf-8", problem.into_bytes()),
    }
}

/// The time of day of an instant, `12:00:01.250`.
fn clock(instant: &str) -> String {
    let time = instant.split_once('T').map_or(instant, |(_, time)| time);
    time.trim_end_matches('Z').to_owned()
}

/// How many seconds an instant lies after another, rounded up; 0 if it does not.
fn seconds_after(instant: &str, other: &str) -> i64 {
    match (parse_date(instant), parse_date(other)) {
        (Some(instant), Some(other)) => ((instant - other).max(0) + 999) / 1_000,
        _ => 0,
    }
}

/// Milliseconds for a reader: `850 ms`, `42.5 s`, `5 min 1 s`, `2 h 5 min`.
fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 if ms.is_multiple_of(1_000) => format!("{seconds} s"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// How the events of a batch were written.
fn envelope(envelopes: &Value) -> Result<&'static str, Error> {
    let of = |name| envelopes.get_attr(name).and_then(u32::try_from);
    Ok(Envelopes { documented: of("documented")?, wire: of("wire")? }.in_a_word().unwrap_or_default())
}

/// A tier's limits as they are asked for: `60/60s`, `1000,100000/60s`, `none`.
fn quota(tier: &Value) -> Result<String, Error> {
    let of = |name| tier.get_attr(name).map(|value| u64::try_from(value).ok());
    let (Some(requests), Some(window_ms)) = (of("requests")?, of("window_ms")?) else {
        return Ok("none".to_owned());
    };
    let events = of("events")?.map_or_else(String::new, |events| format!(",{events}"));
    let window = match window_ms % 1_000 {
        0 => format!("{}s", window_ms / 1_000),
        _ => format!("{window_ms}ms"),
    };
    Ok(format!("{requests}{events}/{window}"))
}

/// JSON with line breaks where they help, also where its end is missing. Nothing but white space changes, and what is
/// no JSON stays as it is.
fn laid_out(text: &str) -> String {
    if !text.trim_start().starts_with(['{', '[']) {
        return text.to_owned();
    }
    let (mut out, mut depth, mut in_string, mut escaped) =
        (String::with_capacity(text.len() * 2), 0, false, false);
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        // Deeper nesting is nobody's idea of an event.
        out.push_str(&"  ".repeat(depth.min(20)));
    };
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_string {
            out.push(letter);
            in_string = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            continue;
        }
        match letter {
            ' ' | '\n' | '\r' | '\t' => continue,
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(closing) =
                    letters.next_if(|&next| matches!((letter, next), ('{', '}') | ('[', ']')))
                {
                    out.push(closing);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        assert!(ALL.is_ok(), "{:?}", ALL.as_ref().err());
    }

    #[test]
    fn numbers_and_instants_are_words() {
        assert_eq!(clock("2026-01-31T12:00:01.250Z"), "12:00:01.250");
        assert_eq!(seconds_after("2026-01-31T12:00:01.001Z", "2026-01-31T12:00:00.000Z"), 2);
        assert_eq!(seconds_after("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:01.000Z"), 0);
        assert_eq!(
            [span(850), span(42_560), span(301_000), span(7_500_000)],
            ["850 ms", "42.5 s", "5 min 1 s", "2 h 5 min"]
        );
        assert_eq!(
            [took(0), took(4), took(420), took(1_300_000)],
            ["under 0.001 ms", "0.004 ms", "0.42 ms", "1.3 s"]
        );
    }

    #[test]
    fn json_is_laid_out_and_nothing_else_is_touched() {
        assert_eq!(
            laid_out(r#"{"a":[1,{}],"b":"{, \" ["}"#),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"{, \\\" [\"\n}"
        );
        assert_eq!(laid_out(r#"[ {"cut": "of"#), "[\n  {\n    \"cut\": \"of");
        assert_eq!(laid_out("a,b {c}"), "a,b {c}");
        assert_eq!(laid_out("]]}"), "]]}");
    }
}
