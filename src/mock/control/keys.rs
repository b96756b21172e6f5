//! Keys: made, listed, revoked, as in the vendor's dashboard.

use schemars::JsonSchema;
use serde::Serialize;

use crate::contract::{ApiKey, Scope, Tier};
use crate::mock::errors::error;
use crate::mock::ingest::format_timestamp;
use crate::mock::keys::{KeyEntry, KeySpec};
use crate::mock::message::Reply;

use super::answer::{Answer, bad_request, data, done, nowhere};
use super::body::KeyBody;
use super::operation::{Call, Gives, Operation, data_of, list_parameters, no_parameters};
use super::workspaces::not_created;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/keys",
        id: "listKeys",
        about: "Every key in the order of creation, revoked ones included. No key is shown twice.",
        parameters: list_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<Vec<ListedKey>>),
        run: |call| {
            let keys = call.workspace()?.keys();
            Ok(data(200, call.part(keys.iter())?.map(|key| ListedKey::from(&**key)).collect::<Vec<_>>()))
        },
    },
    Operation {
        method: "POST",
        path: "workspaces/{workspace}/keys",
        id: "createKey",
        about: "Makes a key. Its plaintext is shown this once.",
        parameters: no_parameters,
        body: Some(|generator| generator.subschema_for::<KeyBody>()),
        gives: Gives::Json(201, data_of::<NewKey>),
        run: create,
    },
    Operation {
        method: "DELETE",
        path: "workspaces/{workspace}/keys/{key}",
        id: "revokeKey",
        about: "Revokes a key, at once and finally.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Nothing,
        run: |call| {
            let revoked = call.workspace()?.revoke(call.step(3), call.now);
            if revoked { Ok(done()) } else { Err(nowhere("There is no such key.")) }
        },
    },
];

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

fn create(call: &Call<'_>) -> Result<Answer, Reply> {
    let workspace = call.workspace()?;
    let body: KeyBody = call.body()?;
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
    let made = call.control.engine.create_key(&workspace, key_id, spec, &plaintext, call.now);
    let key = made.map_err(|error| not_created(&error))?;
    Ok(data(
        201,
        NewKey {
            id: key.id.to_string(),
            key: plaintext.reveal().to_owned(),
            name: key.name.to_string(),
            scopes: scope_names(&key),
            tier: key.tier,
            created_at: format_timestamp(key.created_at),
        },
    ))
}

fn scope_names(key: &KeyEntry) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.as_str()).collect()
}

/// So many random letters and digits.
pub(super) fn random(count: usize) -> Result<String, Reply> {
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
