//! How runs differ from one another: counts, and percentiles with their confidence.
//!
//! The interval of a percentile lies between two order statistics: of `n` times, the rank of the one that a share `q` stays
//! within varies by a standard deviation of `sqrt(n q (1 - q))`, whatever the times are distributed like (W. J. Conover,
//! *Practical Nonparametric Statistics*, confidence interval for a quantile). That takes requests for independent; where
//! slow ones come in groups, the true interval is wider.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

use super::record::{LaneRecord, RunRecord, WindowCounts, groups};
use super::series::{Outcome, Quantile, Series, Times, digits};
use super::store::{StoreError, read_back, read_report};
use super::verdict::judge;
use crate::amounts::grouped;
use crate::report::ExitCode;
use crate::words::words;

/// How many standard deviations an interval of 95 in 100 has on either side.
const WIDTH: f64 = 1.96;

words! {
    /// What is compared.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Metric: word {
        /// The median of the response times of admitted requests, in milliseconds.
        P50 => "p50",
        /// What nine in ten stay within.
        P90 => "p90",
        /// What 99 in 100 stay within.
        P99 => "p99",
        /// What 999 in 1,000 stay within.
        #[serde(rename = "p99.9")]
        P999 => "p99.9",
        /// The longest.
        Max => "max",
        /// Requests sent in the windows that were judged.
        Sent => "sent",
        /// Those that were admitted.
        Admitted => "admitted",
        /// Those answered with 429.
        Limited => "limited",
        /// Those that came to anything else.
        Errors => "errors",
    }
}

impl Metric {
    /// The percentile that it is: they come first, and in the order of these.
    fn quantile(self) -> Option<Quantile> {
        Quantile::ALL.get(self as usize).copied()
    }
}

/// A value, and between which two it lies with a confidence of 95 in 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    /// The value: milliseconds, or a number of requests.
    pub value: f64,
    /// The lower end; the value itself, where it was counted.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// The percentile of some times; `None` of nothing.
    fn of(times: &Times, which: Quantile) -> Option<Self> {
        let value = which.of(times)?;
        let (n, share) = (times.len() as f64, which.share());
        let deviation = WIDTH * (n * share * (1.0 - share)).sqrt();
        let at = |rank: f64| times.value_at_quantile((rank / n).clamp(0.0, 1.0)) as f64 / 1_000.0;
        let (low, high) = ((n * share - deviation).floor(), (n * share + deviation).ceil() + 1.0);
        Some(Self { value, low: at(low.max(1.0)), high: at(high) })
    }

    fn is_apart_from(self, other: Self) -> bool {
        self.low > other.high || other.low > self.high
    }
}

/// How one metric of one group of lanes changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// The lane of the profile.
    pub group: String,
    /// What was measured.
    pub metric: Metric,
    /// In the run that is compared with.
    pub base: Estimate,
    /// In the other.
    pub new: Estimate,
    /// Whether the intervals are apart, so that it is more than chance.
    pub clear: bool,
}

impl Change {
    /// By how many hundredths of the base; `None` where that was nothing.
    pub fn percent(&self) -> Option<f64> {
        let by = 100.0 * (self.new.value - self.base.value);
        (self.base.value != 0.0).then(|| by / self.base.value)
    }

    /// `+12.5 %`, `±0`, `from 0 to 3`.
    pub fn told(&self) -> String {
        match self.percent() {
            _ if self.base.value == self.new.value => "±0".to_owned(),
            Some(percent) => format!("{percent:+.1} %"),
            None => format!("from 0 to {}", self.shown(self.new.value)),
        }
    }

    /// A value of this metric.
    pub fn shown(&self, value: f64) -> String {
        match self.metric.quantile() {
            Some(_) => digits(value),
            None => grouped(value as u64),
        }
    }

    /// `1.20 (1.15 to 1.31)`.
    pub fn interval(&self, of: Estimate) -> String {
        match of.low == of.high {
            true => self.shown(of.value),
            false => format!("{} ({} to {})", self.shown(of.value), self.shown(of.low), self.shown(of.high)),
        }
    }
}

