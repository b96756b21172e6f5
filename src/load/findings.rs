//! What was asked of each lane, and where it did not hold.

use std::borrow::Cow;
use std::fmt;
use std::iter::zip;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::record::{LISTED, LaneRecord, RunRecord, WindowCounts, groups, missing_shards, shards_named};
use super::series::{Outcome, Quantile, Series, Times, ms};
use super::thresholds::{ACHIEVED_RATE, Beside, Thresholds, TimeLimit};
use crate::amounts::{count, grouped, time};
use crate::scenario::words::Amount;

/// What a threshold says something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// The generator: where it does not hold, the run is invalid.
    Generator,
    /// The target.
    Target,
}

/// One threshold of one lane.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// The lane.
    pub lane: String,
    /// Its threshold, as the profile spells it: `admitted`, `response.admitted.p99_ms`.
    pub threshold: String,
    /// Whose fault a miss is.
    pub about: About,
    /// What was asked for.
    pub expected: String,
    /// Where it did not hold; empty where it held.
    pub misses: Vec<Miss>,
}

/// One place where a threshold did not hold.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Miss {
    /// The window, from 1 and the warm-up included; `null` where the threshold is on the whole run.
    pub window: Option<usize>,
    /// What was seen.
    pub seen: String,
}

impl Finding {
    /// One on the whole run, with what was seen where it did not hold.
    fn of_run(
        lane: &str,
        threshold: impl Into<String>,
        about: About,
        expected: String,
        seen: Option<String>,
    ) -> Self {
        let misses = seen.into_iter().map(|seen| Miss { window: None, seen }).collect();
        Self { lane: lane.to_owned(), threshold: threshold.into(), about, expected, misses }
    }

    /// Whether it held everywhere.
    pub const fn held(&self) -> bool {
        self.misses.is_empty()
    }
}

/// The first miss in words, and how many there are besides.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lane, threshold, expected, .. } = self;
        let Some(first) = self.misses.first() else {
            return write!(formatter, "{lane}: {threshold} is {expected}");
        };
        formatter.write_str(lane)?;
        if let Some(window) = first.window {
            write!(formatter, ", window {window}")?;
        }
        write!(formatter, ": {threshold} {}, expected {expected}", first.seen)?;
        match self.misses.len() {
            1 => Ok(()),
            2 => formatter.write_str("; and in 1 more window"),
            more => write!(formatter, "; and in {} more windows", more - 1),
        }
    }
}

/// Everything that is asked of the lanes with a window to judge, counts before times.
pub fn findings(run: &RunRecord) -> Vec<Finding> {
    let judged = run.lanes.iter().filter(|lane| lane.judged().next().is_some());
    let of_lanes = judged.flat_map(|lane| of_lane(run, lane, &lane.thresholds.over(&run.thresholds)));
    missing(run).into_iter().chain(together(run)).chain(of_lanes).collect()
}

/// What is asked of all shards of a run, in the place of a lane's name.
const ALL_SHARDS: &str = "all shards";

/// Whether a run was merged from all of its shards: the load of the others was missing, or nobody saw what came of it.
fn missing(run: &RunRecord) -> Option<Finding> {
    let missing = missing_shards(&run.parts);
    let last = missing.last()?;
    let of = run.parts.first()?.shard.of;
    let seen = format!("without {}", shards_named(&missing));
    let more = if missing.len() == LISTED && *last < of { " and more" } else { "" };
    let expected = format!("all {of}");
    Some(Finding::of_run(ALL_SHARDS, "merged", About::Generator, expected, Some(seen + more)))
}

/// Whether the shards of a run ran at the same time: those that did not never put the target under the load they were meant
/// to.
fn together(run: &RunRecord) -> Option<Finding> {
    /// The share of the shortest shard's time that all of them have in common, at least.
    const IN_COMMON: f64 = 0.9;
    let last = run.parts.iter().max_by_key(|part| part.started_at)?;
    let first_over = run.parts.iter().min_by_key(|part| part.end())?;
    let shortest = run.parts.iter().map(|part| part.took).min()?;
    let common = (first_over.end() - last.started_at).to_std().unwrap_or_default();
    let seen = (common < shortest.mul_f64(IN_COMMON)).then(|| {
        let first = run.parts.iter().min_by_key(|part| part.started_at).unwrap_or(last);
        let apart = (last.started_at - first.started_at).to_std().unwrap_or_default();
        format!(
            "for {}, as shard {} began {} after shard {}; give all of them one --start-at",
            time(common),
            last.shard.index,
            time(apart),
            first.shard.index
        )
    });
    let expected = format!("for nine tenths of {}", time(shortest));
    Some(Finding::of_run(ALL_SHARDS, "ran together", About::Generator, expected, seen))
}

