//! What stands before the engine: faults, the journal, and the counts for Prometheus, whose labels have few values that are known
//! beforehand, whatever clients send.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::engine::{Engine, Located};
use super::faults::{Effect, Fault, FaultPlan, FaultSpec, ResetWhen};
use super::journal::{EntryView, JournalEntry, JournalOutcome, Kept, Recorded};
use super::keys::KeyEntry;
use super::reply;
use super::reply::{Invalid, Reason, Reply, Summary};
use super::request::{Presented, Request, Route};
use super::workspace::Workspace;
use crate::contract::{Endpoint, Scope};

/// The header in which an answer names the faults it met.
const FAULT_HEADER: &str = "x-mock-fault";

/// The seconds that a 429 promises which a fault gives, unless it says otherwise.
const RETRY_AFTER: u64 = 60;

/// Who is told about each request, in one line that holds no key and ends without a line break.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// Calls this with each line. It is called by whoever answers a request, so it should be quick.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    fn write(&self, line: &str) {
        (self.0)(line);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Log(…)")
    }
}

#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) meters: Meters,
    log: Option<Log>,
    /// Who is told each request whole, as a line of a recording.
    record: Option<Log>,
}

/// What is to be done about a request.
pub(crate) struct Delivery {
    /// The reply; nothing where a fault cuts the connection at once.
    pub(crate) reply: Option<Reply>,
    /// How long it is held back, besides its own delay.
    pub(crate) delay: Duration,
    /// The fault that decides what becomes of it on its way.
    pub(crate) fault: Option<Arc<Fault>>,
    pub(crate) pending: Pending,
}

impl Delivery {
    /// Whether there is a reply that leaves at once and unhurt.
    pub(crate) fn is_plain(&self) -> bool {
        self.delay.is_zero()
            && self.fault.is_none()
            && self.reply.as_ref().is_some_and(|reply| reply.delay.is_zero())
    }

    /// Whether a fault cuts the connection instead of sending the reply.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.fault.as_deref(), Some(Fault { effect: Effect::Reset(_), .. }))
    }
}

/// A request that has no answer yet. Dropped before it ends, it goes into the journal as abandoned.
pub(crate) struct Pending {
    gateway: Arc<Gateway>,
    workspace: Arc<Workspace>,
    since: Instant,
    /// Nothing once it has ended.
    entry: Option<JournalEntry>,
}

impl Gateway {
    pub(crate) fn new(engine: Arc<Engine>, log: Option<Log>, record: Option<Log>) -> Self {
        Self { engine, meters: Meters::default(), log, record }
    }

    /// Takes a request that arrived at `since`, at the server's time `now` in milliseconds.
    pub(crate) fn take(self: &Arc<Self>, request: &Request<'_>, now: u64, since: Instant) -> Delivery {
        let located = self.engine.locate(request);
        let recorded = self.record.as_ref().map(|record| (record, Recorded::of(request, &located, now)));
        let delivery = self.deliver(located, request, now, since);
        if let Some((record, recorded)) = recorded {
            let status = delivery.reply.as_ref().map_or(0, |reply| reply.status);
            // Strings and numbers always serialize.
            record.write(&serde_json::to_string(&Recorded { status, ..recorded }).unwrap_or_default());
        }
        delivery
    }

    /// Sends a request of a workspace's journal again, with another of its keys; gives the status of the answer, 0 for
    /// none. It takes no time: faults that only hold an answer back do not.
    pub(crate) fn again(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        sent: &Kept,
        key: Arc<KeyEntry>,
        now: u64,
    ) -> u16 {
        let lossy = sent.parts().map(String::from_utf8_lossy);
        let [method, path, query, lines, _, _] = &lossy;
        let lines = lines.lines().filter_map(|line| line.split_once(": "));
        let is_kept = |name: &str| !name.eq_ignore_ascii_case("x-api-key");
        let headers: Vec<(&str, &[u8])> =
            lines.filter(|(name, _)| is_kept(name)).map(|(name, value)| (name, value.as_bytes())).collect();
        let body = sent.parts()[4];
        let request = Request { method, path, query, headers: &headers, body, ..Request::default() };
        let Located { path, .. } = self.engine.locate(&request);
        let presented = Presented::Key(b"");
        let located = Located { workspace: Arc::clone(workspace), path, key: Some(key), presented };
        let delivery = self.deliver(located, &request, now, Instant::now());
        let is_lost = delivery.is_lost();
        let Delivery { reply, pending, .. } = delivery;
        let Some(mut reply) = reply.filter(|_| !is_lost) else {
            pending.cut();
            return 0;
        };
        reply.leave();
        pending.answered();
        reply.status
    }

