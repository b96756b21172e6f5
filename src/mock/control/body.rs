//! What the control API is told.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::mock::errors::error;
use crate::mock::message::{Reply, Request};

/// The body of `POST /_mock/workspaces`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkspaceBody {
    /// Without it and without a limiter, the workspace is like the server's own.
    pub(super) deviations: Option<Vec<String>>,
    pub(super) limiter: Option<String>,
}

/// The body of `POST /_mock/workspaces/{id}/keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    pub(super) name: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) plan: Option<String>,
}

/// The body of `POST /_mock/workspaces/{id}/clock/advance`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceBody {
    pub(super) ms: u64,
}

/// Reads a body; none at all is `{}`.
pub(super) fn read_body<T: DeserializeOwned>(request: &Request<'_>) -> Result<T, Reply> {
    if request.body_too_large {
        return Err(crate::mock::errors::too_large());
    }
    let body = if request.body.is_empty() { b"{}" } else { request.body };
    serde_json::from_slice(body)
        .map_err(|problem| error(400, "BAD_REQUEST", &format!("The body cannot be read: {problem}")))
}
