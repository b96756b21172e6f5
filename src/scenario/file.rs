//! The files of the scenario language, as they are written. A file of one check is brought into the form of an
//! experiment before it is read; see [`super::form`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::expectation::Expect;
use super::model::{
    Action, Burst, Exhaust, Fact, FindSession, Fingerprint, Level, Pace, Poll, RequestDef, Send,
};
use super::span::Spanned;
use super::words::{StatusSet, WaitFor};

/// Something that is done once and read by several checks.
///
/// Tables are filled in before it is read like this: their fields are here for the schema, and to refuse other ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExperimentFile {
    /// Its name, in small letters, digits and hyphens.
    pub(super) experiment: String,
    /// What is done, and why so.
    pub(super) about: String,
    /// The role of the key the steps use unless they name another: `standard`, `premium`, `ingestion`, `read`,
    /// `write`, `both` or `any`.
    pub(super) key: Option<Spanned<String>>,
    /// Further keys by the name the steps use for them, with their roles.
    #[serde(default)]
    pub(super) keys: BTreeMap<String, Spanned<String>>,
    /// Whether all keys belong to one account, as `account` in the target file tells. Skipped where they cannot.
    #[serde(default)]
    pub(super) one_account: bool,
    /// Plays the steps once for each value, with the value in place of `{name}`. With several names, once for
    /// each combination. Written `{{name}}`, the braces stay.
    #[serde(default, rename = "for_each")]
    pub(super) _for_each: BTreeMap<String, Vec<String>>,
    /// Plays the steps once for each row, with the row's values in place of `{name}`; where not every combination
    /// of values makes sense.
    #[serde(default, rename = "rows")]
    pub(super) _rows: Vec<BTreeMap<String, String>>,
    /// What is done, in order. In an experiment, what checks read has a name (`as`).
    pub(super) steps: Vec<Spanned<StepFile>>,
    /// The checks that read what comes to light.
    pub(super) checks: Vec<Spanned<ReadingFile>>,
}

/// A check that reads the evidence of an experiment: with all of its head where it is at home, with its id alone where
/// another file has that.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingFile {
    /// The check's id, `group.name` in lower case. It never changes: reports and known deviations name it.
    pub(super) check: Spanned<String>,
    /// The clause of the contract it enforces; see `trenchcheck explain`. Where several experiments are read, it is given
    /// in one of them, the check's home, with `level` and `about`.
    pub(super) clause: Option<String>,
    /// Further clauses it touches.
    #[serde(default)]
    pub(super) also: Vec<String>,
    /// How much it weighs.
    pub(super) level: Option<Level>,
    /// What it says, in a sentence or two.
    pub(super) about: Option<String>,
    /// Labels for `--tag`; the name of the folder is always one.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// The page it comes from, where that is not the *Authentication* page. Such a check is never at level `must`.
    pub(super) source: Option<String>,
    /// Reads only the rows with these values, such as `{tier: standard}` or `{tier: [premium, ingestion]}`.
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Values>")]
    pub(super) _only: BTreeMap<String, serde_json::Value>,
    /// Checks that name the cause where they fail: then a failure of this one is explained by them.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// Checks of the same promise elsewhere: where they are broken in the same words, it is one cause.
    #[serde(default)]
    pub(super) like: Vec<String>,
    /// What the run learns from it, to be used in all other checks.
    pub(super) learns: Option<Fact>,
    /// By the name of the evidence: the status that is taken for granted; with another one the check is skipped.
    #[serde(default)]
    pub(super) given: BTreeMap<String, StatusSet>,
    /// By the name of the evidence (`run`: every answer of the run): what must be true of it.
    #[serde(default)]
    pub(super) expect: BTreeMap<String, Expect>,
    /// By the name of the evidence: a fact to report. `<status>`, `<admitted>`, `<limited>`, `<other>`, `<limit>`,
    /// `<seconds>`, `<message>` and `<header NAME>` stand for what was seen.
    #[serde(default)]
    pub(super) observe: BTreeMap<String, String>,
    /// The names of evidence of which the step says itself what is to be found: of `find_session` and `fingerprint`.
    #[serde(default, rename = "reads")]
    pub(super) _reads: Vec<String>,
}

/// One value, or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it is there for its schema")]
enum Values {
    One(String),
    Any(Vec<String>),
}

// What a file of one check expects of a step is brought to its check, as tables are filled in.
/// A step as it is written. Exactly one of the actions is given.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFile {
    /// Sends one request.
    pub(super) send: Option<Send>,
    /// Sends many requests, a few at once unless `in_flight` says otherwise.
    pub(super) burst: Option<Burst>,
    /// Sends requests evenly over a time.
    pub(super) pace: Option<Pace>,
    /// Asks a used-up key again and again.
    pub(super) poll: Option<Poll>,
    /// Sends until the key is used up and some 429s have been collected.
    pub(super) exhaust: Option<Exhaust>,
    /// Finds out how the limiter counts.
    pub(super) fingerprint: Option<Fingerprint>,
    /// Waits: `fresh-window` (until the key has a whole window in front of it), `promise` (the instant from which on the
    /// 429s seen so far promise to let the key in: the earliest of them, or the last one where each asking was answered
    /// with a later one), `first-promise` (the earliest in any case), `settled` (after a promise: until all that the burst
    /// before used is due back), or `silent-window` (a whole window in which the key sends nothing).
    pub(super) wait: Option<WaitFor>,
    /// Revokes a key: `own`, or a name from `keys`. Skipped where the target cannot revoke.
    pub(super) revoke: Option<Spanned<String>>,
    /// Looks for the session of an earlier batch in the session list.
    pub(super) find_session: Option<FindSession>,
    /// The name of what comes to light, under which `checks` read it.
    #[serde(rename = "as")]
    pub(super) name: Option<String>,
    /// Does the step once for each row, with the row's values in place of `{name}`; all of it is read under one name.
    #[serde(default, rename = "rows")]
    pub(super) _rows: Vec<BTreeMap<String, String>>,
    /// In a file of one check: the status that the rest takes for granted; with another one the check is skipped. For
    /// what the page leaves open.
    #[serde(rename = "given")]
    pub(super) _given: Option<StatusSet>,
    /// In a file of one check: what must be true of the answer, or of the answers.
    #[serde(rename = "expect")]
    pub(super) _expect: Option<Expect>,
    /// In a file of one check: a fact to report. `<status>`, `<admitted>`, `<limited>`, `<other>`, `<limit>`, `<seconds>`,
    /// `<message>` and `<header NAME>` stand for what was seen.
    #[serde(rename = "observe")]
    pub(super) _observe: Option<String>,
}

impl StepFile {
    /// The one thing it does.
    pub(super) fn action(&self) -> Option<Action> {
        let Self { send, burst, pace, poll, exhaust, fingerprint, wait, revoke, find_session, .. } =
            self.clone();
        let sends = send.map(Action::Send).or(burst.map(Action::Burst)).or(pace.map(Action::Pace));
        let asks = poll.map(Action::Poll).or(exhaust.map(Action::Exhaust));
        let asks = asks.or(fingerprint.map(Action::Fingerprint)).or(find_session.map(Action::FindSession));
        sends.or(asks).or(wait.map(Action::Wait)).or(revoke.map(Action::Revoke))
    }
}

/// The requests that checks share, in `requests.yaml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsFile {
    /// Each by its name.
    pub(super) requests: BTreeMap<String, Spanned<RequestDef>>,
}
