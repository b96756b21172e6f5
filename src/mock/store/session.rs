//! One session, as sums, and what the reading endpoints show.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::ingest::{Event, EventType, format_timestamp};

/// How many tool calls of a session may be open at a time; the oldest is forgotten then.
const OPEN_CALLS: usize = 128;

/// How many tools of a session have a name of their own, and how long these names may be together, in bytes.
const TOOLS: usize = 256;
const NAMES: usize = 32 * 1024;

/// The name under which all further tools are counted together.
const FURTHER: &str = "further tools";

/// About what a session takes in tables besides itself, in bytes.
const TABLES: usize = 160;

/// The name under which a tool without one is counted.
const NAMELESS: &str = "unknown";

/// What happened with one tool in one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ToolTotals {
    pub(super) invocations: u64,
    pub(super) results: u64,
    pub(super) errors: u64,
    pub(super) timed: u64,
    /// Wide enough for the sum over any number of sessions, so that each can be taken away again.
    pub(super) duration_ms: u128,
}

impl AddAssign<&Self> for ToolTotals {
    fn add_assign(&mut self, more: &Self) {
        self.invocations += more.invocations;
        self.results += more.results;
        self.errors += more.errors;
        self.timed += more.timed;
        self.duration_ms += more.duration_ms;
    }
}

impl SubAssign<&Self> for ToolTotals {
    fn sub_assign(&mut self, less: &Self) {
        self.invocations -= less.invocations;
        self.results -= less.results;
        self.errors -= less.errors;
        self.timed -= less.timed;
        self.duration_ms -= less.duration_ms;
    }
}

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) id: Arc<str>,
    pub(super) events: u64,
    pub(super) tool_invocations: u64,
    /// By first use; a session has few tools, so a list is searched faster than a table.
    pub(super) tools: Vec<(Box<str>, ToolTotals)>,
    /// The length of all their names, in bytes.
    names: usize,
    first_event: Option<i64>,
    first_start: Option<i64>,
    /// The last `session_end`; nothing while the session is open.
    last_end: Option<i64>,
    pub(super) open: VecDeque<Call>,
}

/// A `tool_use` that waits for its result.
#[derive(Debug)]
pub(super) struct Call {
    correlation: u64,
    at: i64,
    /// Its place among the session's tools.
    tool: usize,
}

impl Session {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self { id, ..Self::default() }
    }

    /// The first `session_start`, or the first event where there was none.
    pub(super) fn started_at(&self) -> Option<i64> {
        self.first_start.or(self.first_event)
    }

    pub(super) fn weight(&self) -> usize {
        TABLES
            + size_of::<Self>()
            + self.id.len()
            + self.names
            + self.tools.len() * size_of::<(Box<str>, ToolTotals)>()
            + self.open.len() * size_of::<Call>()
    }

    pub(super) fn take(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.first_event = Some(self.first_event.map_or(event.at, |first| first.min(event.at)));
        match event.kind {
            EventType::SESSION_START => {
                self.first_start = Some(self.first_start.map_or(event.at, |first| first.min(event.at)));
            }
            EventType::SESSION_END => {
                self.last_end = Some(self.last_end.map_or(event.at, |last| last.max(event.at)));
            }
            EventType::TOOL_USE => self.tool_use(event),
            EventType::TOOL_RESULT => self.tool_result(event),
            _ => {}
        }
    }

    /// Its tools, with what happened with them.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&str, &ToolTotals)> {
        self.tools.iter().map(|(name, totals)| (&**name, totals))
    }

    fn tool_use(&mut self, event: &Event<'_>) {
        self.tool_invocations += 1;
        let tool = event.tool.as_deref().unwrap_or(NAMELESS);
        let tool = self.tool(tool);
        self.tools[tool].1.invocations += 1;
        if let Some(correlation) = &event.correlation_id {
            if self.open.len() == OPEN_CALLS {
                self.open.pop_front();
            }
            self.open.push_back(Call { correlation: fingerprint(correlation), at: event.at, tool });
        }
    }

    fn tool_result(&mut self, event: &Event<'_>) {
        let call = event.correlation_id.as_deref().map(fingerprint).and_then(|correlation| {
            let place = self.open.iter().position(|call| call.correlation == correlation)?;
            self.open.remove(place)
        });
        // A result belongs to the tool that was called; only a result without a call is taken by its own name.
        let tool = match &call {
            Some(call) => call.tool,
            None => self.tool(event.tool.as_deref().unwrap_or(NAMELESS)),
        };
        let took = call.as_ref().and_then(|call| u64::try_from(event.at.saturating_sub(call.at)).ok());
        let tool = &mut self.tools[tool].1;
        tool.results += 1;
        tool.errors += u64::from(event.failed);
        if let Some(took) = took {
            tool.timed += 1;
            tool.duration_ms += u128::from(took);
        }
    }

    /// The place of the tool with this name, which is there from now on.
    fn tool(&mut self, name: &str) -> usize {
        let known = |tools: &[(Box<str>, ToolTotals)], name: &str| {
            tools.iter().position(|(known, _)| &**known == name)
        };
        if let Some(place) = known(&self.tools, name) {
            return place;
        }
        let has_room = self.tools.len() < TOOLS && self.names + name.len() <= NAMES;
        let name = if has_room { name } else { FURTHER };
        known(&self.tools, name).unwrap_or_else(|| {
            self.names += name.len();
            self.tools.push((name.into(), ToolTotals::default()));
            self.tools.len() - 1
        })
    }
}

fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The answer of `GET /api/v1/sessions`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct SessionList<'a> {
    /// One page of them, newest first.
    pub(crate) sessions: Vec<SessionRow<'a>>,
    /// How many there are on all pages.
    pub(crate) total: usize,
    /// The page's size, 1 to 200.
    pub(crate) limit: usize,
    /// How many were left out before it.
    pub(crate) offset: usize,
}

/// One session.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct SessionRow<'a> {
    /// Its id, as sent.
    pub(crate) id: &'a str,
    /// Its first `session_start`, or its first event where there was none.
    pub(crate) started_at: String,
    /// Its `session_end`; null while it is open.
    pub(crate) ended_at: Option<String>,
    /// Milliseconds from start to end; null while it is open.
    pub(crate) duration_ms: Option<i64>,
    /// How many events it has.
    pub(crate) event_count: u64,
    /// How many of them were `tool_use`.
    pub(crate) tool_invocations: u64,
}

impl<'a> SessionRow<'a> {
    /// What is shown of a session that started then.
    pub(super) fn of(session: &'a Session, started_at: i64) -> Self {
        Self {
            id: &session.id,
            started_at: format_timestamp(started_at),
            ended_at: session.last_end.map(format_timestamp),
            duration_ms: session.last_end.map(|ended| ended.saturating_sub(started_at).max(0)),
            event_count: session.events,
            tool_invocations: session.tool_invocations,
        }
    }
}

/// The answer of `GET /api/v1/analytics/overview`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Overview<'a> {
    pub(crate) total_sessions: usize,
    pub(crate) total_events: u64,
    pub(crate) total_tool_invocations: u64,
    /// Days (UTC) on which one of them started.
    pub(crate) active_days: usize,
    /// At most five tools, most used first.
    pub(crate) top_tools: Vec<ToolCount<'a>>,
}

/// A tool and how often it was used.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ToolCount<'a> {
    pub(crate) name: &'a str,
    pub(crate) invocation_count: u64,
}

/// The answer of `GET /api/v1/analytics/tools`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ToolList<'a> {
    pub(crate) tools: Vec<ToolRow<'a>>,
}

/// A tool and how it went.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ToolRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) invocation_count: u64,
    /// The mean time from `tool_use` to the paired `tool_result`, in milliseconds; null without a pair.
    pub(crate) avg_duration_ms: Option<f64>,
    /// The part of its results that were errors, 0.0 to 1.0; 0.0 without a result.
    pub(crate) error_rate: f64,
}
