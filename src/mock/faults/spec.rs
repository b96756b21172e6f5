//! What may be asked of a fault, as it stands in a configuration or in a call to the control API.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mock::behaviour::Behaviour;
use crate::mock::deviations::{NamedChange, UnknownDeviation, find};
use crate::system::mixed;

/// The most faults a workspace may have.
pub(super) const MAX_FAULTS: usize = 100;

/// The longest a fault holds an answer back, in milliseconds.
const LONGEST_MS: u64 = 10 * 60 * 1_000;

/// The longest body of an answer a fault gives, in bytes.
const MOST_BODY: usize = 65_536;

/// A fault: which requests, which of those, and what happens to them. Exactly one of `latency_ms`, `status`, `reset`,
/// `truncate`, `slow_body_ms` and `deviate` says what happens.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSpec {
    /// Only requests of the key with this id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only requests with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests of this path; a `*` at the end stands for anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only the first so many of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Only each so-many-th of them, 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only the so-many-th of each flush, from 1: of requests that each come within a second of the one before. All
    /// other conditions count those alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flush: Option<u64>,
    /// Only this share of them, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Decides which ones a share is, and how latencies vary: the same seed, the same ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// It ends after so many milliseconds of the workspace's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// The answer is held back so many milliseconds, at most ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// How far latencies lie around `latency_ms`: the most of a uniform, the standard deviation of a normal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<u64>,
    /// How latencies vary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// The client gets this status, 200 to 599, and the API never hears of the request. Body and headers are those that
    /// the API has for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// With a status: its `Retry-After`, in seconds; 60 for a 429 that says nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With a status: its `Location`, where it leads elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// With a status: its body, in place of the API's and of the API's headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The connection is reset without an answer; over HTTP/2 only the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<ResetWhen>,
    /// The connection is cut after so many bytes of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<u32>,
    /// The answer's body takes so many milliseconds, at most ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_body_ms: Option<u64>,
    /// The API decides with these deviations of the catalogue, on top of those of the workspace. Requests that meet them
    /// are counted apart: in windows that begin with the fault, and that are forgotten with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviate: Option<Vec<String>>,
}

/// How latencies vary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Not at all.
    #[default]
    Fixed,
    /// Evenly, `spread_ms` less to `spread_ms` more.
    Uniform,
    /// Like a normal distribution with the standard deviation `spread_ms`.
    Normal,
}

/// When a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResetWhen {
    /// Before the API hears of the request.
    Before,
    /// After it has done what was asked, so that only the answer is lost.
    After,
}

/// Why a fault that was asked for is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// Nothing happens.
    #[error("a fault needs one of latency_ms, status, reset, truncate, slow_body_ms and deviate")]
    Nothing,
    /// Two things happen at once.
    #[error("`{0}` and `{1}` exclude each other; make two faults")]
    Both(&'static str, &'static str),
    /// A field lies outside its range.
    #[error("`{0}` is {1}")]
    Range(&'static str, &'static str),
    /// A field means nothing without another.
    #[error("`{0}` means nothing without `{1}`")]
    Alone(&'static str, &'static str),
    /// There are as many faults as there may be.
    #[error("there are {MAX_FAULTS} faults already; delete some")]
    TooMany,
    /// There is no such deviation.
    #[error("`deviate`: {0}")]
    Unknown(#[from] UnknownDeviation),
    /// A deviation that has to be there before keys are made, since only a hash of them is kept.
    #[error(
        "`deviate`: {0} takes keys in another form, which must be known when they are made; set it for a workspace"
    )]
    NotForAWhile(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Latency,
    /// The client gets this status, and the API never hears of the request.
    Answer(u16),
    /// The connection is cut instead of sending an answer.
    Reset(ResetWhen),
    /// The connection is cut after so many bytes of the answer's body.
    Truncate(usize),
    /// The answer's body takes so long.
    Slow(Duration),
    Deviate(Vec<&'static NamedChange>),
}

impl Effect {
    /// Whether the API never hears of the request.
    pub(crate) const fn is_instead(&self) -> bool {
        matches!(self, Self::Answer(_) | Self::Reset(ResetWhen::Before))
    }
}

/// The deviation of this name, if it can come and go while there are keys.
fn for_a_while(name: &str) -> Result<&'static NamedChange, BadFault> {
    let entry = find(name)?;
    let mut behaviour = Behaviour::default();
    entry.apply(&mut behaviour);
    if behaviour.forms.is_empty() { Ok(entry) } else { Err(BadFault::NotForAWhile(entry.name)) }
}