/// What must not have changed: `p99 > +10%`, `p50 > +2ms`, `admitted < -1%`, `errors > +0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    metric: Metric,
    grows: bool,
    by: f64,
    relative: bool,
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = Metric::ALL.map(Metric::word).join(", ");
        let error = || {
            format!(
                "found `{text}`, expected a change such as `p99 > +10%`, `p50 > +2ms` or `errors > +0`, of one of {words}"
            )
        };
        let (name, grows, change) = match (text.split_once('>'), text.split_once('<')) {
            (Some((name, change)), None) => (name, true, change),
            (None, Some((name, change))) => (name, false, change),
            _ => return Err(error()),
        };
        let metric = Metric::ALL.into_iter().find(|one| one.word() == name.trim()).ok_or_else(error)?;
        let change = change.trim();
        let (number, relative) = match (change.strip_suffix('%'), change.strip_suffix("ms")) {
            (Some(number), _) => (number, true),
            (None, Some(number)) if metric.quantile().is_some() => (number, false),
            (None, None) if metric.quantile().is_none() => (change, false),
            _ => return Err(error()),
        };
        let by: f64 = number.trim().parse().map_err(|_| error())?;
        if !by.is_finite() || grows != (by >= 0.0) {
            return Err(error());
        }
        Ok(Self { metric, grows, by, relative })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match (self.relative, self.metric.quantile()) {
            (true, _) => "%",
            (false, Some(_)) => "ms",
            (false, None) => "",
        };
        let sign = if self.grows { '>' } else { '<' };
        write!(formatter, "{} {sign} {:+}{unit}", self.metric.word(), self.by)
    }
}

impl Limit {
    /// Whether a change goes beyond it, and by more than chance.
    pub fn is_broken_by(&self, change: &Change) -> bool {
        let by = match self.relative {
            // From nothing to something is more than any share.
            true => change.percent().unwrap_or(if change.new.value > 0.0 { f64::MAX } else { 0.0 }),
            false => change.new.value - change.base.value,
        };
        change.metric == self.metric && change.clear && if self.grows { by > self.by } else { by < self.by }
    }
}

/// One run beside the one it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// What the base is called.
    pub base: String,
    /// What the other run is called.
    pub new: String,
    /// Why nothing follows: a run that was invalid or not judged.
    pub doubts: Vec<String>,
    /// Every metric that both have, group by group.
    pub changes: Vec<Change>,
    /// The limits that are broken, each with its group.
    pub broken: Vec<String>,
}

impl Comparison {
    /// Compares two runs.
    pub fn new(base: &Measured, new: &Measured, limits: &[Limit]) -> Self {
        let doubts = [base, new].into_iter().filter_map(|run| run.doubt.clone()).collect();
        let changes = changes(base, new);
        let broken = changes.iter().flat_map(|change| {
            let broken = limits.iter().filter(|limit| limit.is_broken_by(change));
            broken.map(|limit| format!("{}: {limit}, and the change is {}", change.group, change.told()))
        });
        let broken = broken.collect();
        Self { base: base.name.clone(), new: new.name.clone(), doubts, changes, broken }
    }

    /// What the process exits with.
    pub const fn exit(&self) -> ExitCode {
        match (self.doubts.is_empty(), self.broken.is_empty()) {
            (false, _) => ExitCode::Inconclusive,
            (true, false) => ExitCode::ThresholdMissed,
            (true, true) => ExitCode::Conforms,
        }
    }
}

fn changes(base: &Measured, new: &Measured) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &base.groups {
        let Some(after) = new.groups.iter().find(|group| group.name == before.name) else { continue };
        for metric in Metric::ALL {
            if let (Some(base), Some(new)) = (before.estimate(metric), after.estimate(metric)) {
                let group = before.name.clone();
                changes.push(Change { group, metric, base, new, clear: base.is_apart_from(new) });
            }
        }
    }
    changes
}

/// A run, as far as it is compared.
#[derive(Debug, Clone)]
pub struct Measured {
    name: String,
    /// Why nothing follows from it.
    doubt: Option<String>,
    pub(super) groups: Vec<Sums>,
}

#[derive(Debug, Clone)]
pub(super) struct Sums {
    pub(super) name: String,
    /// Of the windows that were judged.
    counts: WindowCounts,
    /// The response times of admitted requests.
    pub(super) response: Times,
}

impl Measured {
    /// A run that has just been played.
    pub fn of(name: &str, run: &RunRecord) -> Self {
        let groups = groups(&run.lanes).into_iter().map(|group| Sums::of(group.sum));
        Self::new(name, judge(run).word(), groups.collect())
    }

    /// What `load` or `merge` left behind: a directory, or a JSON report.
    ///
    /// # Errors
    /// [`StoreError`] where it is neither, or broken.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        if path.is_dir() {
            return Ok(Self::of(&name, &read_back(path)?));
        }
        let (run, word, times) = read_report(path)?;
        let mut groups: Vec<Sums> = groups(&run.lanes).into_iter().map(|group| Sums::of(group.sum)).collect();
        let of = Series::Response(Outcome::Admitted).name();
        for told in times.iter().filter(|told| told.series == of) {
            let broken = |why| {
                let why = format!("the histogram of {} is broken: {why}", told.group);
                StoreError::NoRecord(path.to_owned(), why)
            };
            let read = Times::from_text(&told.histogram).map_err(broken)?;
            let of_group = groups.iter_mut().filter(|group| group.name == told.group);
            of_group.for_each(|group| group.response += &read);
        }
        Ok(Self::new(&name, &word, groups))
    }

    fn new(name: &str, verdict: &str, groups: Vec<Sums>) -> Self {
        let follows = matches!(verdict, "met" | "missed");
        let doubt = (!follows).then(|| format!("{name} is {verdict}: nothing follows from it"));
        Self { name: name.to_owned(), doubt, groups }
    }
}

