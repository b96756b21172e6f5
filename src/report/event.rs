//! What a run tells its reporters. Every reporter is fed from this one stream and from nothing else.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_schedule::KeySchedule;
use crate::amounts::time;
use crate::contract::ApiKey;
use crate::scenario::model::Level;

/// One thing that happened in a run. Those that are not serialised hold our own words alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// The run begins.
    Started(RunInfo),
    /// A key that from now on must be recognised wherever it turns up. No reporter ever sees this event.
    #[serde(skip)]
    Secret(ApiKey),
    /// When which key will be used for what, where time is real.
    #[serde(skip)]
    Planned(KeySchedule),
    /// A check begins; the first of its cases.
    #[serde(skip)]
    CheckStarted {
        /// The check's id.
        id: String,
    },
    /// A case has these keys from now on, alone or beside others.
    #[serde(skip)]
    KeysLent {
        /// The check's id.
        id: String,
        /// The variables that hold them.
        keys: Vec<String>,
    },
    /// The case is over, and its keys are free for others.
    #[serde(skip)]
    KeysBack {
        /// The variables that hold them.
        keys: Vec<String>,
    },
    /// Cases are played again, because what was seen left a doubt.
    PlayedAgain {
        /// The experiment's name with the row, and how many more there are.
        id: String,
        /// What was seen, and why nothing follows from it yet.
        why: String,
    },
    /// A case has to wait. The reporter shows what for and how long.
    Waiting {
        /// The check's id.
        id: String,
        /// The variables that hold its keys.
        keys: Vec<String>,
        /// What for, as a sentence without its full stop: "the promised retry of TRENCHCHECK_KEY_STANDARD".
        what: String,
        /// How long, from now.
        how_long: Duration,
    },
    /// The wait is over.
    #[serde(skip)]
    Resumed {
        /// The check's id.
        id: String,
        /// The variables that hold its keys.
        keys: Vec<String>,
    },
    /// One exchange with the target; shown with `-vv`.
    Exchange {
        /// The check's id.
        id: String,
        /// The exchange.
        exchange: Exchange,
    },
    /// A check has its verdict.
    CheckFinished(Box<CheckResult>),
    /// The run is over; nothing follows.
    Finished(RunSummary),
}

/// What is being run against what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunInfo {
    /// The target's base URL.
    pub target: String,
    /// Where the keys come from: "embedded mock", "mock over HTTP", "environment".
    pub keys: String,
    /// Whether waits advance the target's clock instead of taking real time.
    pub virtual_time: bool,
    /// Ids of the checks that will be played, in order.
    pub checks: Vec<String>,
    /// Whether `should` gates.
    pub strict: bool,
    /// Whether `rfc` gates.
    pub rfc: bool,
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// The command line that plays it again, without the checks.
    pub again: String,
}

impl RunInfo {
    /// The command line with which a deployment is played, where nothing else is known of how it was.
    pub fn plays(base_url: Option<&str>) -> String {
        base_url.map_or_else(|| PLAY.to_owned(), |url| format!("{PLAY} --target {url}"))
    }
}

/// What plays checks.
const PLAY: &str = "trenchcheck test";

/// The command line that shows the failure of a check again, such that it gates as it did.
pub(crate) fn plays_again(again: &str, check: &str, level: Level, strict: bool, rfc: bool) -> String {
    match level {
        Level::Should if strict => format!("{again} --strict {check}"),
        Level::Rfc if rfc => format!("{again} --rfc {check}"),
        _ => format!("{again} {check}"),
    }
}

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
        let reason = reason.unwrap_or_default();
        Ok(match verdict.as_str() {
            "pass" => Self::Pass,
            "fail" => Self::Fail,
            "advisory" => Self::Advisory,
            "explained" => Self::Explained(reason),
            "skipped" => Self::Skipped(reason),
            "blocked" => Self::Blocked(reason),
            "inconclusive" => Self::Inconclusive(reason),
            "known-deviation" => Self::KnownDeviation,
            "unexpected-pass" => Self::UnexpectedPass,
            _ => return Err(format!("no verdict is called `{verdict}`")),
        })
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
    /// Somebody was refused, or not answered, who was to be let in.
    Refuses,
    /// Fewer were let in than were due, though some were.
    Short,
    /// Who had waited as long as told was refused, whatever the quota is.
    Unkept,
    /// An answer says something wrong, whomever it lets in.
    Says,
}

/// One thing that is wrong with the deployment, named by one check.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The check that names it.
    pub check: String,
    /// The clause it breaks.
    pub clause: String,
    /// What this deployment does instead, in one sentence.
    pub says: String,
    /// Whether it gates.
    pub gates: bool,
    /// How many further failures of that check there are.
    pub more: u32,
    /// A command line that shows it again.
    pub again: String,
    /// Ids of the checks that it explains: broken too, or not to be judged, because of it.
    pub explains: Vec<String>,
    /// The failure that shows it best.
    pub failure: Failure,
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

/// The end of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunSummary {
    /// Wall time.
    pub took: Duration,
    /// Requests sent in all.
    pub requests: u64,
    /// The exit code of the run; see [`super::ExitCode`].
    pub exit: super::ExitCode,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// What is wrong, each cause once, the gravest first.
    pub causes: Vec<Cause>,
    /// What could not be checked, and what would change that: one sentence each.
    pub could_not_check: Vec<String>,
    /// Facts about the target as a whole, such as the accepted event envelope.
    pub facts: Vec<String>,
}

/// Times as whole milliseconds, in serialised forms. One beyond 2⁶⁴ of them does not occur.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
