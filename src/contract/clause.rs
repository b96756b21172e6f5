//! The clauses of the vendor's page, each by a stable id.

/// One promise of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// Stable id, as scenarios name it.
    pub id: &'static str,
    /// What the page promises, in a sentence.
    pub promise: &'static str,
    /// Whether anything sent over the API can show it broken.
    pub coverage: Coverage,
}

/// Whether a clause can be checked from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Checks exist.
    Checked,
    /// Nothing sent over the API can show it; the text says why.
    NotObservable(&'static str),
}

const fn checked(id: &'static str, promise: &'static str) -> Clause {
    Clause { id, promise, coverage: Coverage::Checked }
}

/// Every clause, in the page's order.
pub const CLAUSES: &[Clause] = &[
    checked("key.format", "A key is `ct_live_` followed by a random string."),
    Clause {
        id: "key.shown-once",
        promise: "The plaintext of a key is shown once, at creation, and never again.",
        coverage: Coverage::NotObservable("keys are made in the dashboard; the API never shows one"),
    },
    checked("key.scopes", "A key has one or more scopes, chosen at creation."),
    checked("auth.header", "The key travels in the X-API-Key header of every request."),
    checked(
        "auth.only-header",
        "There is no other mechanism: not Authorization, not the query, not a cookie.",
    ),
    checked("auth.everywhere", "The header is required on every endpoint."),
    checked("scope.write-events", "`write:events` grants POST /api/v1/events."),
    checked("scope.read-analytics", "`read:analytics` grants session lists and analytics."),
    checked("scope.separate", "One scope never implies the other."),
    checked("limit.per-key", "Limits are per API key."),
    checked("limit.429", "Going over a limit is answered with 429."),
    checked("limit.standard", "A Standard key has 60 requests a minute."),
    checked("limit.premium", "A Premium key has 300 requests a minute."),
    checked("limit.ingestion-requests", "An Ingestion key has 1,000 requests a minute."),
    checked("limit.ingestion-events", "An Ingestion key has 100,000 events a minute."),
    checked(
        "limit.ingestion-automatic",
        "A key that has `write:events` is on the Ingestion tier by itself; others are on Standard or Premium by plan.",
    ),
    checked("error.401", "A missing or unknown key is answered with 401 and exactly the documented body."),
    checked(
        "error.403",
        "A key without the endpoint's scope is answered with 403; the body names that scope.",
    ),
    checked("error.429", "A key over its limit is answered with 429 and the documented body."),
    checked("error.retry-after", "A 429 carries Retry-After: the seconds to wait before retrying."),
];

/// The clause with this id.
pub fn clause(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.id == id)
}
