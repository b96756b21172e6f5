//! Faults: what goes wrong between a client and an API that is right, so that a plugin can be seen to cope.
//!
//! [`FaultSpec`] is what is asked for, [`Fault`] decides which requests it meets, [`FaultPlan`] is what happens to one
//! request, and the server carries it out. Decisions are pure: they depend on the fault, on how many requests it was
//! asked about before and, for one of each flush, on when these came.

mod spec;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::journal::same_path;
use super::keys::KeyEntry;
use super::request::Request;

pub(crate) use spec::Effect;
pub use spec::{BadFault, Distribution, FaultSpec, ResetWhen};
use spec::{MAX_FAULTS, happens, latency_ms};

/// How long after a request the next one still belongs to the same flush, in milliseconds.
const FLUSH_MS: u64 = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// In the order in which they were made.
    list: RwLock<Vec<Arc<Fault>>>,
    /// How many there are, so that who has none pays for none.
    count: AtomicUsize,
    made: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) id: Arc<str>,
    pub(crate) spec: FaultSpec,
    /// When it ends, in milliseconds of the workspace's clock.
    pub(crate) ends: Option<u64>,
    pub(crate) effect: Effect,
    /// Whether the configuration asked for it, and not somebody over the control API.
    is_configured: bool,
    /// When the last request came that it was asked about, and which one of its flush that was, from 1.
    flush: Mutex<(u64, u64)>,
    pub(crate) matched: AtomicU64,
    pub(crate) met: AtomicU64,
}

/// What happens to one request.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    pub(crate) delay: Duration,
    /// The fault that decides what becomes of the request and its answer.
    pub(crate) decisive: Option<Arc<Fault>>,
    /// The faults with whose deviations the API decides about it, on top of those of its workspace.
    pub(crate) deviating: Vec<Arc<Fault>>,
    pub(crate) faults: Vec<Arc<str>>,
}

impl Faults {
    /// Adds a fault at `now`, in milliseconds of the workspace's clock.
    pub(crate) fn add(&self, spec: FaultSpec, now: u64) -> Result<Arc<Fault>, BadFault> {
        let effect = spec.effect()?;
        let mut list = self.list.write();
        list.retain(|fault| !fault.is_over(now));
        if list.len() >= MAX_FAULTS {
            return Err(BadFault::TooMany);
        }
        let fault = self.make(spec, effect, false, now);
        list.push(Arc::clone(&fault));
        self.count.store(list.len(), Ordering::Release);
        Ok(fault)
    }

    /// Puts the faults of a configuration in the place of those of an earlier one; what makes no sense is left out,
    /// since the configuration was checked.
    pub(crate) fn configure(&self, specs: &[FaultSpec], now: u64) {
        let mut list = self.list.write();
        list.retain(|fault| !fault.is_configured);
        let made =
            specs.iter().filter_map(|spec| Some(self.make(spec.clone(), spec.effect().ok()?, true, now)));
        let made: Vec<_> = made.collect();
        list.splice(..0, made);
        self.count.store(list.len(), Ordering::Release);
    }

    /// Takes away what was asked for over the control API, and lets the configuration's begin anew.
    pub(crate) fn reset(&self, now: u64) {
        let configured: Vec<FaultSpec> = self
            .list
            .read()
            .iter()
            .filter(|fault| fault.is_configured)
            .map(|fault| fault.spec.clone())
            .collect();
        self.clear();
        self.configure(&configured, now);
    }

