//! Reading request bodies: event batches in both envelopes, and scores.

mod batch;
mod lenient;
mod timestamp;

use serde::Deserialize;

use super::summary::{Detail, Invalid};
use lenient::{MAX_BATCH, MAX_DETAILS};

pub use batch::Written;
pub(crate) use batch::{Batch, Event, EventType, parse_events};
pub(crate) use timestamp::{DAY_MS, format_timestamp, parse_date};

/// The longest name of a metric, in characters.
const MAX_METRIC: usize = 64;

/// A valid score.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Score {
    pub(crate) session_id: String,
    pub(crate) metric: String,
    pub(crate) value: f64,
}

/// Reads 1 to 1,000 scores.
///
/// # Errors
/// [`Invalid`] says everything that is wrong; the whole request is refused then.
pub(crate) fn parse_scores(body: &[u8]) -> Result<Vec<Score>, Invalid> {
    #[derive(Deserialize)]
    struct Body {
        scores: Vec<serde_json::Value>,
    }
    let wrong =
        |field: &str, message: String| Invalid::body(vec![Detail { field: field.to_owned(), message }]);
    let Body { scores } =
        serde_json::from_slice(body).map_err(|error| wrong("scores", format!("cannot be read: {error}")))?;
    if scores.is_empty() || scores.len() > MAX_BATCH {
        return Err(wrong("scores", format!("must hold 1 to {MAX_BATCH} scores")));
    }
    let mut details = Vec::new();
    let mut valid = Vec::with_capacity(scores.len());
    for (index, score) in scores.iter().enumerate() {
        match validate(score) {
            Ok(score) => valid.push(score),
            Err((member, message)) if details.len() < MAX_DETAILS => {
                details
                    .push(Detail { field: format!("scores[{index}]{member}"), message: message.to_owned() });
            }
            Err(_) => break,
        }
    }
    if details.is_empty() { Ok(valid) } else { Err(Invalid::body(details)) }
}

fn validate(score: &serde_json::Value) -> Result<Score, (&'static str, &'static str)> {
    let object = score.as_object().ok_or(("", "must be an object"))?;
    let text = |name: &str| object.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let session_id = text("session_id").ok_or((".session_id", "must be a string that is not empty"))?;
    let metric = text("metric")
        .filter(|metric| metric.chars().count() <= MAX_METRIC)
        .ok_or((".metric", "must be a string of 1 to 64 characters"))?;
    let value = object
        .get("value")
        .and_then(serde_json::Value::as_f64)
        .filter(|value| value.is_finite())
        .ok_or((".value", "must be a finite number"))?;
    Ok(Score { session_id: session_id.to_owned(), metric: metric.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_and_wrong_ones_named() {
        let good = br#"{"scores":[{"session_id":"s","metric":"quality","value":0.5}]}"#;
        assert_eq!(parse_scores(good).unwrap()[0].metric, "quality");
        let bad = br#"{"scores":[{"session_id":"s","metric":"m","value":"high"},3]}"#;
        let fields: Vec<_> = parse_scores(bad).unwrap_err().details.into_iter().map(|d| d.field).collect();
        assert_eq!(fields, ["scores[0].value", "scores[1]"]);
        assert!(parse_scores(br#"{"scores":[]}"#).is_err());
    }

    #[test]
    fn a_metric_has_at_most_64_characters() {
        let body = |n: usize| {
            format!(r#"{{"scores":[{{"session_id":"s","metric":"{}","value":1}}]}}"#, "ä".repeat(n))
        };
        assert!(parse_scores(body(64).as_bytes()).is_ok());
        assert!(parse_scores(body(65).as_bytes()).is_err());
    }
}
