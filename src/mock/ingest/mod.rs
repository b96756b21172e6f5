//! Reading request bodies: event batches in both envelopes, and scores.
//!
//! Times are ISO 8601 outside, and milliseconds since 1970 inside.

mod batch;
mod lenient;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Timelike};
use serde::Deserialize;

use super::reply::{Detail, Invalid};
use lenient::{MAX_BATCH, MAX_DETAILS};

pub use batch::Written;
pub(crate) use batch::{Batch, Event, EventType, parse_events};

/// The longest name of a metric, in characters.
const MAX_METRIC: usize = 64;

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

pub(crate) const DAY_MS: i64 = 86_400_000;

/// Reads a date with a time. Without an offset it is taken as UTC.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    if let Some(time) = plain(text.as_bytes()) {
        return Some(time);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .map(|time| time.and_utc().timestamp_millis())
}

/// Reads the form that nearly every client sends, `2026-01-31T12:00:00.000Z` with 0 or 3 digits after the point, as
/// the calendar library would and ten times as fast; nothing where the text has another form, or a leap second.
fn plain(text: &[u8]) -> Option<i64> {
    let (date, time) = (text.get(..11)?, text.get(11..19)?);
    let milliseconds = match text.get(19..)? {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if digits.len() == 3 => number(digits)?,
        _ => return None,
    };
    let [year @ .., b'-', m1, m2, b'-', d1, d2, b'T'] = date else { return None };
    let [h1, h2, b':', min1, min2, b':', s1, s2] = time else { return None };
    let (year, month, day) = (number(year)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*min1, *min2])?, number(&[*s1, *s2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970, with years that begin in March so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leaps + (153 * month + 2) / 5 + day - 719_469;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + milliseconds)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Reads a date, with or without a time; a date alone means 00:00:00Z.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()),
        Err(_) => parse_timestamp(text),
    }
}

/// Writes an instant as `2026-01-31T12:00:00.000Z`. What the calendar cannot say becomes 1970.
pub(crate) fn format_timestamp(at: i64) -> String {
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    let Some(year) = u32::try_from(time.year()).ok().filter(|year| *year <= 9_999) else {
        return time.to_rfc3339_opts(SecondsFormat::Millis, true);
    };
    // A page of sessions is mostly instants, and the calendar library's own way takes ten times as long.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], time.month());
    digits(&mut text[8..10], time.day());
    digits(&mut text[11..13], time.hour());
    digits(&mut text[14..16], time.minute());
    digits(&mut text[17..19], time.second());
    digits(&mut text[20..23], time.timestamp_subsec_millis());
    String::from_utf8_lossy(&text).into_owned()
}

fn digits(places: &mut [u8], mut number: u32) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn the_plain_form_is_read_as_the_calendar_library_reads_it(
            year in 0_u32..=9_999, month in 0_u32..14, day in 0_u32..33, hour in 0_u32..26, minute in 0_u32..62,
            second in 0_u32..62, rest in "(\\.[0-9]{3})?Z",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{rest}");
            let library = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_millis());
            if let Some(read) = plain(text.as_bytes()) {
                prop_assert_eq!(Some(read), library);
            } else {
                prop_assert!(library.is_none() || second == 60, "{} is read by the library alone", text);
            }
        }
    }

    #[test]
    fn dates_alone_offsets_and_fractions_are_read() {
        assert_eq!(parse_date("1970-01-02"), Some(DAY_MS));
        assert_eq!(parse_date("1970-01-02T00:00:00+01:00"), Some(DAY_MS - 3_600_000));
        assert_eq!(parse_timestamp("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(parse_timestamp("1970-01-01T00:00:01.25"), Some(1_250));
        assert_eq!(parse_timestamp("yesterday"), None);
        assert_eq!(parse_timestamp("1970-01-02"), None, "an event needs a time");
    }

    #[test]
    fn instants_are_written_in_utc_with_milliseconds() {
        for text in ["1970-01-01T00:00:01.500Z", "0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(format_timestamp(parse_timestamp(text).unwrap()), text);
        }
        assert_eq!(format_timestamp(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format_timestamp(253_402_300_800_000), "+10000-01-01T00:00:00.000Z");
    }
}