fn of_lane(run: &RunRecord, lane: &LaneRecord, asked: &Thresholds) -> Vec<Finding> {
    let mut found = vec![achieved(lane, asked.achieved_rate.unwrap_or(ACHIEVED_RATE))];
    found.extend(asked.send_lag_p99_ms.map(|most| send_lag(lane, most)));
    let at_most = |threshold, most: u64, count: fn(&WindowCounts) -> u64| {
        in_windows(lane, threshold, format!("at most {most}"), |counts| {
            (count(counts) > most).then(|| count(counts).to_string())
        })
    };
    found.push(at_most("errors", asked.errors.unwrap_or(0), |counts| counts.errors));
    found.push(at_most("wrong_429", asked.wrong_429.unwrap_or(0), |counts| counts.wrong_429));
    let [requests, events] = Exact::of(lane, asked);
    if let Some(exact) = requests {
        found.extend(exact.judge(lane, |counts| Counted {
            admitted: counts.admitted,
            sent: counts.sent,
            due: counts.planned.max(counts.sent),
        }));
    }
    found.extend(
        asked.limited.map(|most| unless_late(lane, at_most("limited", most, |counts| counts.limited))),
    );
    if let Some(exact) = events {
        let events = u64::from(lane.events_per_request);
        found.extend(exact.judge(lane, |counts| Counted {
            admitted: counts.events_admitted,
            sent: counts.events_sent,
            due: (counts.planned * events).max(counts.events_sent),
        }));
    }
    found.extend(latencies(run, lane, asked));
    found
}

/// A finding on the counts of each window.
fn in_windows(
    lane: &LaneRecord,
    threshold: &str,
    expected: String,
    mut wrong: impl FnMut(&WindowCounts) -> Option<String>,
) -> Finding {
    let miss = |(place, counts)| Some(Miss { window: Some(place + 1), seen: wrong(counts)? });
    let misses = lane.judged().filter_map(miss).collect();
    let (lane, threshold) = (lane.name.clone(), threshold.to_owned());
    Finding { lane, threshold, about: About::Target, expected, misses }
}

/// A request that is sent later than the silence between windows is long may be counted with the window after its
/// own. At exactly a limit one of that window is limited then, and rightly: the run says nothing about the target,
/// unless it was the target that held the request back.
fn unless_late(lane: &LaneRecord, limited: Finding) -> Finding {
    let longest = |times: &Times| Duration::from_micros(times.value_at_quantile(1.0));
    let (latest, held) = (longest(&lane.times[Series::SendLag]), longest(&lane.times[Series::SlotWait]));
    if limited.held() || lane.rest.is_zero() || latest.max(held) <= lane.rest {
        return limited;
    }
    let (most, rest) = (&limited.expected, time(lane.rest));
    let (about, expected) = if latest > lane.rest {
        let late = time(latest);
        let expected =
            format!("{most} while no request is more than {rest} late, and one was sent {late} late");
        (About::Generator, expected)
    } else {
        let held = time(held);
        let expected =
            format!("{most}, and no slot held for more than {rest}, where one was held for {held}");
        (About::Target, expected)
    };
    Finding { about, expected, ..limited }
}

/// Each window by itself, so that an hour of good ones hides no bad one. A target that holds every slot to the end is
/// to blame for what could not be sent; but not where slots are so few that it need not be slow for that.
fn achieved(lane: &LaneRecord, least: f64) -> Finding {
    let why = match lane.held_up {
        true if lane.in_flight_suffices => {
            format!("; the target held all {} slots to the end", lane.in_flight)
        }
        true => too_few_in_flight(lane),
        false => String::new(),
    };
    let finding = in_windows(lane, "achieved_rate", format!("at least {least}"), |counts| {
        let (sent, planned) = (counts.sent as f64, counts.planned as f64);
        (sent < planned * least).then(|| {
            format!("{:.3} ({} of {} planned were sent{why})", sent / planned, counts.sent, counts.planned)
        })
    });
    Finding { about: if lane.held_by_target() { About::Target } else { About::Generator }, ..finding }
}

