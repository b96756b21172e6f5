//! Load profiles: what is sent, how fast, for how long, and what must hold.
//!
//! They are YAML files under `scenarios/load/`, read with the same care as scenarios. [`Profile::read`] reads
//! one; [`LoadPlan::new`](super::LoadPlan::new) turns it into lanes for a target.

mod check;
mod library;
mod template;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::thresholds::Thresholds;
use crate::contract::Endpoint;
use crate::deployment::Role;
use crate::scenario::words::{Span, Word, word};
use crate::yaml::{Problems, Spanned, read_document};

pub use check::MOST_KEYS;
pub(super) use check::problem;
pub use library::{Library, ProfileError, Shelved};
pub use template::{MOST_EVENTS_OF_A_BATCH, Template};

/// A load profile.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, that of its file.
    pub profile: Spanned<String>,
    /// What it shows, in a sentence or two.
    pub about: String,
    /// How many windows are played, the warm-up among them. Either this or `duration`.
    pub windows: Option<Spanned<u32>>,
    /// How long requests are sent, such as `10m`. Either this or `windows`.
    pub duration: Option<Spanned<Span>>,
    /// How many windows at the beginning are never judged.
    #[serde(default)]
    pub warm_up: Spanned<u32>,
    /// What a window is.
    #[serde(default)]
    pub window: Spanned<Window>,
    /// Where windows begin.
    #[serde(default)]
    pub align: Align,
    /// Whether the run ends with the first window in which a lane misses a threshold: with a rate that rises, it
    /// then says how far the target came. Times are judged window by window, too.
    #[serde(default)]
    pub stop_at_first_miss: bool,
    /// Who sends what.
    pub lanes: Vec<Spanned<Lane>>,
    /// What must hold, in every lane that does not say otherwise.
    #[serde(default)]
    pub thresholds: Spanned<Thresholds>,
}

/// A window: requests for a while, then silence. Counts are judged window by window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How long requests are sent.
    pub send: Span,
    /// How long nothing is sent after that. At exactly a limit, the first request of a window that arrives a
    /// millisecond before the target's last window has gone is one too many; a short silence keeps them apart.
    pub rest: Span,
}

impl Default for Window {
    fn default() -> Self {
        let seconds = Duration::from_secs(crate::contract::WINDOW_SECONDS);
        Self { send: Span(seconds), rest: Span(Duration::ZERO) }
    }
}

impl Window {
    /// Its length.
    pub const fn length(&self) -> Duration {
        self.send.0.saturating_add(self.rest.0)
    }
}

/// Where windows begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// Wherever the run begins.
    #[default]
    Anywhere,
    /// Where the keys' own windows begin: each key is used up first, and the promise of its 429 is waited for.
    /// A mock gives fresh keys instead.
    FreshWindow,
}

/// A lane: one or several keys, each sending the same requests at the same rate.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Its name; no other lane of the profile has it.
    pub name: Spanned<String>,
    /// The role of its keys. Either this or `same_key_as`.
    pub key: Option<Spanned<Role>>,
    /// The lane before it whose keys it uses.
    pub same_key_as: Option<Spanned<String>>,
    /// How many keys, each with the whole rate.
    pub keys: Option<Spanned<u32>>,
    /// What is requested.
    pub request: Spanned<Request>,
    /// How many events or scores a request carries; left out where a file says which events.
    pub batch: Option<Spanned<u32>>,
    /// Which events.
    pub payload: Option<Spanned<Payload>>,
    /// The events of the file that `payload` names.
    #[serde(skip)]
    pub template: Option<Arc<Template>>,
    /// Requests a minute. One of `rate`, `events`, `ramp` and `steps`.
    pub rate: Option<Spanned<Rate>>,
    /// Events a minute, in whole batches.
    pub events: Option<Spanned<Rate>>,
    /// A rate that rises or falls in a straight line over the whole run.
    pub ramp: Option<Spanned<Ramp>>,
    /// One rate after the other, in equal parts of the run.
    pub steps: Option<Spanned<Vec<Rate>>>,
    /// How many windows after the others it begins.
    #[serde(default)]
    pub after: Spanned<u32>,
    /// How many windows it goes on for; to the end without it.
    pub lasts: Option<Spanned<u32>>,
    /// How many requests may be under way at once; as many as two seconds bring, without it.
    pub slots: Option<Spanned<u32>>,
    /// What it does about a 429.
    #[serde(default)]
    pub on_limited: OnLimited,
    /// What must hold in this lane.
    #[serde(default)]
    pub thresholds: Spanned<Thresholds>,
}

/// A rate that changes in a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Requests a minute at the beginning.
    pub from: Rate,
    /// Requests a minute at the end.
    pub to: Rate,
}

/// So many a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// A number.
    PerMinute(u32),
    /// A percentage of the key's limit: `limit`, `3 x limit`, `90% of limit`.
    OfLimit(u32),
}