    fn deliver(
        self: &Arc<Self>,
        located: Located<'_>,
        request: &Request<'_>,
        now: u64,
        since: Instant,
    ) -> Delivery {
        let workspace = &located.workspace;
        let plan = workspace.faults.plan(located.key.as_deref(), request, || workspace.time(now));
        let FaultPlan { delay, decisive, deviating, faults } = plan;
        // Of what a fault answers, the engine never hears.
        let unheard = || Summary { key: located.key.clone(), injected: true, ..Summary::default() };
        let (mut reply, mut summary) = match decisive.as_deref() {
            Some(Fault { effect: Effect::Answer(status), spec, .. }) => {
                let route = Route::of(request.method, located.path.unwrap_or_default());
                (Some(faulty(*status, spec, route.endpoint())), unheard())
            }
            Some(Fault { effect: Effect::Reset(ResetWhen::Before), .. }) => (None, unheard()),
            _ => {
                let (reply, summary) = self.engine.answer(&located, request, deviating, now);
                (Some(reply), summary)
            }
        };
        if let Some(reply) = reply.as_mut().filter(|_| !faults.is_empty()) {
            reply.push(FAULT_HEADER, faults.join(", "));
        }
        summary.faults = faults;
        let pending = self.pending(located, request, reply.as_ref(), summary, (now, since));
        Delivery { reply, delay, fault: decisive, pending }
    }

    /// Notes a request that never arrived whole, and what it is answered.
    pub(crate) fn take_broken(
        self: &Arc<Self>,
        request: &Request<'_>,
        (now, since): (u64, Instant),
        reason: Reason,
        reply: &Reply,
    ) {
        let located = self.engine.locate(request);
        let summary = Summary { key: located.key.clone(), reason: Some(reason), ..Summary::default() };
        self.pending(located, request, Some(reply), summary, (now, since)).answered();
    }

    fn pending(
        self: &Arc<Self>,
        located: Located<'_>,
        request: &Request<'_>,
        reply: Option<&Reply>,
        summary: Summary,
        (now, since): (u64, Instant),
    ) -> Pending {
        let is_kept = self.keeps(&located.workspace);
        let kept = || Kept::of(request, located.presented, reply.map(|reply| &*reply.body));
        let entry = JournalEntry {
            id: 0,
            at: self.engine.wall(located.workspace.time(now)),
            kept: if is_kept { kept() } else { Kept::default() },
            status: reply.map_or(0, |reply| reply.status),
            summary,
            ended: None,
            took_us: 0,
        };
        Pending { gateway: Arc::clone(self), workspace: located.workspace, since, entry: Some(entry) }
    }

    /// Whether there is a journal or a log.
    fn keeps(&self, workspace: &Workspace) -> bool {
        self.log.is_some() || workspace.journal.is_kept()
    }
}

impl Pending {
    /// It is answered with the reply of its delivery; gives when that was.
    pub(crate) fn answered(mut self) -> Instant {
        let now = Instant::now();
        self.end(None, now);
        now
    }

    /// It is answered otherwise, with a reply that holds nothing of the request.
    #[cfg(feature = "wiremock")]
    pub(crate) fn answered_otherwise(mut self, reply: &Reply) {
        self.replace(reply.status, &reply.body);
        self.end(None, Instant::now());
    }

    /// Its connection is cut.
    pub(crate) fn cut(mut self) {
        self.replace(0, &[]);
        self.end(Some(JournalOutcome::Fault), Instant::now());
    }

    /// The journal was to have another reply.
    fn replace(&mut self, status: u16, body: &[u8]) {
        if let Some(entry) = &mut self.entry {
            entry.status = status;
            entry.kept.answered_otherwise(body);
        }
    }

    fn end(&mut self, ended: Option<JournalOutcome>, now: Instant) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        let took = now.saturating_duration_since(self.since);
        self.gateway.meters.count(&entry.summary, entry.status, took);
        if !self.gateway.keeps(&self.workspace) {
            return;
        }
        entry.ended = ended;
        entry.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(log) = &self.gateway.log {
            log.write(&EntryView::from(&entry).line());
        }
        self.workspace.journal.push(entry);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.entry.is_some() {
            self.replace(0, &[]);
            self.end(Some(JournalOutcome::Abandoned), Instant::now());
        }
    }
}

/// What the API has for a status, where the fault does not say otherwise.
fn faulty(status: u16, fault: &FaultSpec, endpoint: Option<Endpoint>) -> Reply {
    let FaultSpec { retry_after, location, body, .. } = fault;
    let mut reply = match (status, body) {
        (_, Some(body)) => Reply::json(status, body.clone().into_bytes()),
        (400, None) => reply::invalid(&Invalid::body(Vec::new())),
        (401, None) => reply::unauthorized(),
        (403, None) => reply::forbidden(endpoint.map_or(Scope::ReadAnalytics, Endpoint::scope)),
        (404, None) => reply::not_found(),
        (413, None) => reply::too_large(),
        (429, None) => reply::rate_limited(retry_after.unwrap_or(RETRY_AFTER)),
        (400.., None) => reply::error(status, "FAULT", "The mock was told to answer this."),
        (_, None) => Reply::json(status, Vec::new()),
    };
    if let Some(seconds) = retry_after {
        reply.set("retry-after", seconds.to_string());
    }
    if let Some(location) = location {
        reply.push("location", location.clone());
    }
    reply.show_to_browsers();
    reply
}