/// Why slots were waited for in vain.
fn too_few_in_flight(lane: &LaneRecord) -> String {
    let rate = grouped(lane.planned_rate_per_minute.round() as u64);
    format!("; {} are few for {rate} requests a minute", count(lane.in_flight.into(), "slot"))
}

fn send_lag(lane: &LaneRecord, most: f64) -> Finding {
    let late = Quantile::P99.of(&lane.times[Series::SendLag]).filter(|seen| *seen > most);
    let why = match lane.in_flight_suffices || lane.times[Series::SlotWait].is_empty() {
        true => String::new(),
        false => too_few_in_flight(lane),
    };
    let (expected, seen) = (format!("at most {}", ms(most)), late.map(|seen| ms(seen) + &why));
    Finding::of_run(&lane.name, "send_lag_p99_ms", About::Generator, expected, seen)
}

/// A count that must be met to the one.
pub(super) struct Exact {
    pub(super) name: &'static str,
    pub(super) amount: Amount,
    pub(super) limit: Option<u32>,
}

/// What a window came to: requests, or the events in them.
struct Counted {
    admitted: u64,
    sent: u64,
    due: u64,
}

impl Exact {
    /// What is asked of a lane's requests, and of its events.
    pub(super) fn of(lane: &LaneRecord, asked: &Thresholds) -> [Option<Self>; 2] {
        let of = |name, amount: Option<Amount>, limit| amount.map(|amount| Self { name, amount, limit });
        [
            of("admitted", asked.admitted, Some(lane.requests_limit)),
            of("events_admitted", asked.events_admitted, lane.events_limit),
        ]
    }

    /// A shortfall where everything sent was admitted and not everything planned was sent is no fault of
    /// the target's: it is found apart, about the generator.
    fn judge(&self, lane: &LaneRecord, count: impl Fn(&WindowCounts) -> Counted) -> Vec<Finding> {
        let Some(expected) = self.expected() else {
            let expected = format!("{}, and the key has no such limit", self.amount);
            return vec![in_windows(lane, self.name, expected, |counts| {
                Some(count(counts).admitted.to_string())
            })];
        };
        let falls_short = lane.judged().any(|(_, counts)| self.wanted() > Some(count(counts).due));
        let expected = match falls_short {
            true => format!("{expected}, or all that are due in a window where those are fewer"),
            false => expected,
        };
        let short = |counts: &WindowCounts, about: About| {
            let Counted { admitted, sent, due } = count(counts);
            // A window in which fewer are due never reaches what is spoken of.
            let wanted = self.wanted().map_or(sent, |wanted| wanted.min(due));
            let unsent = counts.planned.saturating_sub(counts.sent);
            let is_ours = admitted < wanted && admitted == sent && unsent > 0 && !lane.held_by_target();
            let seen = match self.wanted() {
                Some(number) if number <= due => admitted.to_string(),
                _ => format!("{admitted} of {sent}"),
            };
            match about {
                _ if admitted == wanted || is_ours != (about == About::Generator) => None,
                About::Target => Some(seen),
                About::Generator => {
                    Some(format!("{seen} with {unsent} of {} planned requests unsent", counts.planned))
                }
            }
        };
        let of = |about| {
            let finding = in_windows(lane, self.name, expected.clone(), |counts| short(counts, about));
            Finding { about, ..finding }
        };
        let (on_target, on_generator) = (of(About::Target), of(About::Generator));
        std::iter::once(on_target).chain((!on_generator.held()).then_some(on_generator)).collect()
    }

    /// The number that is asked for; nothing where it is all that were sent.
    pub(super) fn wanted(&self) -> Option<u64> {
        match self.amount {
            Amount::All | Amount::Rest => None,
            amount => Some(u64::from(amount.resolve(self.limit.unwrap_or(0), 0, 0))),
        }
    }

