//! What a check came to: its verdict, what broke, and the exchange that shows it.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amounts::time;
use crate::scenario::model::Level;

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "VerdictForm", try_from = "VerdictForm")]
pub enum Verdict {
    /// The promise is kept.
    Pass,
    /// The promise is broken, and that gates.
    Fail,
    /// The promise is broken at a level that does not gate in this run.
    Advisory,
    /// The promise is broken too, and another check names the cause.
    Explained(String),
    /// It was not played: a key or an ability is missing, or the user left it out.
    Skipped(String),
    /// It could not be judged: the positive control failed.
    Blocked(String),
    /// It was played and nothing follows from what was seen.
    Inconclusive(String),
    /// The promise is broken, and that is known; see [`CheckResult::known`].
    KnownDeviation,
    /// The promise is kept, and the list of known deviations says otherwise.
    UnexpectedPass,
}

impl Verdict {
    /// The word for it, as in reports: `pass`, `fail`, `advisory`, `explained`, `skipped`, `blocked`,
    /// `inconclusive`, `known-deviation`, `unexpected-pass`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Advisory => "advisory",
            Self::Explained(_) => "explained",
            Self::Skipped(_) => "skipped",
            Self::Blocked(_) => "blocked",
            Self::Inconclusive(_) => "inconclusive",
            Self::KnownDeviation => "known-deviation",
            Self::UnexpectedPass => "unexpected-pass",
        }
    }

    /// Why, for those verdicts that need a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass | Self::Fail | Self::Advisory | Self::KnownDeviation | Self::UnexpectedPass => None,
            Self::Explained(reason)
            | Self::Skipped(reason)
            | Self::Blocked(reason)
            | Self::Inconclusive(reason) => Some(reason),
        }
    }
}

/// A verdict as it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
struct VerdictForm {
    /// What it came to.
    #[schemars(extend("enum" = [
        "pass", "fail", "advisory", "explained", "skipped", "blocked", "inconclusive", "known-deviation",
        "unexpected-pass"
    ]))]
    verdict: String,
    /// Why, where it was explained, skipped, blocked or inconclusive.
    reason: Option<String>,
}

impl From<Verdict> for VerdictForm {
    fn from(verdict: Verdict) -> Self {
        Self { verdict: verdict.word().to_owned(), reason: verdict.reason().map(str::to_owned) }
    }
}

impl TryFrom<VerdictForm> for Verdict {
    type Error = String;

    fn try_from(VerdictForm { verdict, reason }: VerdictForm) -> Result<Self, String> {
        let plain = [Self::Pass, Self::Fail, Self::Advisory, Self::KnownDeviation, Self::UnexpectedPass];
        let with_reason = [Self::Explained, Self::Skipped, Self::Blocked, Self::Inconclusive];
        let reason = reason.unwrap_or_default();
        let mut all = plain.into_iter().chain(with_reason.map(|verdict| verdict(reason.clone())));
        let named = all.find(|one| one.word() == verdict);
        named.ok_or_else(|| format!("no verdict is called `{verdict}`"))
    }
}

/// An entry of the list of known deviations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownDeviation {
    /// Why it is accepted.
    pub reason: String,
    /// Where the mend is tracked.
    pub link: Option<String>,
    /// The last day on which it is accepted, in UTC: `2026-12-31`.
    pub expires: String,
    /// Whether that day has gone by.
    pub expired: bool,
}

/// `known until 2026-12-31: the gateway is older (https://tracker.example/7)`.
impl fmt::Display for KnownDeviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.expired { "known, but expired on" } else { "known until" };
        write!(formatter, "{until} {}: {}", self.expires, self.reason)?;
        match &self.link {
            Some(link) => write!(formatter, " ({link})"),
            None => Ok(()),
        }
    }
}