/// The statuses that are told apart; 0 stands for a connection that was cut. Every other one is counted behind them.
const STATUSES: [u16; 19] =
    [0, 200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504];

/// Every endpoint, and what is none.
const ENDPOINTS: usize = Endpoint::ALL.len() + 1;

/// Upper bounds of the durations that are told apart, in microseconds.
const BOUNDS: [u64; 9] = [100, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// What was counted since the mock started.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    requests: [[AtomicU64; STATUSES.len() + 1]; ENDPOINTS],
    /// By the first bound they are within, and beyond all bounds.
    durations: [AtomicU64; BOUNDS.len() + 1],
    duration_us: AtomicU64,
    accepted: AtomicU64,
    repeated: AtomicU64,
    documented: AtomicU64,
    wire: AtomicU64,
    faults: AtomicU64,
    pub(crate) connections: AtomicU64,
}

impl Meters {
    pub(crate) fn count(&self, summary: &Summary, status: u16, took: Duration) {
        let add = |counter: &AtomicU64, count: u64| {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        };
        let endpoint = summary.endpoint.map_or(Endpoint::ALL.len(), |endpoint| endpoint as usize);
        let known = STATUSES.iter().position(|known| *known == status);
        add(&self.requests[endpoint][known.unwrap_or(STATUSES.len())], 1);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let within = BOUNDS.iter().position(|bound| us <= *bound);
        add(&self.durations[within.unwrap_or(BOUNDS.len())], 1);
        add(&self.duration_us, us);
        if summary.endpoint == Some(Endpoint::Events) {
            add(&self.accepted, u64::from(summary.accepted));
            add(&self.repeated, u64::from(summary.repeated));
            add(&self.documented, u64::from(summary.envelopes.documented));
            add(&self.wire, u64::from(summary.envelopes.wire));
        }
        add(&self.faults, u64::from(!summary.faults.is_empty()));
    }

    /// All of it in the text format of Prometheus.
    pub(crate) fn exposition(&self, engine: &Engine) -> String {
        let mut text = String::with_capacity(8_192);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        family(&mut text, "requests_total", "counter", "Requests answered, by endpoint and status.");
        let names = Endpoint::ALL.iter().map(|endpoint| endpoint.name()).chain(["other"]);
        for (name, row) in names.zip(&self.requests) {
            for (place, counter) in row.iter().enumerate() {
                // What never happened is left out, or a page of noughts hides what did.
                if get(counter) > 0 {
                    let status = match STATUSES.get(place) {
                        Some(0) => "none".to_owned(),
                        Some(status) => status.to_string(),
                        None => "other".to_owned(),
                    };
                    let labels = format!("{{endpoint=\"{name}\",status=\"{status}\"}}");
                    sample(&mut text, "requests_total", &labels, get(counter));
                }
            }
        }
        family(&mut text, "request_duration_seconds", "histogram", "Time until the answer left.");
        let mut sum = 0;
        for (bound, counter) in BOUNDS.iter().zip(&self.durations) {
            sum += get(counter);
            let labels = format!("{{le=\"{}\"}}", *bound as f64 / 1e6);
            sample(&mut text, "request_duration_seconds_bucket", &labels, sum);
        }
        sum += get(&self.durations[BOUNDS.len()]);
        sample(&mut text, "request_duration_seconds_bucket", "{le=\"+Inf\"}", sum);
        sample(&mut text, "request_duration_seconds_sum", "", get(&self.duration_us) as f64 / 1e6);
        sample(&mut text, "request_duration_seconds_count", "", sum);
        family(&mut text, "events_received_total", "counter", "Events received, by envelope.");
        sample(&mut text, "events_received_total", "{envelope=\"documented\"}", get(&self.documented));
        sample(&mut text, "events_received_total", "{envelope=\"wire\"}", get(&self.wire));
        for (name, about, counter) in [
            ("events_accepted_total", "Events accepted, repeated ones included.", &self.accepted),
            ("events_repeated_total", "Accepted events that repeated earlier ones.", &self.repeated),
            ("faults_total", "Requests that met a fault.", &self.faults),
        ] {
            family(&mut text, name, "counter", about);
            sample(&mut text, name, "", get(counter));
        }
        let workspaces = engine.workspaces();
        let journal: usize = workspaces.iter().map(|workspace| workspace.journal.len()).sum();
        for (name, about, value) in [
            ("connections", "Connections that are open.", get(&self.connections)),
            ("workspaces", "Workspaces, the default one included.", workspaces.len() as u64),
            ("keys", "Keys of all workspaces, revoked ones included.", engine.key_count() as u64),
            ("journal_entries", "Requests in all journals.", journal as u64),
        ] {
            family(&mut text, name, "gauge", about);
            sample(&mut text, name, "", value);
        }
        text
    }
}

fn family(text: &mut String, name: &str, kind: &str, about: &str) {
    // Writing to a string never fails.
    let _ = writeln!(text, "# HELP trenchcheck_mock_{name} {about}\n# TYPE trenchcheck_mock_{name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "trenchcheck_mock_{name}{labels} {value}");
}
