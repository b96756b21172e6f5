//! A workspace: keys, sessions, a clock, settings, faults and a journal of its own, so that nobody disturbs anybody.
//!
//! Its clock can be set forward, stopped, and made to run faster or slower. It never goes back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

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

/// One second a second, in thousandths.
const REAL_TIME: u32 = 1_000;

/// The end of time, far enough from the end of the numbers that sums with it stay numbers.
const END: u64 = u64::MAX / 4;

/// A clock over the server's time; all times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The server's time of the last change, and the clock's time then.
    changed: u64,
    shown: u64,
    /// Thousandths of a second that pass in a second of the server, also while it is frozen.
    pub(super) speed: u32,
    pub(super) frozen: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { changed: 0, shown: 0, speed: REAL_TIME, frozen: false }
    }
}

impl Clock {
    /// The slowest and the fastest speed, in thousandths.
    pub(crate) const SPEEDS: std::ops::RangeInclusive<u32> = 1..=1_000_000;

    pub(crate) fn time(&self, now: u64) -> u64 {
        if self.frozen {
            return self.shown;
        }
        let passed = now.saturating_sub(self.changed);
        if self.speed == REAL_TIME {
            return self.shown.saturating_add(passed).min(END);
        }
        let passed = u128::from(passed);
        let shown = u128::from(self.shown) + passed * u128::from(self.speed) / u128::from(REAL_TIME);
        u64::try_from(shown).unwrap_or(END).min(END)
    }

    /// Sets it forward; it stops at the end of time instead of starting over.
    pub(crate) fn advance(&mut self, now: u64, ms: u64) {
        self.change(now);
        self.shown = self.shown.saturating_add(ms).min(END);
    }

    /// Stops it, or lets it go on.
    pub(crate) fn freeze(&mut self, now: u64, frozen: bool) {
        self.change(now);
        self.frozen = frozen;
    }

    /// Sets its speed in thousandths, within [`Clock::SPEEDS`].
    pub(crate) fn set_speed(&mut self, now: u64, speed: u32) {
        self.change(now);
        self.speed = speed.clamp(*Self::SPEEDS.start(), *Self::SPEEDS.end());
    }

    /// From here on the past is a single number.
    fn change(&mut self, now: u64) {
        self.shown = self.time(now);
        self.changed = self.changed.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Turn {
        Wait(u64),
        Advance(u64),
        Freeze(bool),
        Speed(u32),
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let turn = prop_oneof![
            (0_u64..5_000).prop_map(Turn::Wait),
            (0_u64..100_000).prop_map(Turn::Advance),
            any::<bool>().prop_map(Turn::Freeze),
            (1_u32..=100).prop_map(|factor| Turn::Speed(factor * 1_000)),
        ];
        prop::collection::vec(turn, 0..40)
    }

    proptest! {
        #[test]
        fn it_agrees_with_counting_every_millisecond(turns in turns()) {
            let (mut clock, mut now, mut shown) = (Clock::default(), 0, 0);
            let (mut factor, mut frozen) = (1, false);
            for turn in turns {
                match turn {
                    Turn::Wait(ms) => {
                        now += ms;
                        for _ in 0..ms {
                            shown += if frozen { 0 } else { factor };
                        }
                    }
                    Turn::Advance(ms) => {
                        clock.advance(now, ms);
                        shown += ms;
                    }
                    Turn::Freeze(freeze) => {
                        clock.freeze(now, freeze);
                        frozen = freeze;
                    }
                    Turn::Speed(speed) => {
                        clock.set_speed(now, speed);
                        factor = u64::from(speed) / 1_000;
                    }
                }
                prop_assert_eq!(clock.time(now), shown);
            }
        }
    }

    #[test]
    fn it_ends_instead_of_starting_over_and_ignores_times_before_a_change() {
        let mut clock = Clock::default();
        clock.advance(5, u64::MAX);
        clock.advance(6, u64::MAX);
        assert_eq!(clock.time(u64::MAX), END);
        let mut clock = Clock::default();
        clock.freeze(10, true);
        clock.freeze(10, false);
        assert_eq!(clock.time(4), 10, "a late reader sees no time before the change");
    }
}
