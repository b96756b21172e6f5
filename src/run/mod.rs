//! Playing contract scenarios against a target and judging what comes back.
//!
//! [`play`] turns a suite into jobs, plays them side by side as far as keys allow, and tells everything as
//! [`Event`]s. The judge knows the contract's vocabulary and nothing of the mock.

mod admissions;
mod clock;
mod credentials;
mod dial;
mod experiment;
mod fault;
mod held_body;
mod judge;
mod lawful;
mod ledger;
mod message;
mod plan;
mod player;
mod request;
mod respell;
mod right_of_way;
mod schedule;
mod stage;
mod steps;
mod suspicion;
mod trace;
mod verdict;
mod volley;
mod wire;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::report::Event;
use crate::scenario::Suite;
use crate::target::{Envelope, Target};

pub use fault::Fault;
pub use plan::{LeftOut, Plan, plan};
pub use schedule::play;

use judge::Finding;
use message::{Answer, Outgoing};
use player::Stop;
use wire::Connections;

/// How long a body waits for an answer to its header once answers were lost.
const PATIENCE: Duration = Duration::from_millis(250);

/// How a run is played.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether `should` gates.
    pub strict: bool,
    /// Whether `rfc` gates.
    pub rfc: bool,
    /// Whether the run ends with the first failure that gates.
    pub fail_fast: bool,
    /// Whether every exchange is told.
    pub verbose: bool,
    /// The host the user named with `--allow-host`: bursts go there, and to this machine, and nowhere else.
    pub allowed_hosts: Vec<String>,
    /// How many jobs are under way at once.
    pub jobs: usize,
    /// The checks that are known to fail at this target, by id.
    pub known: std::collections::BTreeMap<String, crate::report::KnownDeviation>,
}

/// What all players of a run share.
#[derive(Debug)]
struct Run {
    suite: Arc<Suite>,
    target: Arc<Target>,
    options: Options,
    wire: wire::Wire,
    payloads: crate::payload::Payloads,
    trace: trace::Trace,
    events: UnboundedSender<Event>,
    requests: AtomicU64,
    /// How many answers came, to whatever request.
    answers: AtomicU64,
    right_of_way: right_of_way::RightOfWay,
    memory: Mutex<Memory>,
}

/// How the requests of a burst left.
#[derive(Debug, Clone)]
struct Departure {
    check: String,
    requests: usize,
    within: Duration,
}

/// What the run has learned of the target.
#[derive(Debug, Default)]
struct Memory {
    envelope: Option<Envelope>,
    unreachable: Option<String>,
    loses_answers: bool,
    crowded: bool,
    admitted: HashSet<(String, String)>,
    offers: HashMap<String, u16>,
    http2: Option<bool>,
    silences: BTreeMap<String, Duration>,
    slides: Option<bool>,
    bursts: u32,
    /// The burst whose requests left over the longest time.
    widest_burst: Option<Departure>,
    /// The burst of the most requests; of several, the one whose requests left over the longest time.
    largest_burst: Option<Departure>,
    first_bodies: HashMap<(String, String), Value>,
    requests: HashMap<String, u64>,
}