    /// In words; `None` where it is a limit the key does not have.
    fn expected(&self) -> Option<String> {
        match (self.amount, self.limit) {
            (Amount::All | Amount::Rest, _) => Some("all that were sent".to_owned()),
            (Amount::Number(number), _) => Some(format!("exactly {number}")),
            (Amount::Limit(_) | Amount::Left(_), Some(limit)) => {
                Some(format!("exactly {} ({})", self.amount.resolve(limit, 0, 0), self.amount))
            }
            (Amount::Limit(_) | Amount::Left(_), None) => None,
        }
    }
}

/// Every limit on a time that a lane is asked to keep: by clock, outcome and percentile.
fn latencies(run: &RunRecord, lane: &LaneRecord, asked: &Thresholds) -> Vec<Finding> {
    let mut found = Vec::new();
    for (clock, limits, series) in [
        ("response", &asked.response, Series::Response as fn(Outcome) -> Series),
        ("service", &asked.service, Series::Service),
    ] {
        for outcome in Outcome::ALL {
            for (which, limit) in zip(Quantile::ALL, limits.of(outcome).all()) {
                let Some(limit) = limit else { continue };
                let threshold = format!("{clock}.{}.{}_ms", outcome.word(), which.word());
                found.push(
                    Asked { run, lane, limit, outcome, series: series(outcome), which }.judge(threshold),
                );
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
    outcome: Outcome,
    series: Series,
    which: Quantile,
}

impl Asked<'_> {
    fn judge(&self, threshold: String) -> Finding {
        let (most, expected) = self.allowed();
        if !self.run.stop_at_first_miss {
            let seen = self.missed(Some(&self.lane.times[self.series]), most);
            return Finding::of_run(&self.lane.name, threshold, About::Target, expected, seen);
        }
        let missed = |(window, _)| {
            let seen = self.missed(self.lane.of_window(self.series, window), most)?;
            Some(Miss { window: Some(window + 1), seen })
        };
        let misses = self.lane.judged().filter_map(missed).collect();
        Finding { lane: self.lane.name.clone(), threshold, about: About::Target, expected, misses }
    }

    /// What was seen, where that is not allowed.
    fn missed(&self, times: Option<&Times>, most: Option<f64>) -> Option<String> {
        match (times.and_then(|times| self.which.of(times)), most) {
            (Some(time), Some(most)) if time <= most => None,
            (Some(time), _) => Some(ms(time)),
            // No admitted request at all cannot have been quick enough.
            (None, _) if self.outcome == Outcome::Admitted => {
                Some("unknown, for nothing was admitted".to_owned())
            }
            (None, _) => None,
        }
    }

    /// What the limit comes to, in milliseconds and in words; no number where the other lane has nothing to compare with.
    fn allowed(&self) -> (Option<f64>, String) {
        let limit = self.limit;
        let Some(Beside { times, lane: other }) = &limit.beside else {
            let most = limit.ms.unwrap_or_default();
            return (Some(most), format!("at most {}", ms(most)));
        };
        let theirs = self.other_lane(other).and_then(|other| self.which.of(&other.times[self.series]));
        let Some(theirs) = theirs else {
            return (limit.ms, format!("at most {limit}, and {other} has no such time"));
        };
        // To the microsecond: that is what is known of either.
        let multiple = (theirs * times * 1_000.0).round() / 1_000.0;
        let most = limit.ms.map_or(multiple, |ms| ms.max(multiple));
        (Some(most), format!("at most {} ({limit}, which took {})", ms(most), ms(theirs)))
    }

    /// The lane that this one is compared with: the one of the same number among those of its group, or all of them
    /// together where the groups are not of one size.
    fn other_lane(&self, group: &str) -> Option<Cow<'_, LaneRecord>> {
        let of = |group: &str| self.run.lanes.iter().filter(|lane| lane.group == group).collect::<Vec<_>>();
        let (mine, theirs) = (of(&self.lane.group), of(group));
        if mine.len() == theirs.len() {
            let place = mine.iter().position(|one| one.place == self.lane.place)?;
            return theirs.get(place).map(|lane| Cow::Borrowed(*lane));
        }
        let sum = groups(&self.run.lanes).into_iter().find(|sum| sum.sum.group == group)?;
        Some(Cow::Owned(sum.sum))
    }
}
