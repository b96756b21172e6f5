//! What a step brought to light. Doing a step and judging it are two things, so that one experiment can serve
//! everyone who has something to expect of it.

use std::sync::Arc;
use std::time::Duration;

use super::poll::Polled;
use crate::run::clock::Moment;
use crate::run::lawful;
use crate::run::ledger::{KeyState, WINDOW};
use crate::run::message::{Answer, Outgoing};
use crate::run::volley::Volley;

/// What came of a step.
#[derive(Debug)]
pub(in crate::run) enum Seen {
    /// Nothing to judge: the step waits, or judges by itself.
    Nothing,
    /// One answer.
    Answer(Box<Sent>),
    /// Those to a burst.
    Burst(Box<Fired>),
    /// Those to requests at an even pace.
    Paced(Box<Paced>),
    /// Those to a poll.
    Polled(Box<Polled>),
    /// The 429s of a key that is used up.
    UsedUp(Vec<(usize, Answer)>),
}

impl Seen {
    /// Whether a burst's own 429s say that the window ends sooner than a minute after we `began` to spend it: then
    /// somebody else opened it, or it is the clock's.
    pub(in crate::run) fn shows_earlier_use(&self, began: Moment) -> bool {
        const ALMOST_A_WINDOW: Duration = Duration::from_secs(WINDOW.as_secs() - 1);
        let Self::Burst(fired) = self else { return false };
        let promises = fired.volley.answers.iter().filter_map(|(_, answer)| answer.promise());
        promises.min().is_some_and(|promise| promise < began + ALMOST_A_WINDOW)
    }
}

/// A request and its answer.
#[derive(Debug)]
pub(in crate::run) struct Sent {
    pub(super) outgoing: Outgoing,
    pub(super) answer: Answer,
    /// How to send it again by hand.
    pub(super) curl: String,
    /// Whose quota it was counted against.
    pub(super) key: Arc<KeyState>,
    /// Whether it was.
    pub(super) counted: bool,
}

/// A burst and its answers.
#[derive(Debug)]
pub(in crate::run) struct Fired {
    pub(super) volley: Volley,
    /// How many events each request held.
    pub(super) batches: Vec<u32>,
    /// The quota that the counts are about: events where events are counted, else requests.
    pub(super) limit: u32,
    pub(super) key: Arc<KeyState>,
}

/// Requests at an even pace, and their answers by the places of the requests.
#[derive(Debug)]
pub(in crate::run) struct Paced {
    pub(super) answers: Vec<(usize, Answer)>,
    /// What the limiter may have remembered when they began.
    pub(super) before: Vec<lawful::Seen>,
    pub(super) key: Arc<KeyState>,
}
