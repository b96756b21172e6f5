//! What all cases of a run share: the suite, the deployment and the way there, and what was found out about both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::burst_gate::BurstGate;
use super::case;
use super::evidence::Gap;
use super::learned::{KeyFacts, Learned};
use super::options::Options;
use super::sharing::Seen;
use super::trace::Trace;
use crate::amounts::count;
use crate::client::{Connections, Fault, HttpClient, Outgoing};
use crate::deployment::{Envelope, Key, Target, role_variable};
use crate::payload::Payloads;
use crate::report::{Event, Redactor};
use crate::scenario::Suite;
use crate::scenario::model::RequestDef;

/// How long a body waits for an answer to its header once answers were lost.
const PATIENCE: Duration = Duration::from_millis(250);

/// What all cases of a run share.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) suite: Arc<Suite>,
    pub(super) target: Arc<Target>,
    pub(super) options: Options,
    pub(super) client: HttpClient,
    pub(super) payloads: Payloads,
    pub(super) trace: Trace,
    pub(super) began: std::time::Instant,
    /// Knows every key of the run.
    pub(super) redactor: Redactor,
    events: UnboundedSender<Event>,
    pub(super) requests: AtomicU64,
    /// How long one request usually takes, in microseconds.
    latency: AtomicU64,
    pub(super) burst_gate: BurstGate,
    pub(super) learned: Mutex<Learned>,
    /// Of which tiers the keys share a quota, as far as that is known.
    pub(super) sharing: watch::Sender<Seen>,
    transport: Mutex<Transport>,
}

/// How the requests of a burst left.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Departure {
    experiment: String,
    requests: usize,
    within: Duration,
}

/// What was found out about the way to the target.
#[derive(Debug, Default)]
struct Transport {
    loses_answers: bool,
    crowded: bool,
    /// Requests that got no answer with a key, and none without one.
    hanging: BTreeSet<String>,
    /// Whether somebody who waited as long as told was refused.
    breaks_promises: bool,
    /// Endpoints that take much longer than others, and how long.
    slow: BTreeMap<String, Duration>,
    /// By how much bursts took longer than planned, in all.
    late: Duration,
    bursts: u32,
    /// The burst whose requests left over the longest time.
    widest_burst: Option<Departure>,
    /// The burst of the most requests; of several, the one whose requests left over the longest time.
    largest_burst: Option<Departure>,
}

impl RunContext {
    /// A run of `suite` against `target` that tells `events` what happens.
    ///
    /// # Errors
    /// A [`Fault`] when the HTTP client cannot be set up.
    pub(super) fn new(
        suite: Arc<Suite>,
        target: Arc<Target>,
        options: Options,
        events: UnboundedSender<Event>,
    ) -> Result<Self, Fault> {
        let client = HttpClient::new(&target)?;
        Ok(Self {
            suite,
            options,
            client,
            payloads: Payloads::new(chrono::Utc::now()),
            trace: Trace::default(),
            began: std::time::Instant::now(),
            redactor: Redactor::default(),
            events,
            requests: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            burst_gate: BurstGate::default(),
            learned: Mutex::default(),
            sharing: watch::Sender::new(Seen::new()),
            transport: Mutex::default(),
            target,
        })
    }

    pub(super) fn emit(&self, event: Event) {
        if let Event::Secret(key) = &event {
            self.redactor.learn(key);
        }
        // Nobody listening any more means that the run is being taken down.
        let _ = self.events.send(event);
    }

    /// How many answers came, to whatever request.
    pub(super) fn answers(&self) -> u64 {
        self.trace.answers()
    }

    /// Whether this request gets no answer, whoever asks.
    pub(super) fn hangs_for_all(&self, request: &str) -> bool {
        self.transport.lock().hanging.contains(request)
    }

    pub(super) fn note_hang(&self, request: &str) {
        self.transport.lock().hanging.insert(request.to_owned());
    }

    /// Remembers slow endpoints, and how long a request takes at one that is not.
    pub(super) fn note_slow(&self, slow: BTreeMap<String, Duration>, usual: Duration) {
        self.transport.lock().slow = slow;
        self.latency.store(u64::try_from(usual.as_micros()).unwrap_or(u64::MAX).max(100), Ordering::Relaxed);
    }

    /// How long this request takes, where others take a fraction of that.
    pub(super) fn is_slow(&self, request: &RequestDef) -> Option<Duration> {
        let endpoint = request.endpoint.as_ref()?;
        self.transport.lock().slow.get(endpoint.as_str()).copied()
    }

    /// How long this request takes, with the patience for its body where answers get lost.
    pub(super) fn latency_of(&self, request: &RequestDef) -> Duration {
        self.is_slow(request).unwrap_or_default().max(self.usual_latency())
    }