impl FaultSpec {
    /// Says what is wrong with it.
    ///
    /// # Errors
    /// [`BadFault`] names the field and its range.
    pub fn check(&self) -> Result<(), BadFault> {
        self.effect().map(drop)
    }

    pub(super) fn effect(&self) -> Result<Effect, BadFault> {
        let given = [
            ("latency_ms", self.latency_ms.is_some()),
            ("status", self.status.is_some()),
            ("reset", self.reset.is_some()),
            ("truncate", self.truncate.is_some()),
            ("slow_body_ms", self.slow_body_ms.is_some()),
            ("deviate", self.deviate.as_ref().is_some_and(|names| !names.is_empty())),
        ];
        let mut given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
        let effect = given.next().ok_or(BadFault::Nothing)?;
        if let Some(other) = given.next() {
            return Err(BadFault::Both(effect, other));
        }
        let companions = [
            ("spread_ms", self.spread_ms.is_some(), "latency_ms"),
            ("distribution", self.distribution.is_some(), "latency_ms"),
            ("retry_after", self.retry_after.is_some(), "status"),
            ("location", self.location.is_some(), "status"),
            ("body", self.body.is_some(), "status"),
        ];
        for (name, is_given, wanted) in companions {
            if is_given && effect != wanted {
                return Err(BadFault::Alone(name, wanted));
            }
        }
        self.check_ranges()?;
        if let Some(names) = self.deviate.as_ref().filter(|_| effect == "deviate") {
            let entries = names.iter().map(|name| for_a_while(name)).collect::<Result<_, _>>()?;
            return Ok(Effect::Deviate(entries));
        }
        Ok(match (self.status, self.reset, self.truncate, self.slow_body_ms) {
            (Some(status), ..) => Effect::Answer(status),
            (_, Some(when), ..) => Effect::Reset(when),
            (_, _, Some(bytes), _) => Effect::Truncate(bytes as usize),
            (.., Some(ms)) => Effect::Slow(Duration::from_millis(ms)),
            _ => Effect::Latency,
        })
    }

    fn check_ranges(&self) -> Result<(), BadFault> {
        let too_long = |ms: Option<u64>| ms.is_some_and(|ms| ms > LONGEST_MS);
        let minutes = "at most ten minutes, 600000";
        let wrong = [
            ("every", self.every == Some(0), "1 or more"),
            ("in_flush", self.in_flush == Some(0), "1 or more"),
            ("share", self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)), "0.0 to 1.0"),
            ("status", self.status.is_some_and(|status| !(200..=599).contains(&status)), "200 to 599"),
            ("latency_ms", too_long(self.latency_ms), minutes),
            ("spread_ms", too_long(self.spread_ms), minutes),
            ("slow_body_ms", too_long(self.slow_body_ms), minutes),
            ("body", self.body.as_ref().is_some_and(|body| body.len() > MOST_BODY), "at most 64 KiB"),
        ];
        match wrong.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            Some((name, _, range)) => Err(BadFault::Range(name, range)),
            None => Ok(()),
        }
    }
}

/// Whether a fault meets the matching request with this number, from 0. All conditions given must hold.
pub(super) fn happens(spec: &FaultSpec, ordinal: u64) -> bool {
    spec.first.is_none_or(|first| ordinal < first)
        && spec.every.is_none_or(|every| (ordinal + 1).is_multiple_of(every.max(1)))
        && spec.share.is_none_or(|share| unit(spec.seed.unwrap_or(0), ordinal, 0) < share)
}

