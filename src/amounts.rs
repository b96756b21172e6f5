//! Numbers of things and times, as every message writes them.

use std::time::Duration;

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