    fn make(&self, spec: FaultSpec, effect: Effect, is_configured: bool, now: u64) -> Arc<Fault> {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Fault {
            id: format!("fault_{number}").into(),
            ends: spec.for_ms.map(|ms| now.saturating_add(ms)),
            spec,
            effect,
            is_configured,
            flush: Mutex::default(),
            matched: AtomicU64::new(0),
            met: AtomicU64::new(0),
        })
    }

    pub(crate) fn list(&self, now: u64) -> Vec<Arc<Fault>> {
        self.list.read().iter().filter(|fault| !fault.is_over(now)).cloned().collect()
    }

    /// Takes a fault away; false if there is none with this id.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut list = self.list.write();
        let before = list.len();
        list.retain(|fault| *fault.id != *id);
        self.count.store(list.len(), Ordering::Release);
        list.len() < before
    }

    pub(crate) fn clear(&self) {
        self.list.write().clear();
        self.count.store(0, Ordering::Release);
    }

    /// What happens to a request at `now`, in milliseconds of the workspace's clock. Every fault that matches counts
    /// it; delays and deviations add up, and of all else the fault that was made first decides.
    pub(crate) fn plan(
        &self,
        key: Option<&KeyEntry>,
        request: &Request<'_>,
        now: impl Fn() -> u64,
    ) -> FaultPlan {
        let mut plan = FaultPlan::default();
        if self.count.load(Ordering::Acquire) == 0 {
            return plan;
        }
        let now = now();
        for fault in self.list.read().iter() {
            if fault.is_over(now) || !fault.matches(key, request) || !fault.is_on_turn(now) {
                continue;
            }
            let ordinal = fault.matched.fetch_add(1, Ordering::Relaxed);
            if !happens(&fault.spec, ordinal) || !plan.take(fault, ordinal) {
                continue;
            }
            fault.met.fetch_add(1, Ordering::Relaxed);
            plan.faults.push(Arc::clone(&fault.id));
        }
        plan
    }

    /// The faults with whose deviations the API decides about whatever comes with a key, at `now` in milliseconds of
    /// the workspace's clock.
    pub(crate) fn deviating(&self, key: &KeyEntry, now: u64) -> Vec<Arc<Fault>> {
        let deviates = |fault: &&Arc<Fault>| matches!(fault.effect, Effect::Deviate(_));
        let list = self.list.read();
        let deviating = list.iter().filter(|fault| !fault.is_over(now) && fault.meets_all_of(key));
        deviating.filter(deviates).cloned().collect()
    }
}

impl Fault {
    /// Whether it meets every request with a key.
    fn meets_all_of(&self, key: &KeyEntry) -> bool {
        let FaultSpec { method, path, first, every, in_flush, share, .. } = &self.spec;
        let counts = first.or(*every).or(*in_flush);
        method.is_none()
            && path.is_none()
            && counts.is_none()
            && share.is_none()
            && self.spec.key.as_ref().is_none_or(|wanted| is_called(key, wanted))
    }

    fn is_over(&self, now: u64) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }

    /// Whether a request at `now` has the place in its flush that is meant.
    fn is_on_turn(&self, now: u64) -> bool {
        let Some(wanted) = self.spec.in_flush else { return true };
        let mut flush = self.flush.lock();
        let (last, place) = *flush;
        *flush = (now, if place > 0 && now.saturating_sub(last) < FLUSH_MS { place + 1 } else { 1 });
        flush.1 == wanted
    }

    fn matches(&self, key: Option<&KeyEntry>, request: &Request<'_>) -> bool {
        let key = |wanted: &String| key.is_some_and(|key| is_called(key, wanted));
        self.spec.method.as_ref().is_none_or(|method| method == request.method)
            && self.spec.path.as_ref().is_none_or(|path| same_path(path, request.path.as_bytes()))
            && self.spec.key.as_ref().is_none_or(key)
    }
}

fn is_called(key: &KeyEntry, wanted: &str) -> bool {
    *key.id == *wanted || *key.name == *wanted
}

impl FaultPlan {
    /// Adds an effect; false if another one was there first.
    fn take(&mut self, fault: &Arc<Fault>, ordinal: u64) -> bool {
        match &fault.effect {
            Effect::Latency => self.delay += Duration::from_millis(latency_ms(&fault.spec, ordinal)),
            Effect::Deviate(_) if self.decisive.as_ref().is_some_and(|first| first.effect.is_instead()) => {
                return false;
            }
            Effect::Deviate(_) => self.deviating.push(Arc::clone(fault)),
            _ if self.decisive.is_some() => return false,
            _ => self.decisive = Some(Arc::clone(fault)),
        }
        true
    }
}

#[cfg(test)]
mod tests;
