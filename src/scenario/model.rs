//! The words of the scenario language, as types. What each word means is said here once: the
//! JSON Schema, and so every editor, shows these texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::expectation::{Agree, Expect, HeaderExpect, Hole, IntegerRange, JsonExpect, Rule};
pub use super::request::{Body, Credentials, HttpVersion, KeyForm, PathForm, RequestDef, Send};
use super::span::Spanned;
pub use super::steps::{Burst, Exhaust, FindSession, Fingerprint, Pace, Poll, Presence};
use super::words::{StatusSet, WaitFor};

/// How much a check weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The page promises it: a failure gates.
    Must,
    /// A user would expect it: a failure gates with `--strict`.
    Should,
    /// HTTP itself asks for it: a failure gates with `--rfc`.
    Rfc,
    /// Reported, never gates.
    Observe,
}

/// What is sent once, and read by one check or by several.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Its name: that of the file's `experiment`, or the id of the only check that reads it.
    pub name: String,
    /// What is done, and why so.
    pub about: String,
    /// The file, as the user would name it.
    pub file: Arc<str>,
    /// One for each row, or just one.
    pub cases: Vec<Case>,
}

/// An experiment with one row of its table filled in.
#[derive(Debug, Clone)]
pub struct Case {
    /// The row, as `name=value` pairs in the order of the file; empty where there is no table.
    pub row: Vec<(String, String)>,
    /// The role of the key the steps use unless they name another.
    pub key: Option<Spanned<String>>,
    /// Further keys by the name the steps use for them, with their roles.
    pub keys: BTreeMap<String, Spanned<String>>,
    /// Whether all of these keys belong to one account.
    pub one_account: bool,
    /// What is done, in order.
    pub steps: Vec<Spanned<Step>>,
    /// What is read from it.
    pub readings: Vec<Reading>,
    /// A number that is another one when its keys or its steps are.
    pub digest: String,
}

/// What one check reads from the evidence of a case.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The check, by its place in the suite.
    pub check: usize,
    /// Checks that name the cause where they fail: then this one is explained by them.
    pub needs: Vec<String>,
    /// Checks of the same promise elsewhere: where they are broken in the same words, it is one cause.
    pub like: Vec<String>,
    /// What the run learns from it; see [`Fact`].
    pub learns: Option<Fact>,
    /// What is read, in the order of the steps; that of the whole run comes last.
    pub items: Vec<Item>,
}

/// What is read from one piece of evidence. Nothing is said of `find_session` and `fingerprint`, whose step says itself
/// what is to be found.
#[derive(Debug, Clone)]
pub struct Item {
    /// The line of the scenario file.
    pub line: u32,
    /// The steps whose evidence it is, by their places; none where it is that of the whole run.
    pub steps: Vec<usize>,
    /// The status that is taken for granted.
    pub given: Option<StatusSet>,
    /// What must be true.
    pub expect: Option<Expect>,
    /// A fact to report.
    pub observe: Option<String>,
}

/// A step, with the name of its evidence.
#[derive(Debug, Clone)]
pub struct Step {
    /// The name under which checks read what it brings to light; several steps of one table share it.
    pub name: Option<String>,
    /// The row of the step's own table, such as `header=Forwarded`.
    pub row: String,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sends one request.
    Send(Send),
    /// Sends many requests.
    Burst(Burst),
    /// Sends requests evenly over a time.
    Pace(Pace),
    /// Asks a used-up key again and again.
    Poll(Poll),
    /// Sends until the key is used up.
    Exhaust(Exhaust),
    /// Uses a quota in two halves and watches it come back.
    Fingerprint(Fingerprint),
    /// Waits.
    Wait(WaitFor),
    /// Revokes a key.
    Revoke(Spanned<String>),
    /// Looks for a session in the session list.
    FindSession(FindSession),
}

/// What a run learns of a deployment from one check, and uses in all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// How many requests a key of this tier is granted in a window.
    Requests,
    /// That the events of a window have an end.
    Events,
    /// Whether keys share a quota.
    Sharing,
}
