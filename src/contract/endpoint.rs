//! The endpoints of the API and the scope each one asks for.

use super::Scope;

/// The types of events on the page and in the published clients.
pub const EVENT_TYPES: [&str; 11] = [
    "session_start",
    "session_end",
    "tool_use",
    "tool_result",
    "subagent_stop",
    "assistant_stop",
    "prompt_submit",
    "subagent_start",
    "pre_compact",
    "skill_use",
    "error",
];

/// An endpoint below `/api/v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `POST /api/v1/events`.
    Events,
    /// `POST /api/v1/evals/scores` (layer 2).
    Scores,
    /// `GET /api/v1/sessions`.
    Sessions,
    /// `GET /api/v1/analytics/overview`.
    Overview,
    /// `GET /api/v1/analytics/tools`.
    Tools,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 5] = [Self::Events, Self::Scores, Self::Sessions, Self::Overview, Self::Tools];

    /// The documented method.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Events | Self::Scores => "POST",
            Self::Sessions | Self::Overview | Self::Tools => "GET",
        }
    }

    /// The documented path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Events => "/api/v1/events",
            Self::Scores => "/api/v1/evals/scores",
            Self::Sessions => "/api/v1/sessions",
            Self::Overview => "/api/v1/analytics/overview",
            Self::Tools => "/api/v1/analytics/tools",
        }
    }

    /// The scope the endpoint requires (clauses `scope.write-events`, `scope.read-analytics`).
    pub const fn scope(self) -> Scope {
        match self {
            Self::Events | Self::Scores => Scope::WriteEvents,
            Self::Sessions | Self::Overview | Self::Tools => Scope::ReadAnalytics,
        }
    }

    /// The short name used in scenario and target files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Scores => "scores",
            Self::Sessions => "sessions",
            Self::Overview => "overview",
            Self::Tools => "tools",
        }
    }
}
