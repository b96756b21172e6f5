//! How numbers, times and levels are put into words.

use std::time::Duration;

use crate::scenario::model::Level;

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

/// The word for a level, as in scenario files.
pub fn level_word(level: Level) -> &'static str {
    match level {
        Level::Must => "must",
        Level::Should => "should",
        Level::Rfc => "rfc",
        Level::Observe => "observe",
    }
}

/// What a level means: where it comes from, and when a failure decides over the run.
pub fn level_meaning(level: Level) -> &'static str {
    match level {
        Level::Must => "the page promises it; a failure always gates",
        Level::Should => "a user would expect it; a failure gates with --strict",
        Level::Rfc => "HTTP itself asks for it; a failure gates with --rfc",
        Level::Observe => "reported only; never gates",
    }
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
            [count(1, "check"), count(0, "check"), count(1_234_567, "request")],
            ["1 check", "0 checks", "1,234,567 requests"]
        );
    }
}
