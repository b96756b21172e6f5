//! What a run tells its reporters. Every reporter is fed from this one stream and from nothing else.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::exit::ExitCode;
use super::key_schedule::KeySchedule;
use super::verdict::{CheckResult, Exchange, Failure};
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

/// The end of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunSummary {
    /// Wall time.
    pub took: Duration,
    /// Requests sent in all.
    pub requests: u64,
    /// The exit code of the run.
    pub exit: ExitCode,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// What is wrong, each cause once, the gravest first.
    pub causes: Vec<Cause>,
    /// What could not be checked, and what would change that: one sentence each.
    pub could_not_check: Vec<String>,
    /// Facts about the target as a whole, such as the accepted event envelope.
    pub facts: Vec<String>,
}
