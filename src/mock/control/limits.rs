//! How far each key is in its window.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::contract::Tier;
use crate::mock::ingest::format_timestamp;
use crate::mock::keys::KeyEntry;
use crate::mock::limiter::Used;
use crate::mock::workspace::Workspace;

use super::answer::{bad_request, data};
use super::operation::{Call, Gives, Operation, Parameter, data_of, list_parameters};

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "GET",
    path: "workspaces/{workspace}/limits",
    id: "listLimits",
    about: "What each key that is not revoked has used in its window. Asking counts nothing.",
    parameters: || {
        let used = "`true` for those keys only that have used something.";
        let mut parameters = list_parameters();
        parameters.push(Parameter { name: "used", about: used, is_number: false });
        parameters
    },
    body: None,
    gives: Gives::Json(200, data_of::<Vec<KeyLimits>>),
    run: |call| {
        let workspace = call.workspace()?;
        let keys = workspace.keys();
        let used = match call.request.parameter("used").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad_request("`used` is true or false")),
        };
        let active = keys.iter().filter(|key| key.revoked_at().is_none());
        let limits = active.map(|key| limits(call, &workspace, key));
        let wanted = limits.filter(|limits| !used || limits.requests.used > 0 || limits.events.used > 0);
        Ok(data(200, call.part(wanted)?.collect::<Vec<_>>()))
    },
}];

#[derive(Serialize, JsonSchema)]
struct KeyLimits {
    /// The key's id.
    key: String,
    name: String,
    tier: Tier,
    /// The length of a window in milliseconds; null where there is no limit.
    window_ms: Option<u64>,
    requests: Budget,
    events: Budget,
}

#[derive(Serialize, JsonSchema)]
struct Budget {
    used: u32,
    /// Null for no limit.
    limit: Option<u32>,
    /// When the first of what is used is free again, by the workspace's clock; null while nothing is used.
    frees_at: Option<String>,
}

fn limits(call: &Call<'_>, workspace: &Arc<Workspace>, key: &Arc<KeyEntry>) -> KeyLimits {
    let engine = &call.control.engine;
    let (usage, rules) = match engine.usage(workspace, key, call.now) {
        Some((usage, rules)) => (usage, Some(rules)),
        None => Default::default(),
    };
    let budget = |count: Used, limit: Option<u32>| Budget {
        used: count.used,
        limit,
        frees_at: count.frees_at.map(|at| format_timestamp(engine.wall(at))),
    };
    KeyLimits {
        key: key.id.to_string(),
        name: key.name.to_string(),
        tier: key.tier,
        window_ms: rules.map(|rules| rules.window_ms),
        requests: budget(usage.requests, rules.map(|rules| rules.requests)),
        events: budget(usage.events, rules.and_then(|rules| rules.events)),
    }
}
