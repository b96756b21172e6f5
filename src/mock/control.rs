//! The control API under `/_mock/`: workspaces, keys, clocks.

mod access;
mod body;

use std::sync::Arc;

use serde::Serialize;

use crate::contract::{ApiKey, Scope, Tier};

use super::deviations::knobs;
use super::engine::{CreateError, Engine};
use super::errors::error;
use super::ingest::format_timestamp;
use super::keys::{KeyEntry, KeySpec};
use super::limiter::Kind;
use super::message::{Reply, Request};
use super::workspace::Workspace;
pub use access::ControlToken;
use body::{AdvanceBody, KeyBody, WorkspaceBody, read_body};

/// What every path of the control API begins with.
pub const CONTROL_PREFIX: &str = "/_mock/";

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The control API over an engine.
#[derive(Debug)]
pub struct Control {
    engine: Arc<Engine>,
    token: Option<ControlToken>,
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct NewWorkspace<'a> {
    id: &'a str,
    base_url: String,
}

#[derive(Serialize)]
struct NewKey<'a> {
    id: &'a str,
    key: &'a str,
    name: &'a str,
    scopes: Vec<&'static str>,
    tier: &'static str,
    created_at: String,
}

#[derive(Serialize)]
struct ListedKey<'a> {
    id: &'a str,
    name: &'a str,
    scopes: Vec<&'static str>,
    tier: &'static str,
    created_at: String,
    last_used_at: Option<String>,
    active: bool,
}

#[derive(Serialize)]
struct Now {
    now_ms: u64,
}

impl Control {
    /// A control API; with a token, only for who sends it, else only for this machine.
    pub fn new(engine: Arc<Engine>, token: Option<ControlToken>) -> Self {
        Self { engine, token }
    }

    /// Answers a request below [`CONTROL_PREFIX`] at the server's time `now`, in milliseconds.
    pub fn handle(&self, request: &Request<'_>, now: u64) -> Reply {
        self.route(request, now).unwrap_or_else(|refusal| refusal)
    }

    fn route(&self, request: &Request<'_>, now: u64) -> Result<Reply, Reply> {
        access::check(request, self.token.as_ref())?;
        let rest = request.path.strip_prefix(CONTROL_PREFIX).unwrap_or_default();
        let steps: Vec<&str> = rest.split('/').collect();
        match (steps.as_slice(), request.method) {
            (["health"], "GET" | "HEAD") => Ok(health()),
            (["health"], _) => Err(wrong_method("GET, HEAD")),
            (["workspaces"], "POST") => self.create_workspace(request),
            (["workspaces"], _) => Err(wrong_method("POST")),
            (["workspaces", id], "DELETE") => self.delete_workspace(id),
            (["workspaces", _], _) => Err(wrong_method("DELETE")),
            (["workspaces", id, "keys"], "POST") => self.create_key(id, request, now),
            (["workspaces", id, "keys"], "GET") => Ok(list_keys(&*self.workspace(id)?)),
            (["workspaces", _, "keys"], _) => Err(wrong_method("GET, POST")),
            (["workspaces", id, "keys", key], "DELETE") => {
                let revoked = self.workspace(id)?.revoke(key, now);
                if revoked { Ok(Reply::empty(204)) } else { Err(nowhere("There is no such key.")) }
            }
            (["workspaces", _, "keys", _], _) => Err(wrong_method("DELETE")),
            (["workspaces", id, "clock", "advance"], "POST") => self.advance(id, request, now),
            (["workspaces", _, "clock", "advance"], _) => Err(wrong_method("POST")),
            _ => Err(nowhere("There is no such control endpoint.")),
        }
    }

    fn workspace(&self, id: &str) -> Result<Arc<Workspace>, Reply> {
        self.engine.workspace(id).ok_or_else(|| nowhere("There is no such workspace."))
    }

    fn create_workspace(&self, request: &Request<'_>) -> Result<Reply, Reply> {
        let body: WorkspaceBody = read_body(request)?;
        let limiter = body.limiter.as_deref().map(str::parse::<Kind>).transpose();
        let limiter = limiter.map_err(|unknown| bad_request(&unknown.to_string()))?;
        let knobs = match (&body.deviations, limiter) {
            (None, None) => self.engine.default_workspace().knobs.clone(),
            (deviations, limiter) => knobs(deviations.as_deref().unwrap_or_default(), limiter)
                .map_err(|unknown| bad_request(&unknown.to_string()))?,
        };
        let id = format!("ws_{}", random(16)?);
        let workspace = self.engine.create_workspace(id, knobs).map_err(|error| not_created(&error))?;
        let base_url = format!("/w/{}", workspace.id);
        Ok(data(201, NewWorkspace { id: &workspace.id, base_url }))
    }

