//! The percentiles that are judged and shown.

use super::thresholds::LatencyLimits;
use super::time_limit::TimeLimit;
use super::times::Times;

/// A percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantile {
    P50,
    P90,
    P99,
    P999,
    Max,
}

impl Quantile {
    /// All, in rising order.
    pub(super) const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P99, Self::P999, Self::Max];

    const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::Max => 1.0,
        }
    }

    /// The word for it, as in profiles.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99_9",
            Self::Max => "max",
        }
    }

    /// What the profile allows for it.
    pub(super) const fn limit(self, limits: &LatencyLimits) -> Option<&TimeLimit> {
        match self {
            Self::P50 => limits.p50_ms.as_ref(),
            Self::P90 => limits.p90_ms.as_ref(),
            Self::P99 => limits.p99_ms.as_ref(),
            Self::P999 => limits.p99_9_ms.as_ref(),
            Self::Max => limits.max_ms.as_ref(),
        }
    }
}

/// A percentile in milliseconds; `None` of nothing.
pub(super) fn quantile(micros: &Times, which: Quantile) -> Option<f64> {
    (!micros.is_empty()).then(|| micros.value_at_quantile(which.share()) as f64 / 1_000.0)
}

/// `1.25 ms`, to the microsecond: a reason must show by how little a limit was missed.
pub(super) fn ms(millis: f64) -> String {
    format!("{millis} ms")
}

/// Milliseconds for a table: the three digits a histogram knows.
pub(super) fn digits(millis: f64) -> String {
    match millis {
        small if small < 0.0005 => "0".to_owned(),
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_values() {
        let times: Times = (1..=1_000).map(std::time::Duration::from_micros).collect();
        let all = Quantile::ALL.map(|which| quantile(&times, which).unwrap());
        assert_eq!(all, [0.5, 0.9, 0.99, 0.999, 1.0]);
        assert_eq!(quantile(&Times::default(), Quantile::Max), None);
    }

    #[test]
    fn times_have_as_many_digits_as_are_known() {
        let all = [0.0, 0.25, 9.999, 12.34, 1_400.4].map(digits);
        assert_eq!(all, ["0", "0.25", "10.00", "12.3", "1400"]);
    }
}
