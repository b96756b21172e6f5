//! ISO 8601 in, milliseconds since 1970 out, and back.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Timelike};

/// A day in milliseconds.
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