    /// How events are written to this target.
    pub(super) fn envelope(&self) -> Envelope {
        match self.target.envelope {
            Envelope::Auto => self.learned.lock().envelope.unwrap_or(Envelope::Documented),
            given => given,
        }
    }

    /// What the survey found of a key; of one that was made for this case, what it found of another one of its kind.
    pub(super) fn facts_of(&self, key: &Key) -> Option<KeyFacts> {
        let learned = self.learned.lock();
        let of_its_kind = key.given_for.map(|role| role_variable(role, 1));
        learned.key(&key.variable).or_else(|| learned.key(&of_its_kind?)).cloned()
    }

    /// Takes note of how long a request took. One that took much longer than usual counts as twice as long: it tells
    /// nothing of the others.
    pub(super) fn note_latency(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.latency.load(Ordering::Relaxed);
        let usual = if before == 0 { took } else { before - before / 8 + took.min(2 * before) / 8 };
        self.latency.store(usual.max(100), Ordering::Relaxed);
    }

    /// How long a request takes, with the patience for its body where answers get lost.
    pub(super) fn usual_latency(&self) -> Duration {
        let patience = if self.loses_answers() { PATIENCE } else { Duration::ZERO };
        Duration::from_micros(self.latency.load(Ordering::Relaxed)) + patience
    }

    /// The connections to use where `wanted` would do: with patience for the body once answers were lost while it
    /// was being sent.
    pub(super) fn connections(&self, wanted: Connections) -> Connections {
        match wanted {
            Connections::Reused | Connections::Fresh if self.loses_answers() => {
                Connections::Patient(PATIENCE)
            }
            wanted => wanted,
        }
    }

    /// Remembers that an answer was lost which may have come before the body was sent.
    pub(super) fn note_lost_answer(&self, outgoing: &Outgoing, fault: &Fault) {
        if outgoing.body.is_some() && matches!(fault, Fault::CutOff(_)) {
            self.transport.lock().loses_answers = true;
        }
    }

    /// Remembers that a 429 promised something that was not kept: from then on fresh windows are found by silence.
    pub(super) fn note_broken_promise(&self) {
        self.transport.lock().breaks_promises = true;
    }

    pub(super) fn breaks_promises(&self) -> bool {
        self.transport.lock().breaks_promises
    }

    /// Remembers that many requests at once wait for each other at this target.
    pub(super) fn note_crowd(&self) {
        self.transport.lock().crowded = true;
    }

    /// Whether answers were lost that may have come before a body was sent.
    pub(super) fn loses_answers(&self) -> bool {
        self.transport.lock().loses_answers
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.transport.lock().crowded
    }

    /// Remembers by how much a burst took longer than planned.
    pub(super) fn note_late(&self, late: Duration) {
        self.transport.lock().late += late;
    }

    /// By how much bursts took longer than planned, as far as jobs that were under way beside them did not hide it.
    pub(super) fn late(&self) -> Duration {
        self.transport.lock().late / self.side_by_side()
    }

    /// How many jobs are under way at once.
    pub(super) fn side_by_side(&self) -> u32 {
        u32::try_from(self.options.jobs).unwrap_or(1).max(1)
    }

    /// Remembers how close together the requests of a burst left.
    pub(super) fn note_burst(&self, experiment: &str, requests: usize, within: Duration) {
        let burst = || Some(Departure { experiment: experiment.to_owned(), requests, within });
        let mut transport = self.transport.lock();
        transport.bursts += 1;
        if transport.widest_burst.as_ref().is_none_or(|widest| widest.within < within) {
            transport.widest_burst = burst();
        }
        let largest = transport.largest_burst.as_ref().map(|largest| (largest.requests, largest.within));
        if largest.is_none_or(|largest| largest < (requests, within)) {
            transport.largest_burst = burst();
        }
    }

    /// How close together the requests of bursts left, where there were any.
    pub(super) fn told_of_bursts(&self) -> Option<String> {
        let transport = self.transport.lock();
        let told = |which, burst: &Departure| {
            let Departure { experiment, requests, within } = burst;
            let requests = count(*requests as u64, "request");
            format!("the {which}, {requests} of {experiment}, left within {} ms", within.as_millis())
        };
        let (largest, widest) = (transport.largest_burst.as_ref()?, transport.widest_burst.as_ref()?);
        let bursts = transport.bursts;
        if largest == widest {
            return Some(format!("bursts: {bursts}; {}", told("largest and widest", largest)));
        }
        Some(format!("bursts: {bursts}; {}; {}", told("largest", largest), told("widest", widest)))
    }

    /// Bursts go only where they are welcome.
    pub(super) fn burst_is_welcome(&self) -> Result<(), Gap> {
        let host = self.target.host();
        let why = case::no_bursts(&host, self.target.loopback, &self.options.allowed_hosts);
        why.map_or(Ok(()), |why| Err(Gap::Skipped(why)))
    }
}
