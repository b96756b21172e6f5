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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ApiKey, Tier};
    use crate::target::Key;

    fn burst(retry_after: &str, sent_ms: u64) -> Seen {
        let at = |ms| Moment(Duration::from_millis(ms));
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", retry_after.parse().unwrap());
        let (sent, done) = (at(sent_ms), at(sent_ms + 5));
        let answer = Answer { status: 429, headers, body: bytes::Bytes::new(), sent, answered: done, done };
        let key = Key {
            variable: "K".to_owned(),
            secret: ApiKey::new("ct_live_abcdefghijkl").unwrap(),
            tier: Some(Tier::Standard),
            scopes: Vec::new(),
            account: None,
            given_for: None,
            mock_id: None,
        };
        let volley = Volley { answers: vec![(0, answer)], ..Volley::default() };
        let key = Arc::new(KeyState::new(key, Tier::Standard.limits()));
        Seen::Burst(Box::new(Fired { volley, batches: vec![0], limit: 60, key }))
    }

    #[test]
    fn a_window_that_did_not_begin_with_us_gives_itself_away() {
        let began = Moment(Duration::from_millis(1_000));
        assert!(!burst("60", 1_010).shows_earlier_use(began));
        // Rounded down, and asked a little later: still ours.
        assert!(!burst("59", 1_300).shows_earlier_use(began));
        assert!(burst("58", 1_010).shows_earlier_use(began));
        assert!(!burst("soon", 1_010).shows_earlier_use(began));
        assert!(!Seen::Nothing.shows_earlier_use(began));
    }
}
