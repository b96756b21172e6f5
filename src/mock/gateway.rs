//! What stands before the engine: faults, the journal, the meters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::{Engine, Located};
use super::errors::error;
use super::faults::{Damage, Instead, Plan};
use super::journal::{Ending, Entry, Kept};
use super::log::Log;
use super::message::{Reply, Request};
use super::meters::Meters;
use super::summary::{Reason, Summary};
use super::workspace::Workspace;

/// The gateway of an engine.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) meters: Arc<Meters>,
    log: Option<Log>,
}

/// What is to be done about a request.
pub(crate) struct Delivery {
    /// The reply; nothing where a fault cuts the connection at once.
    pub(crate) reply: Option<Reply>,
    /// How long it is held back, besides its own delay.
    pub(crate) delay: Duration,
    /// What becomes of it on its way.
    pub(crate) damage: Option<Damage>,
    pub(crate) pending: Pending,
}

impl Delivery {
    /// Whether there is a reply that leaves at once and unhurt.
    pub(crate) fn is_plain(&self) -> bool {
        self.delay.is_zero()
            && self.damage.is_none()
            && self.reply.as_ref().is_some_and(|reply| reply.delay.is_zero())
    }
}

/// A request that has no answer yet. Dropped before it ends, it goes into the journal as abandoned.
pub(crate) struct Pending(Option<Open>);

struct Open {
    workspace: Arc<Workspace>,
    meters: Arc<Meters>,
    log: Option<Log>,
    /// Nothing where no journal is kept.
    kept: Option<Kept>,
    /// The status of the reply the journal has; 0 if it has none.
    status: u16,
    since: Instant,
    at: i64,
    summary: Summary,
    faults: Vec<Arc<str>>,
}

impl Gateway {
    pub(crate) fn new(engine: Arc<Engine>, log: Option<Log>) -> Self {
        Self { engine, meters: Arc::default(), log }
    }

    /// Takes a request that arrived at `since`, at the server's time `now` in milliseconds.
    pub(crate) fn take(&self, request: &Request<'_>, now: u64, since: Instant) -> Delivery {
        let located = self.engine.locate(request);
        let workspace = &located.workspace;
        let plan = workspace.faults.plan(&located, request, || workspace.time(now));
        let Plan { delay, instead, damage, deviating, faults } = plan;
        let (reply, summary) = match instead {
            None => {
                let (reply, summary) = self.engine.answer(&located, request, deviating, now);
                (Some(reply), summary)
            }
            Some(Instead::Reset) => (None, summary_of(&located)),
            Some(Instead::Answer { status, retry_after, body }) => {
                (Some(faulty(status, retry_after, body)), summary_of(&located))
            }
        };
        let is_kept = self.log.is_some() || located.workspace.journal.is_kept();
        let body = reply.as_ref().map(|reply| &*reply.body);
        let open = Open {
            kept: is_kept.then(|| Kept::of(request, located.presented(), body)),
            status: reply.as_ref().map_or(0, |reply| reply.status),
            log: self.log.clone(),
            at: self.engine.wall(located.workspace.time(now)),
            meters: Arc::clone(&self.meters),
            workspace: located.workspace,
            since,
            summary,
            faults,
        };
        Delivery { reply, delay, damage, pending: Pending(Some(open)) }
    }

    /// Notes a request that never arrived whole, and what it is answered.
    pub(crate) fn take_broken(
        &self,
        request: &Request<'_>,
        now: u64,
        since: Instant,
        why: Reason,
        reply: &Reply,
    ) {
        let located = self.engine.locate(request);
        let is_kept = self.log.is_some() || located.workspace.journal.is_kept();
        let open = Open {
            kept: is_kept.then(|| Kept::of(request, located.presented(), Some(&reply.body))),
            status: reply.status,
            log: self.log.clone(),
            at: self.engine.wall(located.workspace.time(now)),
            meters: Arc::clone(&self.meters),
            since,
            summary: Summary { why: Some(why), ..summary_of(&located) },
            faults: Vec::new(),
            workspace: located.workspace,
        };
        open.record(Ending::Answered, Instant::now());
    }
}

impl Pending {
    /// It is answered with the reply of its delivery; gives when that was.
    pub(crate) fn answered(mut self) -> Instant {
        let now = Instant::now();
        if let Some(open) = self.0.take() {
            open.record(Ending::Answered, now);
        }
        now
    }

    /// It is answered otherwise, with a reply that holds nothing of the request.
    #[cfg(feature = "wiremock")]
    pub(crate) fn answered_otherwise(mut self, reply: &Reply) {
        if let Some(mut open) = self.0.take() {
            open.replace(reply.status, &reply.body);
            open.record(Ending::Answered, Instant::now());
        }
    }

    /// Its connection is cut.
    pub(crate) fn cut(mut self) {
        if let Some(mut open) = self.0.take() {
            open.replace(0, &[]);
            open.record(Ending::Cut, Instant::now());
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(mut open) = self.0.take() {
            open.replace(0, &[]);
            open.record(Ending::Abandoned, Instant::now());
        }
    }
}

impl Open {
    /// The journal was to have another reply.
    fn replace(&mut self, status: u16, body: &[u8]) {
        self.status = status;
        if let Some(kept) = &mut self.kept {
            kept.answered_otherwise(body);
        }
    }

    fn record(self, ending: Ending, now: Instant) {
        let took = now.saturating_duration_since(self.since);
        self.meters.count(&self.summary, self.status, !self.faults.is_empty(), took);
        let Some(kept) = self.kept else {
            return;
        };
        let entry = Entry {
            id: 0,
            at: self.at,
            status: self.status,
            kept,
            summary: self.summary,
            faults: self.faults,
            ending,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        };
        if let Some(log) = &self.log {
            log.write(&entry);
        }
        self.workspace.journal.push(entry);
    }
}

/// What is known about a request the engine never hears of.
fn summary_of(located: &Located<'_>) -> Summary {
    Summary { key: located.key.clone(), ..Summary::default() }
}

fn faulty(status: u16, retry_after: Option<u64>, body: String) -> Reply {
    let mut reply = if body.is_empty() && status >= 400 {
        error(status, "FAULT", "The mock was told to answer this.")
    } else {
        Reply::json(status, body.into_bytes())
    };
    if let Some(seconds) = retry_after {
        reply.push("retry-after", seconds.to_string());
    }
    reply.push("access-control-allow-origin", "*");
    reply
}