/// How long the matching request with this number takes, in milliseconds.
pub(super) fn latency_ms(spec: &FaultSpec, ordinal: u64) -> u64 {
    /// As many uniform numbers have the variance 1, and their sum looks normal.
    const SUMMANDS: u64 = 12;
    let (middle, spread) = (spec.latency_ms.unwrap_or(0) as f64, spec.spread_ms.unwrap_or(0) as f64);
    let seed = spec.seed.unwrap_or(0);
    let off = match spec.distribution.unwrap_or_default() {
        Distribution::Fixed => 0.0,
        Distribution::Uniform => 2.0 * unit(seed, ordinal, 1) - 1.0,
        Distribution::Normal => {
            (1..=SUMMANDS).map(|draw| unit(seed, ordinal, draw)).sum::<f64>() - SUMMANDS as f64 / 2.0
        }
    };
    // Below zero is at once; the cast cuts off what lies beyond the numbers.
    (middle + off * spread).round().max(0.0) as u64
}

/// A number from 0 to below 1, decided by three others (SplitMix64).
fn unit(seed: u64, ordinal: u64, draw: u64) -> f64 {
    let mut bits = seed;
    for step in [ordinal, draw] {
        bits = mixed(bits.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(step));
    }
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_counting_on_ones_fingers(
            first in prop::option::of(0_u64..20), every in prop::option::of(1_u64..9), requests in 0_u64..60,
        ) {
            let spec = FaultSpec { first, every, ..FaultSpec::default() };
            let met: Vec<u64> = (0..requests).filter(|&ordinal| happens(&spec, ordinal)).collect();
            // The oracle counts aloud, as a person would.
            let (mut expected, mut aloud) = (Vec::new(), 0);
            for ordinal in 0..requests {
                aloud += 1;
                let on_turn = every.is_none_or(|every| aloud == every);
                if every == Some(aloud) {
                    aloud = 0;
                }
                if on_turn && first.is_none_or(|first| ordinal < first) {
                    expected.push(ordinal);
                }
            }
            prop_assert_eq!(met, expected);
        }

        #[test]
        fn a_share_is_about_that_share_and_the_same_for_the_same_seed(seed: u64, percent in 0_u32..=100) {
            let spec = FaultSpec { share: Some(f64::from(percent) / 100.0), seed: Some(seed), ..FaultSpec::default() };
            let met = || (0..10_000).filter(|&ordinal| happens(&spec, ordinal)).count() as i64;
            // Six standard deviations of 10,000 tosses are 300.
            prop_assert!((met() - i64::from(percent) * 100).abs() <= 300, "{}", met());
            prop_assert_eq!(met(), met());
        }

        #[test]
        fn latencies_lie_around_their_middle(seed: u64, ms in 500_u64..1_000, spread_ms in 0_u64..80) {
            for distribution in [Distribution::Fixed, Distribution::Uniform, Distribution::Normal] {
                let latency = FaultSpec {
                    latency_ms: Some(ms),
                    spread_ms: Some(spread_ms),
                    distribution: Some(distribution),
                    seed: Some(seed),
                    ..FaultSpec::default()
                };
                let all: Vec<i64> = (0..2_000).map(|ordinal| latency_ms(&latency, ordinal) as i64).collect();
                let (ms, spread) = (ms as i64, spread_ms as i64);
                let widest = match distribution {
                    Distribution::Fixed => 0,
                    Distribution::Uniform => spread,
                    Distribution::Normal => 6 * spread,
                };
                prop_assert!(all.iter().all(|got| (got - ms).abs() <= widest));
                let mean = all.iter().sum::<i64>() / 2_000;
                prop_assert!((mean - ms).abs() <= spread / 6 + 1, "{mean} is not about {ms}");
                if spread > 20 && distribution == Distribution::Normal {
                    let within = all.iter().filter(|got| (*got - ms).abs() <= spread).count();
                    prop_assert!((1_230..1_500).contains(&within), "{within} of 2,000 within one deviation");
                }
            }
        }
    }

    #[test]
    fn two_seeds_meet_others() {
        let spec = |seed| FaultSpec { share: Some(0.5), seed: Some(seed), ..FaultSpec::default() };
        let met = |seed| (0..64).map(|ordinal| happens(&spec(seed), ordinal)).collect::<Vec<_>>();
        assert_ne!(met(1), met(2));
    }
}
