//! The words of the scenario language, as types. What each word means is said here once: the
//! JSON Schema, and so every editor, shows these texts.

pub(super) mod check;
pub(super) mod suite;

pub use super::file::Action;
pub use super::steps::{
    Body, Burst, Credentials, Exhaust, FindSession, Fingerprint, HttpVersion, KeyForm, Pace, PathForm, Poll,
    Presence, RequestDef, Send,
};
pub use check::{Agree, Expect, Fact, HeaderExpect, Hole, IntegerRange, JsonExpect, Level, Rule};
pub(crate) use suite::told_row;
pub use suite::{Case, Experiment, Item, Reading, Step};