impl Sums {
    fn of(mut sum: LaneRecord) -> Self {
        let mut counts = WindowCounts::default();
        sum.judged().for_each(|(_, window)| counts += *window);
        let response = std::mem::take(&mut sum.times[Series::Response(Outcome::Admitted)]);
        Self { name: sum.group, counts, response }
    }

    fn estimate(&self, metric: Metric) -> Option<Estimate> {
        let counts = &self.counts;
        let counted = match metric {
            Metric::Sent => counts.sent,
            Metric::Admitted => counts.admitted,
            Metric::Limited => counts.limited,
            Metric::Errors => counts.errors,
            _ => return Estimate::of(&self.response, metric.quantile()?),
        };
        let value = counted as f64;
        Some(Estimate { value, low: value, high: value })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::samples::{GOOD, lane, run};

    fn times(all: impl IntoIterator<Item = u64>) -> Times {
        all.into_iter().map(Duration::from_micros).collect()
    }

    /// A run whose admitted requests took so many microseconds.
    fn taking(all: impl IntoIterator<Item = u64>) -> RunRecord {
        let mut record = lane(0, &[GOOD]);
        record.times[Series::Response(Outcome::Admitted)] = times(all);
        run(vec![record], "{}")
    }

    fn compared(base: &RunRecord, new: &RunRecord, limits: &[&str]) -> Comparison {
        let limits: Vec<Limit> = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        Comparison::new(&Measured::of("base", base), &Measured::of("new", new), &limits)
    }

    #[test]
    fn a_percentile_lies_between_order_statistics() {
        let of_thousand = Estimate::of(&times(1..=1_000), Quantile::P50).unwrap();
        // 500 ± 1.96 sqrt(250).
        assert_eq!((of_thousand.low, of_thousand.value, of_thousand.high), (0.469, 0.5, 0.532));
        let of_few = Estimate::of(&times(1..=10), Quantile::P99).unwrap();
        assert_eq!((of_few.low, of_few.high), (0.009, 0.010));
        assert_eq!(Estimate::of(&Times::default(), Quantile::P50), None);
    }

    #[test]
    fn what_may_be_chance_breaks_no_limit() {
        let base = taking((0..1_000).map(|n| 1_000 + n));
        let close = taking((0..1_000).map(|n| 1_005 + n));
        let slower = taking((0..1_000).map(|n| 1_400 + n));
        let limits = ["p50 > +0.1%", "p99 > +0.1%"];
        assert_eq!(compared(&base, &close, &limits).broken, Vec::<String>::new());
        let slow = compared(&base, &slower, &limits);
        assert_eq!(slow.broken.len(), 2, "{:?}", slow.broken);
        assert!(
            slow.broken[0].starts_with("standard: p50 > +0.1%, and the change is +26."),
            "{:?}",
            slow.broken
        );
        assert_eq!(slow.exit(), ExitCode::ThresholdMissed);
        assert_eq!(compared(&slower, &base, &limits).exit(), ExitCode::Conforms);
    }

    #[test]
    fn counts_are_compared_to_the_one() {
        let base = run(vec![lane(0, &[GOOD])], "{}");
        let worse =
            run(vec![lane(0, &[WindowCounts { admitted: 57, errors: 3, ..GOOD }])], r#"{"errors": 3}"#);
        let compared =
            compared(&base, &worse, &["admitted < -5%", "admitted < -4%", "errors > +2", "errors > +10%"]);
        assert_eq!(
            compared.broken,
            [
                "standard: admitted < -4%, and the change is -5.0 %",
                "standard: errors > +2, and the change is from 0 to 3",
                "standard: errors > +10%, and the change is from 0 to 3"
            ]
        );
    }

    #[test]
    fn nothing_follows_from_an_invalid_run() {
        let base = run(vec![lane(0, &[GOOD])], "{}");
        let behind = run(vec![lane(0, &[WindowCounts { planned: 90, ..GOOD }])], "{}");
        let compared = compared(&base, &behind, &["p99 > +10%"]);
        assert_eq!((compared.exit(), compared.doubts.len()), (ExitCode::Inconclusive, 1));
    }

    #[test]
    fn limits_are_read_and_told_alike() {
        for text in
            ["p99 > +10%", "p50 > +2.5ms", "admitted < -1%", "errors > +0", "p99.9 > +1ms", "max < -5ms"]
        {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        for bad in
            ["", "p99", "p98 > +1%", "p99 > -1%", "p99 < +1%", "p99 > +1", "errors > +1ms", "p99 > +NaN%"]
        {
            assert!(bad.parse::<Limit>().unwrap_err().contains("expected a change such as"), "{bad}");
        }
    }
}
