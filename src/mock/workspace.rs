//! A workspace: keys, sessions, a clock and deviations of its own, so that nobody disturbs anybody.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::keys::{KeyEntry, KeyHash};
use super::knobs::Knobs;
use super::limiter::Limiter;
use super::store::Store;
use super::sync::{lock, read, write};

/// The most named counters a deviation may make before they are all forgotten.
const MAX_COUNTERS: usize = 65_536;

/// A workspace.
#[derive(Debug)]
pub struct Workspace {
    /// Its id: `default`, or `ws_…`.
    pub id: String,
    pub(super) knobs: Knobs,
    pub(super) store: Mutex<Store>,
    /// In the order of creation, revoked ones included.
    pub(super) keys: RwLock<Vec<Arc<KeyEntry>>>,
    /// The further forms of keys, only where a deviation has some.
    pub(super) forms: RwLock<HashMap<KeyHash, Arc<KeyEntry>>>,
    pub(super) under_way: AtomicUsize,
    pub(super) bad_keys: AtomicU32,
    counters: Mutex<HashMap<String, Arc<Mutex<Limiter>>>>,
    offset_ms: AtomicU64,
    requests: AtomicU64,
    refusals: AtomicU64,
}

impl Workspace {
    pub(super) fn new(id: String, knobs: Knobs) -> Self {
        Self {
            id,
            knobs,
            store: Mutex::default(),
            keys: RwLock::default(),
            forms: RwLock::default(),
            under_way: AtomicUsize::new(0),
            bad_keys: AtomicU32::new(0),
            counters: Mutex::default(),
            offset_ms: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
        }
    }

    /// The workspace's time at the server's time `now`, both in milliseconds.
    pub fn time(&self, now: u64) -> u64 {
        now.saturating_add(self.offset_ms.load(Ordering::Acquire))
    }

    /// Sets the clock forward by so many milliseconds.
    pub fn advance(&self, ms: u64) {
        // It stops at the end of time instead of starting over.
        let add = |offset: u64| Some(offset.saturating_add(ms).min(u64::MAX / 4));
        let _ = self.offset_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
    }

    /// The keys, in the order of creation, revoked ones included.
    pub fn keys(&self) -> Vec<Arc<KeyEntry>> {
        read(&self.keys).clone()
    }

    /// Revokes a key at the server's time `now`; false if there is none with this id.
    pub fn revoke(&self, key_id: &str, now: u64) -> bool {
        let keys = read(&self.keys);
        let key = keys.iter().find(|key| key.id == key_id);
        if let Some(key) = key {
            key.revoke(self.time(now));
        }
        key.is_some()
    }

    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn next_refusal(&self) -> u64 {
        self.refusals.fetch_add(1, Ordering::Relaxed)
    }

    /// The counter of this name.
    pub(super) fn counter(&self, name: String) -> Arc<Mutex<Limiter>> {
        let mut counters = lock(&self.counters);
        if counters.len() >= MAX_COUNTERS && !counters.contains_key(&name) {
            counters.clear();
        }
        Arc::clone(counters.entry(name).or_default())
    }

    /// Makes a key known in the further forms the deviations ask for.
    pub(super) fn remember_forms(&self, plaintext: &[u8], key: &Arc<KeyEntry>) {
        for form in &self.knobs.forms {
            let known = (form.known)(plaintext);
            write(&self.forms).insert(KeyHash::of(&known), Arc::clone(key));
        }
    }
}
