//! Keys: made, listed, revoked, as in the vendor's dashboard; and how far each is in its window.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ApiKey, Scope, Tier};
use crate::mock::ingest::format_timestamp;
use crate::mock::keys::{KeyEntry, KeySpec};
use crate::mock::limiter::Used;
use crate::mock::reply::Reply;
use crate::mock::workspace::Workspace;
use crate::system::letters_and_digits;

use super::operation::{Call, Operation, PART, bad_request, not_created, nowhere};

pub(super) fn operations() -> [Operation; 3] {
    [
        Operation::new("GET", "workspaces/{workspace}/keys", "listKeys")
            .about("Every key in the order of creation, revoked ones included. No key is shown twice.")
            .with(&PART)
            .json(200, |call| {
                let keys = call.workspace()?.keys();
                call.part(keys.iter().map(|key| ListedKey::from(&**key)))
            }),
        Operation::new("POST", "workspaces/{workspace}/keys", "createKey")
            .about("Makes a key. Its plaintext is shown this once.")
            .takes::<KeyBody>()
            .json(201, create),
        Operation::new("DELETE", "workspaces/{workspace}/keys/{key}", "revokeKey")
            .about("Revokes a key, at once and finally.")
            .nothing(|call| {
                let revoked = call.workspace()?.revoke(call.step(3), call.now);
                revoked.then_some(()).ok_or_else(|| nowhere("There is no such key."))
            }),
    ]
}

/// The key that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    /// The name shown in lists; `unnamed` without it.
    name: Option<String>,
    /// `write:events`, `read:analytics`, or both.
    #[schemars(length(min = 1))]
    scopes: Vec<String>,
    /// `standard` or `premium`; a key that may post events is on the Ingestion tier anyway.
    plan: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct NewKey {
    id: String,
    /// The key itself.
    key: String,
    name: String,
    scopes: Vec<&'static str>,
    tier: Tier,
    created_at: String,
}

#[derive(Serialize, JsonSchema)]
struct ListedKey {
    id: String,
    name: String,
    scopes: Vec<&'static str>,
    tier: Tier,
    created_at: String,
    /// By the workspace's clock; null if never.
    last_used_at: Option<String>,
    /// Whether it has not been revoked.
    active: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct KeyLimits {
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

fn create(call: &Call<'_>) -> Result<NewKey, Reply> {
    let workspace = call.workspace()?;
    let body: KeyBody = call.body()?;
    let scopes = body.scopes.iter().map(|scope| scope.parse::<Scope>()).collect::<Result<Vec<_>, _>>();
    let scopes = scopes.map_err(bad_request)?;
    if scopes.is_empty() {
        return Err(bad_request("a key has one or more scopes: write:events, read:analytics"));
    }
    let plan = match body.plan.as_deref() {
        None | Some("standard") => Tier::Standard,
        Some("premium") => Tier::Premium,
        Some(_) => return Err(bad_request("`plan` is standard or premium")),
    };
    let spec = KeySpec { name: body.name.unwrap_or_else(|| "unnamed".to_owned()), scopes, plan };
    let plaintext = ApiKey::random();
    let id = format!("key_{}", letters_and_digits(12));
    let key = call.engine.create_key(&workspace, id, spec, &plaintext, call.now).map_err(not_created)?;
    Ok(NewKey {
        id: key.id.to_string(),
        key: plaintext.reveal().to_owned(),
        name: key.name.to_string(),
        scopes: scope_names(&key),
        tier: key.tier,
        created_at: format_timestamp(key.created_at),
    })
}

impl From<&KeyEntry> for ListedKey {
    fn from(key: &KeyEntry) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            scopes: scope_names(key),
            tier: key.tier,
            created_at: format_timestamp(key.created_at),
            last_used_at: key.last_used_at().map(format_timestamp),
            active: key.revoked_at().is_none(),
        }
    }
}

fn scope_names(key: &KeyEntry) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.as_str()).collect()
}

pub(super) fn list_limits(call: &Call<'_>) -> Result<Vec<KeyLimits>, Reply> {
    let workspace = call.workspace()?;
    let used = match call.request.parameter("used").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad_request("`used` is true or false")),
    };
    let keys = workspace.keys();
    let active = keys.iter().filter(|key| key.revoked_at().is_none());
    let limits = active.map(|key| limits(call, &workspace, key));
    call.part(limits.filter(|limits| !used || limits.requests.used > 0 || limits.events.used > 0))
}

fn limits(call: &Call<'_>, workspace: &Arc<Workspace>, key: &Arc<KeyEntry>) -> KeyLimits {
    let (usage, rules) = call.engine.usage(workspace, key, call.now).unzip();
    let usage = usage.unwrap_or_default();
    let budget = |count: Used, limit: Option<u32>| Budget {
        used: count.used,
        limit,
        frees_at: count.frees_at.map(|at| format_timestamp(call.engine.wall(at))),
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