impl Run {
    /// A run of `suite` against `target` that tells `events` what happens.
    ///
    /// # Errors
    /// A [`Fault`] when the HTTP client cannot be set up.
    fn new(
        suite: Arc<Suite>,
        target: Arc<Target>,
        options: Options,
        events: UnboundedSender<Event>,
    ) -> Result<Self, Fault> {
        let wire = wire::Wire::new(&target)?;
        Ok(Self {
            suite,
            options,
            wire,
            payloads: crate::payload::Payloads::new(chrono::Utc::now()),
            trace: trace::Trace::default(),
            events,
            requests: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            right_of_way: right_of_way::RightOfWay::default(),
            memory: Mutex::default(),
            target,
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves nothing half-written here.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, event: Event) {
        // Nobody listening any more means that the run is being taken down.
        let _ = self.events.send(event);
    }

    fn count_for(&self, check: &str, requests: u64) {
        *self.memory().requests.entry(check.to_owned()).or_default() += requests;
    }

    fn requests_of(&self, check: &str) -> u64 {
        self.memory().requests.get(check).copied().unwrap_or_default()
    }

    /// How events are written to this target.
    fn envelope(&self) -> Envelope {
        match self.target.envelope {
            Envelope::Auto => self.envelope_found().unwrap_or(Envelope::Documented),
            given => given,
        }
    }

    fn envelope_found(&self) -> Option<Envelope> {
        self.memory().envelope
    }

    /// Whether it has yet to be found out how events are written to this target.
    fn envelope_is_unknown(&self) -> bool {
        self.target.envelope == Envelope::Auto && self.envelope_found().is_none()
    }

    fn found_envelope(&self, envelope: Envelope) {
        self.memory().envelope.get_or_insert(envelope);
    }

    fn unreachable(&self) -> Option<String> {
        self.memory().unreachable.clone()
    }

    fn set_unreachable(&self, why: &str) {
        self.memory().unreachable.get_or_insert_with(|| why.to_owned());
    }

    /// The connections to use where `wanted` would do: with patience for the body once answers were lost while it
    /// was being sent.
    fn connections(&self, wanted: Connections) -> Connections {
        match wanted {
            Connections::Reused | Connections::Fresh if self.memory().loses_answers => {
                Connections::Patient(PATIENCE)
            }
            wanted => wanted,
        }
    }

    /// Remembers that an answer was lost which may have come before the body was sent.
    fn note_lost_answer(&self, outgoing: &Outgoing, fault: &Fault) {
        if outgoing.body.is_some() && matches!(fault, Fault::CutOff(_)) {
            self.memory().loses_answers = true;
        }
    }

    /// Remembers that many requests at once make each other wait at this target's door.
    fn note_crowd(&self) {
        self.memory().crowded = true;
    }

    fn is_crowded(&self) -> bool {
        self.memory().crowded
    }

    fn was_admitted(&self, variable: &str, request: &str) -> bool {
        self.memory().admitted.contains(&(variable.to_owned(), request.to_owned()))
    }

    fn note_admitted(&self, variable: &str, request: &str) {
        self.memory().admitted.insert((variable.to_owned(), request.to_owned()));
    }

    /// Remembers that quota was missing after a promise, so that this key is given so long a silence from now on.
    fn note_silence(&self, variable: &str, silence: Duration) {
        let mut memory = self.memory();
        let longest = memory.silences.entry(variable.to_owned()).or_default();
        *longest = silence.max(*longest);
    }

    /// Whether quota that was missing when a promise was kept is there after a long silence, as where a limiter slides;
    /// `None` where that was not tried.
    fn slides(&self) -> Option<bool> {
        self.memory().slides
    }

    /// Remembers what a long silence did. Where it helped once, it is worth it everywhere.
    fn note_slides(&self, helped: bool) {
        let mut memory = self.memory();
        memory.slides = memory.slides.max(Some(helped));
    }

    fn silences(&self) -> BTreeMap<String, Duration> {
        self.memory().silences.clone()
    }

    fn offered(&self, request: &str) -> Option<u16> {
        self.memory().offers.get(request).copied()
    }

    fn note_offer(&self, request: &str, status: u16) {
        self.memory().offers.insert(request.to_owned(), status);
    }

    /// Whether the target speaks HTTP/2, where that is known.
    fn http2(&self) -> Option<bool> {
        self.memory().http2
    }

    /// Remembers how close together the requests of a burst left.
    fn note_burst(&self, check: &str, requests: usize, within: Duration) {
        let burst = || Some(Departure { check: check.to_owned(), requests, within });
        let mut memory = self.memory();
        memory.bursts += 1;
        if memory.widest_burst.as_ref().is_none_or(|widest| widest.within < within) {
            memory.widest_burst = burst();
        }
        let largest = memory.largest_burst.as_ref().map(|largest| (largest.requests, largest.within));
        if largest.is_none_or(|largest| largest < (requests, within)) {
            memory.largest_burst = burst();
        }
    }

    /// How close together the requests of bursts left, where there were any.
    fn told_of_bursts(&self) -> Option<String> {
        let memory = self.memory();
        let told = |which, burst: &Departure| {
            let Departure { check, requests, within } = burst;
            format!("the {which}, {requests} requests of {check}, left within {} ms", within.as_millis())
        };
        let (largest, widest) = (memory.largest_burst.as_ref()?, memory.widest_burst.as_ref()?);
        let (largest, widest) = (told("largest", largest), told("widest", widest));
        Some(format!("bursts: {}; {largest}; {widest}", memory.bursts))
    }

    fn note_http2(&self, offered: bool) {
        self.memory().http2 = Some(offered);
    }

    /// Compares a body with the first one seen under `name` in a check.
    fn differs_from_first(&self, check: &str, name: &str, answer: &Answer) -> Option<Finding> {
        let seen = answer.json().unwrap_or_else(|_| Value::String(judge::excerpt(answer)));
        let mut memory = self.memory();
        let first =
            memory.first_bodies.entry((check.to_owned(), name.to_owned())).or_insert_with(|| seen.clone());
        (*first != seen).then(|| Finding {
            what: "the body is another one than in the other cases of this check".to_owned(),
            expected: judge::pretty(first),
            actual: judge::pretty(&seen),
        })
    }

    /// Bursts go only where they are welcome.
    fn burst_is_welcome(&self) -> Result<(), Stop> {
        let host = self.target.host();
        let why = plan::obstacle::no_bursts(&host, self.target.loopback, &self.options.allowed_hosts);
        why.map_or(Ok(()), |why| Err(Stop::Skipped(why)))
    }
}
