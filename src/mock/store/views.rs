//! What the reading endpoints show of a store.

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::ingest::format_timestamp;

use super::session::Session;

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
        let ended_at = session.ended_at();
        Self {
            id: &session.id,
            started_at: format_timestamp(started_at),
            ended_at: ended_at.map(format_timestamp),
            duration_ms: ended_at.map(|ended| ended.saturating_sub(started_at).max(0)),
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
