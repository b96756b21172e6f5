//! What stands before the engine: faults, the journal, the meters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::{Engine, Located};
use super::errors::error;
use super::faults::{Damage, Instead, Plan};
use super::journal::{Arrived, Ending, Entry};
use super::log::Log;
use super::message::{Reply, Request};
use super::meters::Meters;
use super::note::{Note, Why};
use super::workspace::Workspace;

/// The front of an engine.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) engine: Arc<Engine>,
    pub(crate) meters: Arc<Meters>,
    log: Option<Log>,
}

/// What is to be done about a request.
pub(crate) struct Turn {
    /// The reply; nothing where a fault cuts the connection at once.
    pub(crate) reply: Option<Reply>,
    /// How long it is held back, besides its own delay.
    pub(crate) delay: Duration,
    /// What becomes of it on its way.
    pub(crate) damage: Option<Damage>,
    pub(crate) pending: Pending,
}

/// A request that has no answer yet. Dropped before [`Pending::ends`], it goes into the journal as abandoned.
pub(crate) struct Pending(Option<Open>);

struct Open {
    workspace: Arc<Workspace>,
    meters: Arc<Meters>,
    log: Option<Log>,
    /// Nothing where no journal is kept.
    arrived: Option<Arrived>,
    since: Instant,
    at: i64,
    note: Note,
    faults: Vec<Arc<str>>,
}

impl Front {
    pub(crate) fn new(engine: Arc<Engine>, log: Option<Log>) -> Self {
        Self { engine, meters: Arc::default(), log }
    }

    /// Takes a request that arrived at `since`, at the server's time `now` in milliseconds.
    pub(crate) fn take(&self, request: &Request<'_>, now: u64, since: Instant) -> Turn {
        let located = self.engine.locate(request);
        let workspace = &located.workspace;
        let plan = workspace.faults.plan(&located, request, || workspace.time(now));
        let Plan { delay, instead, damage, faults } = plan;
        let (reply, note) = match instead {
            None => {
                let (reply, note) = self.engine.answer(&located, request, now);
                (Some(reply), note)
            }
            Some(Instead::Reset) => (None, note_of(&located)),
            Some(Instead::Answer { status, retry_after, body }) => {
                (Some(faulty(status, retry_after, body)), note_of(&located))
            }
        };
        let pending = self.pending(located, request, now, since, note, faults);
        Turn { reply, delay, damage, pending }
    }

    /// Notes a request that never arrived whole.
    pub(crate) fn take_broken(&self, request: &Request<'_>, now: u64, since: Instant, why: Why) -> Pending {
        let located = self.engine.locate(request);
        let note = Note { why: Some(why), ..note_of(&located) };
        self.pending(located, request, now, since, note, Vec::new())
    }

    fn pending(
        &self,
        located: Located<'_>,
        request: &Request<'_>,
        now: u64,
        since: Instant,
        note: Note,
        faults: Vec<Arc<str>>,
    ) -> Pending {
        let workspace = located.workspace;
        Pending(Some(Open {
            arrived: (self.log.is_some() || workspace.journal.is_kept()).then(|| Arrived::new(request)),
            log: self.log.clone(),
            at: self.engine.wall(workspace.time(now)),
            meters: Arc::clone(&self.meters),
            workspace,
            since,
            note,
            faults,
        }))
    }
}

impl Pending {
    /// It is answered with this reply, or the connection is cut.
    pub(crate) fn ends(mut self, reply: Option<&Reply>) {
        let ending = if reply.is_some() { Ending::Answered } else { Ending::Cut };
        if let Some(open) = self.0.take() {
            open.record(reply, ending);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.record(None, Ending::Abandoned);
        }
    }
}

impl Open {
    fn record(self, reply: Option<&Reply>, ending: Ending) {
        let took = self.since.elapsed();
        let status = reply.map_or(0, |reply| reply.status);
        self.meters.count(&self.note, status, !self.faults.is_empty(), took);
        let Some(arrived) = self.arrived else {
            return;
        };
        let body = reply.map_or(&[][..], |reply| &reply.body);
        let entry = Entry {
            id: 0,
            at: self.at,
            status,
            answer: arrived.answer(body),
            answer_bytes: body.len(),
            request: arrived.request,
            note: self.note,
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
fn note_of(located: &Located<'_>) -> Note {
    Note { key: located.key.clone(), ..Note::default() }
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
