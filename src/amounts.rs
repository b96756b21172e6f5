//! Numbers of things and times, as every message writes them and every option takes them.

use std::str::FromStr;
use std::time::Duration;

/// A time such as `250ms`, `30s`, `10m` or `1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|mark: char| !mark.is_ascii_digit())?);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

/// Such a time as options take it: of at most a week.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(7 * 24 * 3_600);
    duration(text)
        .filter(|time| (Duration::from_millis(1)..=MOST).contains(time))
        .ok_or_else(|| "expected a time of at most a week, such as `500ms`, `30s`, `10m` or `1h`".to_owned())
}

/// A part and how many there are, such as `1/4`.
pub(crate) fn part<N: FromStr + Ord + From<u8>>(text: &str) -> Option<(N, N)> {
    let (part, of) = text.split_once('/')?;
    let (part, of) = (part.parse().ok()?, of.parse().ok()?);
    (N::from(1) <= part && part <= of).then_some((part, of))
}

/// Whole milliseconds; a time beyond 2⁶⁴ of them does not occur.
pub(crate) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `12 ms`, `1.2 s`, `2 min 5 s`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..60_000 => format!("{}.{} s", seconds, millis % 1_000 / 100),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `1 check`, `2 checks`, `12,345 checks`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well_at_every_size() {
        let of = |millis| time(Duration::from_millis(millis));
        assert_eq!(
            [of(0), of(999), of(1_000), of(59_999), of(125_400)],
            ["0 ms", "999 ms", "1.0 s", "59.9 s", "2 min 5 s"]
        );
    }

    #[test]
    fn counts_are_grouped_and_take_their_plural() {
        assert_eq!(
            [count(1, "check"), count(0, "check"), count(1_234_567, "request"), grouped(999), grouped(1_000)],
            ["1 check", "0 checks", "1,234,567 requests", "999", "1,000"]
        );
    }
}
