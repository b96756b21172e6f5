//! ISO 8601 in, milliseconds since 1970 out, and back.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Timelike};

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
        for text in ["1970-01-01T00:00:01.500Z", "0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(format_timestamp(parse_timestamp(text).unwrap()), text);
        }
        assert_eq!(format_timestamp(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format_timestamp(253_402_300_800_000), "+10000-01-01T00:00:00.000Z");
    }
}
