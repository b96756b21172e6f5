//! What a run learns of a deployment once, so that everything else can go by it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amounts::count;
use crate::contract::{Limits, Tier};
use crate::deployment::Envelope;

/// So many quotas in one window, and no refusal, are no quota at all.
pub(crate) const MOST_QUOTAS: u32 = 3;

/// How many quotas of so many requests a number is, where it is several whole ones, as where instances count for themselves:
/// not where it is what another tier has.
pub(crate) fn whole_quotas(number: u32, documented: u32) -> Option<u32> {
    let times = number.checked_div(documented).filter(|_| number.is_multiple_of(documented))?;
    (times > 1 && Tier::with_requests(number).is_none()).then_some(times)
}

/// What is to be said where refusals are no answers.
pub(crate) const NO_REFUSAL: &str = "over its limit a key gets no answer";

/// A quota as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quota {
    /// This many in a window.
    Of(u32),
    /// Three times the documented quota were admitted in a window, and no end was seen.
    Endless,
}

/// What one key was answered in the survey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFacts {
    /// The variable that holds it.
    pub(crate) variable: String,
    /// The requests its scopes grant, and the status each was answered with; none where no answer came.
    pub(crate) answers: Vec<(String, Option<u16>)>,
}

impl KeyFacts {
    /// Whether the key is let in somewhere: a request that is refused for its content, or for the limit, was let in.
    pub(crate) fn works(&self) -> bool {
        self.answers.iter().any(|(_, status)| matches!(status, Some(200..=299 | 400 | 403 | 422 | 429)))
    }

    /// Whether it was admitted with this request.
    pub(crate) fn admits(&self, request: &str) -> bool {
        matches!(self.status_of(request), Some(200..=299))
    }

    /// Whether it was over its limit when this request was tried.
    pub(crate) fn was_limited(&self, request: &str) -> bool {
        self.status_of(request) == Some(429)
    }

    /// Whether it was asked with this request, and not let in.
    pub(crate) fn refuses(&self, request: &str) -> bool {
        self.status_of(request).is_some() && !self.admits(request) && !self.was_limited(request)
    }

    /// What this request was answered with, where it was.
    pub(crate) fn status_of(&self, request: &str) -> Option<u16> {
        self.answers.iter().find(|(name, _)| name == request)?.1
    }

    /// What it was answered, for people.
    pub(crate) fn told(&self) -> String {
        let one = |(name, status): &(String, Option<u16>)| match status {
            Some(status) => format!("{name}: {status}"),
            None => format!("{name}: no answer"),
        };
        self.answers.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Why it opens nothing.
    pub(crate) fn complaint(&self) -> String {
        let hint = match () {
            () if self.all(404) => NOTHING_HERE,
            () if self.all(401) => "; the deployment does not know this key",
            () => "",
        };
        format!("{} opens nothing ({}){hint}", self.variable, self.told())
    }

    fn all(&self, wanted: u16) -> bool {
        self.answers.iter().all(|(_, status)| *status == Some(wanted))
    }
}

/// What is to be said where everything is 404.
const NOTHING_HERE: &str = "; nothing of this API is at this base URL: is the path doubled or missing?";

/// What is known of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Learned {
    /// How events are written, where that had to be found out.
    pub(crate) envelope: Option<Envelope>,
    /// Whether HTTP/2 is spoken.
    pub(crate) http2: Option<bool>,
    /// The status with which optional requests were answered.
    pub(crate) offers: BTreeMap<String, u16>,
    /// What each key was answered in the survey.
    pub(crate) keys: Vec<KeyFacts>,
    /// The quota of requests by tier, where it is not the documented one.
    pub(crate) requests: BTreeMap<Tier, Quota>,
    /// The quota of requests of single keys, where it is not that of their tier, by variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) requests_of: BTreeMap<String, u32>,
    /// The quota of events by tier, where it is not the documented one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) events: BTreeMap<Tier, u32>,
    /// The quota of events of single keys, where it is not that of their tier, by variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) events_of: BTreeMap<String, u32>,
    /// The status of a refusal for want of quota, where that is not 429.
    pub(crate) refusal: Option<u16>,
    /// Whether a key that is over its limit gets no answer, while others do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) silent_refusals: bool,
    /// How often a key is let through where its requests wait for quota, in the place of being refused; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queued: Option<String>,
    /// Whether keys were seen to share a quota.
    pub(crate) sharing: bool,
    /// Whether quota trickles back, as where a limiter weighs in the minute before.
    pub(crate) slides: bool,
    /// Requests that came back compressed, although nobody had asked for that.
    pub(crate) compressed: bool,
    /// Why nobody answers, where nobody does.
    pub(crate) unreachable: Option<String>,
}