    fn delete_workspace(&self, id: &str) -> Result<Reply, Reply> {
        if self.engine.delete_workspace(id) {
            return Ok(Reply::empty(204));
        }
        Err(nowhere("There is no such workspace that could be deleted."))
    }

    fn create_key(&self, id: &str, request: &Request<'_>, now: u64) -> Result<Reply, Reply> {
        let workspace = self.workspace(id)?;
        let body: KeyBody = read_body(request)?;
        let scopes = body.scopes.iter().map(|scope| scope.parse::<Scope>()).collect::<Result<Vec<_>, _>>();
        let scopes = scopes.map_err(|unknown| bad_request(&unknown.to_string()))?;
        if scopes.is_empty() {
            return Err(bad_request("a key has one or more scopes: write:events, read:analytics"));
        }
        let plan = match body.plan.as_deref() {
            None | Some("standard") => Tier::Standard,
            Some("premium") => Tier::Premium,
            Some(_) => return Err(bad_request("`plan` is standard or premium")),
        };
        let spec = KeySpec { name: body.name.unwrap_or_else(|| "unnamed".to_owned()), scopes, plan };
        let plaintext = ApiKey::new(format!("ct_live_{}", random(32)?))
            .map_err(|_| error(500, "INTERNAL", "No key could be made."))?;
        let key_id = format!("key_{}", random(12)?);
        let key = self
            .engine
            .create_key(&workspace, key_id, spec, &plaintext, now)
            .map_err(|error| not_created(&error))?;
        Ok(data(
            201,
            NewKey {
                id: &key.id,
                key: plaintext.reveal(),
                name: &key.name,
                scopes: scope_names(&key),
                tier: key.tier.as_str(),
                created_at: format_timestamp(key.created_at),
            },
        ))
    }

    fn advance(&self, id: &str, request: &Request<'_>, now: u64) -> Result<Reply, Reply> {
        let workspace = self.workspace(id)?;
        let AdvanceBody { ms } = read_body(request)?;
        workspace.advance(ms);
        Ok(data(200, Now { now_ms: workspace.time(now) }))
    }
}

fn health() -> Reply {
    data(200, Health { status: "ok", name: "trenchcheck-mock", version: env!("CARGO_PKG_VERSION") })
}

fn list_keys(workspace: &Workspace) -> Reply {
    let keys = workspace.keys();
    let listed: Vec<ListedKey<'_>> = keys
        .iter()
        .map(|key| ListedKey {
            id: &key.id,
            name: &key.name,
            scopes: scope_names(key),
            tier: key.tier.as_str(),
            created_at: format_timestamp(key.created_at),
            last_used_at: key.last_used_at().map(format_timestamp),
            active: key.revoked_at().is_none(),
        })
        .collect();
    data(200, listed)
}

fn scope_names(key: &KeyEntry) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.as_str()).collect()
}

fn data<T: Serialize>(status: u16, data: T) -> Reply {
    // The types here are structs of numbers and strings, which always serialize.
    Reply::json(status, serde_json::to_vec(&Data { data }).unwrap_or_default())
}

/// So many random letters and digits.
fn random(count: usize) -> Result<String, Reply> {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes).map_err(|_| error(500, "INTERNAL", "There is no randomness."))?;
        // 248 is the last multiple of 62 in a byte; what lies beyond would favour some letters.
        let fair =
            bytes.iter().filter(|&&byte| byte < 248).map(|byte| ALPHABET[usize::from(byte % 62)] as char);
        text.extend(fair.take(count - text.len()));
    }
    Ok(text)
}

fn bad_request(message: &str) -> Reply {
    error(400, "BAD_REQUEST", message)
}

fn not_created(reason: &CreateError) -> Reply {
    error(400, "NOT_CREATED", &reason.to_string())
}

fn nowhere(message: &str) -> Reply {
    error(404, "NOT_FOUND", message)
}

fn wrong_method(allow: &'static str) -> Reply {
    let mut reply = error(405, "METHOD_NOT_ALLOWED", "The control endpoint does not take this method.");
    reply.push("allow", allow);
    reply
}

#[cfg(test)]
mod tests;
