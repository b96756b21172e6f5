//! A workspace: a clock, keys, counters, sessions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::answer::Answer;
use crate::limiter::{Algorithm, Meter};
use crate::quirk::Quirk;

/// What a server is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nature {
    pub(crate) how: Algorithm,
    pub(crate) quirks: &'static [Quirk],
}

/// A key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) premium: bool,
    pub(crate) revoked_at: Option<u64>,
}

impl Key {
    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|has| has == scope)
    }
}

/// The counters of a key, or of what a faulty server counts in its stead.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Meter,
    pub(crate) events: Meter,
    /// Requests that were let in and not yet brought into the count.
    pub(crate) pending: Vec<u64>,
    /// The last moment when they were.
    pub(crate) gathered: u64,
    /// When the last request came.
    pub(crate) asked: u64,
    /// How many came.
    pub(crate) turn: u64,
    /// The window whose first refusal has been sent.
    pub(crate) told: Option<u64>,
}

/// The keys that connections showed.
pub(crate) type Known = Mutex<HashMap<u64, Key>>;

/// A workspace.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) nature: Nature,
    started: Instant,
    /// Where in its minute the clock began, so that nothing is aligned by chance.
    ahead: AtomicU64,
    pub(crate) keys: Mutex<Vec<Key>>,
    pub(crate) counters: Mutex<HashMap<String, Counters>>,
    /// Sessions with the moment they were first seen and their events.
    pub(crate) sessions: Mutex<BTreeMap<String, (u64, usize)>>,
    /// Connections that showed a valid key.
    pub(crate) known: Arc<Known>,
    /// Connections that sent a request before.
    pub(crate) met: Mutex<HashSet<u64>>,
    /// Answers that are kept, with the moment they are kept until.
    pub(crate) kept: Mutex<HashMap<String, (u64, Answer)>>,
}

impl Site {
    /// A workspace of a server that began at that time: without being moved on, all clocks of a server tell the same time.
    pub(crate) fn new(nature: Nature, known: &Arc<Known>, started: Instant) -> Self {
        Self {
            nature,
            started,
            ahead: AtomicU64::new(37_411),
            keys: Mutex::default(),
            counters: Mutex::default(),
            sessions: Mutex::default(),
            known: Arc::clone(known),
            met: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    pub(crate) fn is(&self, quirk: Quirk) -> bool {
        self.nature.quirks.contains(&quirk)
    }

    /// Milliseconds on the clock of this workspace.
    pub(crate) fn now(&self) -> u64 {
        let real = u64::try_from(self.started.elapsed().as_millis()).unwrap();
        real + self.ahead.load(Ordering::Acquire)
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.ahead.fetch_add(ms, Ordering::AcqRel);
    }
}
