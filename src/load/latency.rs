//! Times against their limits: by clock, outcome and percentile, some of them beside those of another lane.

use std::borrow::Cow;

use super::findings::{About, Finding, Miss};
use super::quantile::{Quantile, ms, quantile};
use super::record::{LaneRecord, Outcome, RunRecord};
use super::series::{Clock, Series};
use super::thresholds::Thresholds;
use super::time_limit::{Beside, TimeLimit};
use super::times::Times;
use super::totals::groups;

/// Every limit on a time that a lane is asked to keep.
pub(super) fn judge(run: &RunRecord, lane: &LaneRecord, asked: &Thresholds) -> Vec<Finding> {
    let mut found = Vec::new();
    for clock in Clock::ALL {
        let limits = match clock {
            Clock::Response => &asked.response,
            Clock::Service => &asked.service,
        };
        for outcome in Outcome::ALL {
            for which in Quantile::ALL {
                let Some(limit) = which.limit(limits.of(outcome)) else { continue };
                found.push(Asked { run, lane, limit, clock, outcome, which }.judge());
            }
        }
    }
    found
}

/// One limit on one percentile of a lane.
struct Asked<'a> {
    run: &'a RunRecord,
    lane: &'a LaneRecord,
    limit: &'a TimeLimit,
    clock: Clock,
    outcome: Outcome,
    which: Quantile,
}

impl Asked<'_> {
    fn judge(&self) -> Finding {
        let series = Series::Times(self.outcome, self.clock);
        let allowed = Allowed::of(self.run, self.lane, self.limit, |other| self.percentile(series.of(other)));
        let misses = if self.run.stop_at_first_miss {
            let windows = self.lane.judged().map(|(window, _)| window);
            let missed = |window: usize| {
                let seen = self.missed(series.of_window(self.lane, window), &allowed)?;
                Some(Miss { window: Some(window + 1), seen })
            };
            windows.filter_map(missed).collect()
        } else {
            let seen = self.missed(series.of(self.lane), &allowed);
            seen.map(|seen| Miss { window: None, seen }).into_iter().collect()
        };
        Finding {
            lane: self.lane.name.clone(),
            threshold: format!("{}.{}.{}_ms", self.clock.word(), self.outcome.word(), self.which.word()),
            about: About::Target,
            expected: allowed.words,
            misses,
        }
    }

    fn percentile(&self, times: Option<&Times>) -> Option<f64> {
        times.and_then(|times| quantile(times, self.which))
    }

    /// What was seen, where that is not allowed.
    fn missed(&self, times: Option<&Times>, allowed: &Allowed) -> Option<String> {
        match (self.percentile(times), allowed.most) {
            (Some(time), Some(most)) if time <= most => None,
            (Some(time), _) => Some(ms(time)),
            // No admitted request at all cannot have been quick enough.
            (None, _) if self.outcome == Outcome::Admitted => {
                Some("unknown, for nothing was admitted".to_owned())
            }
            (None, _) => None,
        }
    }
}

/// What a limit comes to.
struct Allowed {
    /// In milliseconds; `None` where the other lane has nothing to compare with.
    most: Option<f64>,
    words: String,
}

impl Allowed {
    fn of(
        run: &RunRecord,
        lane: &LaneRecord,
        limit: &TimeLimit,
        measured: impl Fn(&LaneRecord) -> Option<f64>,
    ) -> Self {
        let Some(Beside { times, lane: other }) = &limit.beside else {
            let most = limit.ms.unwrap_or_default();
            return Self { most: Some(most), words: format!("at most {}", ms(most)) };
        };
        let Some(theirs) = other_lane(run, lane, other).as_deref().and_then(measured) else {
            return Self { most: limit.ms, words: format!("at most {limit}, and {other} has no such time") };
        };
        // To the microsecond: that is what is known of either.
        let multiple = (theirs * times * 1_000.0).round() / 1_000.0;
        let most = limit.ms.map_or(multiple, |ms| ms.max(multiple));
        Self { most: Some(most), words: format!("at most {} ({limit}, which took {})", ms(most), ms(theirs)) }
    }
}

/// The lane that a lane is compared with: the one of the same number among those of its group, or all of them
/// together where the groups are not of one size.
fn other_lane<'a>(run: &'a RunRecord, lane: &LaneRecord, group: &str) -> Option<Cow<'a, LaneRecord>> {
    let of = |group: &str| run.lanes.iter().filter(|lane| lane.group == group).collect::<Vec<_>>();
    let (mine, theirs) = (of(&lane.group), of(group));
    if mine.len() == theirs.len() {
        let place = mine.iter().position(|one| one.place == lane.place)?;
        return theirs.get(place).map(|lane| Cow::Borrowed(*lane));
    }
    let sum = groups(&run.lanes).into_iter().find(|sum| sum.sum.group == group)?;
    Some(Cow::Owned(sum.sum))
}
