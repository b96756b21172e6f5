//! What a test does to a mock besides sending requests: keys, the clock, faults, and a look at what came.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::contract::{ApiKey, Scope, Tier};

use super::engine::{CreateError, Engine};
use super::faults::{BadFault, FaultSpec, NotAdded};
use super::journal::{EntryView, Filter};
use super::keys::KeySpec;
use super::settings::Settings;

/// The default workspace of a mock in this process.
#[derive(Debug, Clone)]
pub struct MockHandle {
    engine: Arc<Engine>,
    started: Instant,
}

impl MockHandle {
    pub(super) fn new(engine: Arc<Engine>, started: Instant) -> Self {
        Self { engine, started }
    }

    /// The time 0 of an engine that starts now, in milliseconds since 1970.
    pub(super) fn epoch_ms() -> i64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    /// The engine's time in milliseconds. It never goes back.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes a key with these scopes, on the Standard tier unless it may post events, and gives its plaintext. It
    /// opens nothing but this mock.
    ///
    /// # Errors
    /// [`CreateError`] when there are too many keys.
    pub fn key(&self, scopes: &[Scope]) -> Result<String, CreateError> {
        let letters = crate::system::letters_and_digits;
        let plaintext = format!("ct_live_{}", letters(32));
        let key = ApiKey::new(plaintext.clone()).map_err(|_| CreateError::Exists)?;
        let name = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        let spec = KeySpec { name, scopes: scopes.to_vec(), plan: Tier::Standard };
        let workspace = self.engine.default_workspace();
        self.engine.create_key(&workspace, format!("key_{}", letters(12)), spec, &key, self.now())?;
        Ok(plaintext)
    }

    /// Sets the clock forward, over the end of a window for instance.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.engine.default_workspace().set_clock(|clock| clock.advance(self.now(), ms));
    }

    /// Sets deviations, limiter and limits.
    pub fn set(&self, settings: Settings) {
        self.engine.default_workspace().set(settings);
    }

    /// Makes something go wrong from now on; `false` if there are as many faults as there may be.
    ///
    /// # Errors
    /// [`BadFault`] when the fault makes no sense.
    pub fn fault(&self, fault: FaultSpec) -> Result<bool, BadFault> {
        let workspace = self.engine.default_workspace();
        match workspace.faults.add(fault, workspace.time(self.now())) {
            Ok(_) => Ok(true),
            Err(NotAdded::TooMany) => Ok(false),
            Err(NotAdded::Bad(wrong)) => Err(wrong),
        }
    }

    /// The requests that came, oldest first: the last 1,000 unless the mock was started otherwise.
    pub fn requests(&self) -> Vec<EntryView> {
        let found = self.engine.default_workspace().journal.all(&Filter::default(), 0);
        found.entries.iter().map(|entry| EntryView::from(&**entry)).collect()
    }
}
