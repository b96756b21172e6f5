//! What an answer means for a lane: admitted, limited as the page says, or something else.

use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::record::Outcome;
use crate::contract::WINDOW_SECONDS;

/// The documented body of a 429, written out, with `{seconds}` for the number.
static LIMITED_BODY: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../fixtures/errors/429.json")).unwrap_or_default()
});
/// Stands for a number in the documented message.
const SECONDS: &str = "{seconds}";

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The class.
    pub(crate) outcome: Outcome,
    /// Events the target says it accepted; all that were sent where it says nothing.
    pub(crate) accepted: u32,
    /// What is wrong with it.
    pub(crate) fault: Option<String>,
    /// What a 429 promises.
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Accepted {
    data: AcceptedCount,
}

#[derive(Deserialize)]
struct AcceptedCount {
    accepted: u32,
}

/// Reads an answer to a request with so many events.
pub(crate) fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    events: u32,
    extra_members: bool,
) -> Reading {
    match status {
        200..=299 => {
            let accepted = if events == 0 {
                0
            } else {
                serde_json::from_slice(body).map_or(events, |accepted: Accepted| accepted.data.accepted)
            };
            Reading { outcome: Outcome::Admitted, accepted, fault: None, retry_after: None }
        }
        429 => {
            let promise = retry_after(headers);
            let fault =
                promise.as_ref().err().map(ToString::to_string).or_else(|| wrong_body(body, extra_members));
            Reading { outcome: Outcome::Limited, accepted: 0, fault, retry_after: promise.ok() }
        }
        _ => Reading {
            outcome: Outcome::Error,
            accepted: 0,
            fault: Some(format!("status {status}")),
            retry_after: None,
        },
    }
}

/// The seconds of a single Retry-After that is a whole number from 1 to 60: all limits are per minute.
fn retry_after(headers: &HeaderMap) -> Result<Duration, &'static str> {
    let mut lines = headers.get_all("retry-after").iter();
    let Some(line) = lines.next() else { return Err("a 429 without Retry-After") };
    if lines.next().is_some() {
        return Err("a 429 with two Retry-After");
    }
    let digits = line.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(0) => Err("a 429 whose Retry-After is 0"),
        Some(seconds) if seconds > WINDOW_SECONDS => Err("a 429 whose Retry-After is over 60"),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("a 429 whose Retry-After is no whole number of seconds"),
    }
}

fn wrong_body(body: &[u8], extra_members: bool) -> Option<String> {
    let documented = |body: &Value| is_like(&LIMITED_BODY, body, extra_members);
    match serde_json::from_slice(body) {
        Ok(body) if documented(&body) => None,
        Ok(_) => Some("a 429 whose body is not the documented one".to_owned()),
        Err(_) => Some("a 429 whose body is no JSON".to_owned()),
    }
}

/// Whether `actual` is the documented value: the same members, and more of them where that is allowed.
fn is_like(documented: &Value, actual: &Value, extra_members: bool) -> bool {
    match (documented, actual) {
        (Value::Object(documented), Value::Object(actual)) => {
            (extra_members || actual.len() == documented.len())
                && documented.iter().all(|(name, value)| {
                    actual.get(name).is_some_and(|actual| is_like(value, actual, extra_members))
                })
        }
        (Value::String(documented), Value::String(actual)) => match documented.split_once(SECONDS) {
            None => documented == actual,
            Some((before, after)) => actual
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
        },
        (documented, actual) => documented == actual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str =
        r#"{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 7 seconds."}}"#;

    fn limited(retry_after: &[&str], body: &str, extra: bool) -> Reading {
        let mut headers = HeaderMap::new();
        for value in retry_after {
            headers.append("retry-after", value.parse().unwrap());
        }
        read(429, &headers, body.as_bytes(), 10, extra)
    }

    #[test]
    fn the_documented_429_is_right() {
        let reading = limited(&["7"], BODY, false);
        assert_eq!((reading.fault, reading.retry_after), (None, Some(Duration::from_secs(7))));
    }

    #[test]
    fn every_other_429_is_told_apart() {
        let more = BODY.replace("}}", r#"},"more":1}"#);
        let rows = [
            (vec![], BODY, "without"),
            (vec!["7", "7"], BODY, "two"),
            (vec!["0"], BODY, "is 0"),
            (vec!["61"], BODY, "is over 60"),
            (vec!["7.5"], BODY, "whole number"),
            (vec!["soon"], BODY, "whole number"),
            (vec![""], BODY, "whole number"),
            (vec!["7"], "", "no JSON"),
            (vec!["7"], more.as_str(), "not the documented one"),
            (vec!["7"], r#"{"error":{"code":"RATE_LIMITED"}}"#, "not the documented one"),
            (vec!["7"], &BODY.replace('7', ""), "not the documented one"),
        ];
        for (retry_after, body, fault) in rows {
            let reading = limited(&retry_after, body, false);
            assert_eq!(reading.outcome, Outcome::Limited);
            assert!(reading.fault.unwrap().contains(fault), "{fault}");
        }
        assert_eq!(limited(&["7"], &more, true).fault, None);
    }

    #[test]
    fn the_target_says_how_many_events_it_took() {
        let headers = HeaderMap::new();
        let accepted = |body: &str| read(200, &headers, body.as_bytes(), 10, false).accepted;
        assert_eq!(accepted(r#"{"data":{"accepted":9,"rejected":1}}"#), 9);
        assert_eq!(accepted("{}"), 10);
        assert_eq!(read(503, &headers, b"", 10, false).fault.unwrap(), "status 503");
    }
}
