//! A workspace: keys, sessions, a clock, settings, faults and a journal of its own, so that nobody disturbs anybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use super::clock::Clock;
use super::faults::Faults;
use super::journal::{Journal, Room};
use super::keys::{KeyEntry, KeyHash};
use super::limiter::Limiter;
use super::settings::Settings;
use super::store::Store;

/// The most named counters a deviation may make before they are all forgotten.
const MAX_COUNTERS: usize = 65_536;

/// A workspace.
#[derive(Debug)]
pub struct Workspace {
    /// Its id: `default`, or `ws_…`.
    pub id: String,
    settings: RwLock<Arc<Settings>>,
    clock: RwLock<Clock>,
    pub(super) faults: Faults,
    pub(super) journal: Journal,
    pub(super) store: Mutex<Store>,
    /// In the order of creation, revoked ones included.
    pub(super) keys: RwLock<Vec<Arc<KeyEntry>>>,
    /// The further forms of keys, only where a deviation has some.
    pub(super) forms: RwLock<HashMap<KeyHash, Arc<KeyEntry>>>,
    pub(super) under_way: AtomicUsize,
    pub(super) bad_keys: AtomicU32,
    counters: Mutex<HashMap<String, Arc<Mutex<Limiter>>>>,
    /// Keys by the connections that showed them, only where a deviation remembers them.
    connections: Mutex<HashMap<u64, Arc<KeyEntry>>>,
    requests: AtomicU64,
    refusals: AtomicU64,
    /// When the last 429 was, in milliseconds of its clock; `u64::MAX` before the first.
    last_429: AtomicU64,
}

impl Workspace {
    pub(super) fn new(id: String, settings: Settings, room: Arc<Room>) -> Self {
        Self {
            id,
            settings: RwLock::new(Arc::new(settings)),
            clock: RwLock::default(),
            faults: Faults::default(),
            journal: Journal::new(room),
            store: Mutex::default(),
            keys: RwLock::default(),
            forms: RwLock::default(),
            under_way: AtomicUsize::new(0),
            bad_keys: AtomicU32::new(0),
            counters: Mutex::default(),
            connections: Mutex::default(),
            requests: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            last_429: AtomicU64::new(u64::MAX),
        }
    }

    /// The workspace's time at the server's time `now`, both in milliseconds.
    pub fn time(&self, now: u64) -> u64 {
        self.clock.read().time(now)
    }

    /// Changes the clock; gives what it is then.
    pub(super) fn set_clock(&self, change: impl FnOnce(&mut Clock)) -> Clock {
        let mut clock = self.clock.write();
        change(&mut clock);
        *clock
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    /// Sets it otherwise. Set to what it is set to already, it goes on counting; else windows begin anew, since counts
    /// of one limiter mean nothing to another. A deviation that takes keys in another form takes those made from now
    /// on.
    pub(super) fn set(&self, settings: Settings) {
        if !settings.same_as(&self.settings()) {
            *self.settings.write() = Arc::new(settings);
            self.forget_windows();
        }
    }

    /// Forgets sessions, scores, counts, journal, and faults that no configuration asked for, at the server's time
    /// `now`. Keys, clock and settings stay.
    pub(super) fn reset(&self, now: u64) {
        self.faults.reset(self.time(now));
        *self.store.lock() = Store::default();
        self.journal.clear();
        self.forget_windows();
    }

    /// The key that a connection showed, where a deviation remembers it.
    pub(super) fn shown_by(&self, connection: u64) -> Option<Arc<KeyEntry>> {
        self.connections.lock().get(&connection).cloned()
    }

    /// Remembers the key that a connection showed.
    pub(super) fn remember(&self, connection: u64, key: &Arc<KeyEntry>) {
        let mut connections = self.connections.lock();
        if connections.len() >= MAX_COUNTERS {
            connections.clear();
        }
        connections.insert(connection, Arc::clone(key));
    }

    pub(super) fn forget_windows(&self) {
        for key in self.keys() {
            *key.limiter.lock() = Limiter::default();
        }
        self.counters.lock().clear();
        self.bad_keys.store(0, Ordering::Relaxed);
    }

    /// The keys, in the order of creation, revoked ones included.
    pub fn keys(&self) -> Vec<Arc<KeyEntry>> {
        self.keys.read().clone()
    }

    /// Revokes a key at the server's time `now`; false if there is none with this id.
    pub fn revoke(&self, key_id: &str, now: u64) -> bool {
        let keys = self.keys.read();
        let key = keys.iter().find(|key| *key.id == *key_id);
        if let Some(key) = key {
            key.revoke(self.time(now));
        }
        key.is_some()
    }

    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn next_refusal(&self, now: u64) -> u64 {
        self.last_429.store(now, Ordering::Relaxed);
        self.refusals.fetch_add(1, Ordering::Relaxed)
    }

    /// How long before `now` the last 429 was.
    pub(super) fn since_429(&self, now: u64) -> Option<u64> {
        Some(self.last_429.load(Ordering::Relaxed))
            .filter(|at| *at != u64::MAX)
            .map(|at| now.saturating_sub(at))
    }

    pub(super) fn counter(&self, name: String) -> Arc<Mutex<Limiter>> {
        let mut counters = self.counters.lock();
        if counters.len() >= MAX_COUNTERS && !counters.contains_key(&name) {
            counters.clear();
        }
        Arc::clone(counters.entry(name).or_default())
    }

    /// Makes a key known in the further forms the deviations ask for.
    pub(super) fn remember_forms(&self, plaintext: &[u8], key: &Arc<KeyEntry>) {
        for form in &self.settings().behaviour.forms {
            let known = (form.known)(plaintext);
            self.forms.write().insert(KeyHash::of(&known), Arc::clone(key));
        }
    }
}
