//! ISO 8601 in, milliseconds since 1970 out, and back.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Reads a date with a time. Without an offset it is taken as UTC.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .map(|time| time.and_utc().timestamp_millis())
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
    DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(format_timestamp(1_500), "1970-01-01T00:00:01.500Z");
    }
}