/// A finished check.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Stable id.
    pub id: String,
    /// The clause it enforces.
    pub clause: String,
    /// Further clauses it touches.
    pub also: Vec<String>,
    /// How much it weighs.
    pub level: Level,
    /// What it came to.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The check that names the cause, where this one is explained or blocked by it.
    pub cause: Option<String>,
    /// What the list of known deviations says about it, whatever it came to.
    #[serde(rename = "deviation")]
    pub known: Option<KnownDeviation>,
    /// What it says.
    pub about: String,
    /// The page it comes from, where that is not the Authentication page.
    pub source: Option<String>,
    /// The scenario file.
    pub file: String,
    /// The line of the check in it.
    pub line: u32,
    /// Wall time in milliseconds.
    #[serde(rename = "took_ms", with = "millis")]
    #[schemars(with = "u64")]
    pub took: Duration,
    /// Requests sent, positive controls included.
    pub requests: u64,
    /// How many cases were played.
    pub cases: u32,
    /// Cases that could not be played, with the reason.
    pub not_played: Vec<String>,
    /// Facts seen on the way.
    pub facts: Vec<String>,
    /// What was wrong; empty unless the verdict is `fail`, `advisory`, `explained` or `known-deviation`.
    pub failures: Vec<Failure>,
}

impl CheckResult {
    /// Whether it is listed as a known deviation, and the last day of that has gone by.
    pub(super) fn is_expired(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.expired)
    }
}

/// A broken expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The row of `for_each`, such as `name=api_key`; empty where there is none.
    pub case: String,
    /// What broke, in one sentence.
    pub what: String,
    /// What was expected; JSON pretty-printed where it is JSON.
    pub expected: String,
    /// What was seen, in the same form.
    pub actual: String,
    /// The line of the step in the scenario file.
    pub line: u32,
    /// Facts about time and counts.
    pub facts: Vec<String>,
    /// The exchange that shows it.
    pub exchange: Option<Exchange>,
    /// A command that sends the request again, with a variable for the key.
    pub curl: Option<String>,
    /// Which way it errs.
    #[serde(skip)]
    pub(crate) way: Way,
}

impl Failure {
    /// The same, said of no row: what it has for a cause is the same for all of them.
    pub(crate) fn of_no_tier(self) -> Self {
        Self { case: String::new(), ..self }
    }
}

/// Which way a failure errs, by which it is told what may explain it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// Neither, or it does not matter.
    #[default]
    Other,
    /// Somebody was let in who has no business there.
    Opens,
    /// Somebody was let in who was over a limit.
    LetsIn,
    /// The same, where what goes another way is counted as it should be: that explains nothing of what does.
    Aside,
    /// Somebody was refused, or not answered, who was to be let in.
    Refuses,
    /// Fewer were let in than were due, though some were.
    Short,
    /// Somebody was not answered properly now and then.
    Falters,
    /// Who had waited as long as told was refused, whatever the quota is.
    Unkept,
    /// An answer says something wrong, whomever it lets in.
    Says,
}

/// Stands in the place of a request where many were answered alike, so that none has to be named.
pub(crate) const ONE_OF_MANY: &str = "(one of many)";

/// A request and its answer, with secrets masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Method and URL.
    pub request: String,
    /// Header fields sent, as pairs of name and value.
    pub request_headers: Vec<(String, String)>,
    /// The status, or what went wrong on the way.
    pub outcome: String,
    /// Header fields received, as pairs of name and value.
    pub response_headers: Vec<(String, String)>,
    /// The beginning of the body received.
    pub body: String,
    /// From the request leaving to the whole answer read, in milliseconds.
    #[serde(rename = "took_ms", with = "millis")]
    #[schemars(with = "u64")]
    pub took: Duration,
}

impl Exchange {
    /// The status and how long it took, or why there is no answer.
    pub(crate) fn told(&self) -> String {
        match self.took.is_zero() && self.response_headers.is_empty() {
            true => self.outcome.clone(),
            false => format!("{} ({})", self.outcome, time(self.took)),
        }
    }
}

/// Times as whole milliseconds, in serialised forms. One beyond 2⁶⁴ of them does not occur.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(crate::amounts::whole_millis(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