impl Rate {
    /// The number a minute, given the key's limit. A part of a request is a request.
    pub fn resolve(self, limit: u32) -> u32 {
        match self {
            Self::PerMinute(number) => number,
            Self::OfLimit(percent) => {
                let number = (u64::from(limit) * u64::from(percent)).div_ceil(100);
                u32::try_from(number).unwrap_or(u32::MAX)
            }
        }
    }

    /// Whether the key's limit is needed to know it.
    pub const fn needs_limit(self) -> bool {
        matches!(self, Self::OfLimit(_))
    }
}

impl Word for Rate {
    const EXPECTED: &str = "a number a minute, `limit`, `3 x limit` or `90% of limit`";
    const PATTERN: &str = r"^(\d+|limit|\d+ x limit|\d+% of limit)$";

    fn parse(text: &str) -> Option<Self> {
        if text == "limit" {
            return Some(Self::OfLimit(100));
        }
        if let Some(times) = text.strip_suffix(" x limit") {
            return times.parse::<u32>().ok()?.checked_mul(100).map(Self::OfLimit);
        }
        match text.strip_suffix("% of limit") {
            Some(percent) => percent.parse().ok().map(Self::OfLimit),
            None => text.parse().ok().map(Self::PerMinute),
        }
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("found `{text}`, expected {}", Self::EXPECTED))
    }
}

/// Which events are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Payload {
    /// Whole sessions: tools used with their results, sub-agents, pauses, an end.
    #[default]
    Sessions,
    /// Nothing but uses of a tool.
    ToolUses,
    /// Those of a file, by its path from the profile's folder, or by the name of a shipped fixture.
    File(String),
}

impl Word for Payload {
    const EXPECTED: &str = "`sessions`, `tool-uses` or a file of events that ends in `.json`";
    const PATTERN: &str = r"^(sessions|tool-uses|.*\.json)$";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "sessions" => Some(Self::Sessions),
            "tool-uses" => Some(Self::ToolUses),
            file if file.ends_with(".json") => Some(Self::File(file.to_owned())),
            _ => None,
        }
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "string", "pattern": Self::PATTERN})
    }

    fn description() -> String {
        "Which events: `sessions` for whole generated sessions, `tool-uses` for nothing but uses of a tool, or a file \
         of events that ends in `.json`, by its path from the profile's folder or by the name of a shipped fixture. A \
         file is sent as it is written, but for sessions and times, which are fresh in every request."
            .to_owned()
    }
}

word!(Rate, Payload);

/// What is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Posts a batch of events.
    PostEvents,
    /// Posts evaluation scores.
    PostScores,
    /// Lists sessions.
    ListSessions,
    /// Reads the overview.
    GetOverview,
    /// Reads the tools.
    GetTools,
}

impl Request {
    /// Where it goes.
    pub const fn endpoint(self) -> Endpoint {
        match self {
            Self::PostEvents => Endpoint::Events,
            Self::PostScores => Endpoint::Scores,
            Self::ListSessions => Endpoint::Sessions,
            Self::GetOverview => Endpoint::Overview,
            Self::GetTools => Endpoint::Tools,
        }
    }

    /// Whether it carries a batch.
    pub const fn has_batch(self) -> bool {
        matches!(self, Self::PostEvents | Self::PostScores)
    }
}

/// What a lane does about a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnLimited {
    /// Goes on as if nothing had happened.
    #[default]
    GoOn,
    /// Sends nothing until the time that Retry-After names has passed. The requests that would have been due
    /// in it are dropped; a second 429 in a row counts as an error.
    Wait,
}

impl Profile {
    /// The schema of a profile, for editors.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads a profile, and the files its lanes name, which lie beside it or are shipped. `file` is its path, which
    /// is the name to show, too.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        let mut profile: Self = read_document(file, text)?;
        let mut problems = profile.read_fixtures(file, text);
        problems.extend(profile.check(file, text).err().into_iter().flat_map(Problems::into_vec));
        Problems::new(problems).map_or(Ok(profile), Err)
    }
}

impl Lane {
    /// Whether it names a file of events that could not be read, which has been reported.
    pub(crate) fn has_unread_file(&self) -> bool {
        matches!(&self.payload, Some(payload) if matches!(payload.value, Payload::File(_)))
            && self.template.is_none()
    }

    /// How many events or scores a request carries, with the place that says so.
    pub(crate) fn carries(&self) -> Option<Spanned<u32>> {
        match (&self.template, &self.payload) {
            (Some(template), Some(payload)) => Some(Spanned { value: template.events, at: payload.at }),
            _ => self.batch.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_a_share_of_the_limit() {
        let rows =
            [("250", 250), ("limit", 60), ("3 x limit", 180), ("90% of limit", 54), ("1% of limit", 1)];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Rate>().unwrap().resolve(60), expected, "{text}");
        }
        for bad in ["", "limit x 3", "-1", "3x limit", "% of limit", "1.5 x limit", "99999999999"] {
            assert!(bad.parse::<Rate>().unwrap_err().contains("expected a number a minute"), "{bad}");
        }
    }
}