impl Learned {
    /// What was learned of the deployment as a whole, for people.
    pub(crate) fn told(&self) -> Vec<String> {
        let envelope = self.envelope.map(|found| match found {
            Envelope::Wire => "event envelope accepted: wire (event, ts, seq)".to_owned(),
            Envelope::Documented | Envelope::Auto => {
                "event envelope accepted: documented (event_type, timestamp)".to_owned()
            }
        });
        let compressed =
            self.compressed.then(|| "answers come compressed, although nobody asks for that".to_owned());
        let measured = self.requests.iter().map(|(tier, quota)| match quota {
            Quota::Of(number) => {
                format!("measured: {tier} gets {} in a window", count(u64::from(*number), "request"))
            }
            Quota::Endless => format!("measured: no end to the requests of {tier}"),
        });
        let events = self.events.iter().map(|(tier, number)| {
            format!("measured: {tier} gets {} in a window", count(u64::from(*number), "event"))
        });
        let of_keys = |of_keys: &BTreeMap<String, u32>, thing: &str| -> Vec<String> {
            let told = |(variable, number): (&String, &u32)| {
                format!("measured: {variable} gets {} in a window", count(u64::from(*number), thing))
            };
            of_keys.iter().map(told).collect()
        };
        let requests_of = of_keys(&self.requests_of, "request");
        let events_of = of_keys(&self.events_of, "event");
        let queued = self.queued.iter().map(|queued| format!("measured: {queued}"));
        let of_tiers = envelope.into_iter().chain(compressed).chain(queued).chain(measured).chain(events);
        of_tiers.chain(requests_of).chain(events_of).collect()
    }

    /// The limits of a key as far as they were measured, else those of its tier.
    pub(crate) fn limits(&self, variable: &str, tier: Option<Tier>, documented: Limits) -> Limits {
        let of_tier = self.limits_of_tier(tier, documented);
        let requests = self.requests_of.get(variable).copied().unwrap_or(of_tier.requests);
        let events = of_tier.events.map(|events| self.events_of.get(variable).copied().unwrap_or(events));
        Limits { requests, events }
    }

    /// The limits of a tier as far as they were measured; `documented` elsewhere. An endless quota stays as documented:
    /// whoever needs its end is blocked by the check that names it.
    pub(crate) fn limits_of_tier(&self, tier: Option<Tier>, documented: Limits) -> Limits {
        let Some(tier) = tier else { return documented };
        let requests = match self.requests.get(&tier) {
            Some(Quota::Of(requests)) => *requests,
            _ => documented.requests,
        };
        let events = documented.events.map(|events| self.events.get(&tier).copied().unwrap_or(events));
        Limits { requests, events }
    }

    /// Whether the requests of a tier have no end.
    pub(crate) fn is_endless(&self, tier: Option<Tier>) -> bool {
        tier.and_then(|tier| self.requests.get(&tier)) == Some(&Quota::Endless)
    }

    /// Why nothing can be played, where no key works.
    pub(crate) fn no_key_works(&self) -> String {
        match &self.keys[..] {
            [key] => key.complaint(),
            keys if keys.iter().all(|key| key.all(404)) => format!("no key opens anything{NOTHING_HERE}"),
            _ => "no key opens anything; the facts that were observed say what each was answered".to_owned(),
        }
    }

    /// Whether no key got an answer to this request, though some was asked for.
    pub(crate) fn is_silent(&self, request: &str) -> bool {
        let asked = || self.keys.iter().flat_map(|key| &key.answers).filter(|(name, _)| name == request);
        asked().next().is_some() && asked().all(|(_, status)| status.is_none())
    }

    /// Whether every key that was tried with this request got an answer of this status.
    pub(crate) fn is_always(&self, request: &str, status: u16) -> bool {
        let mut answers = self.keys.iter().filter_map(|key| key.status_of(request)).peekable();
        answers.peek().is_some() && answers.all(|answer| answer == status)
    }

    /// What the survey found of a key.
    pub(crate) fn key(&self, variable: &str) -> Option<&KeyFacts> {
        self.keys.iter().find(|key| key.variable == variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_quotas_are_those_of_instances_unless_another_tier_has_as_many() {
        assert_eq!(
            [120, 180, 600, 90, 60].map(|number| whole_quotas(number, 60)),
            [Some(2), Some(3), Some(10), None, None]
        );
        assert_eq!(whole_quotas(300, 60), None, "a Premium key");
        assert_eq!(whole_quotas(2_000, 1_000), Some(2));
    }
}
