//! The engine: every workspace, every key, and the way of a request through them.
//!
//! It is synchronous and pure apart from its own memory: the time is an argument, and it knows nothing of
//! sockets or HTTP libraries.

mod admission;
mod command;
mod handling;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::contract::{ApiKey, Endpoint};

use super::faults::Fault;
use super::journal::Room;
use super::keys::{Hashed, KeyEntry, KeyHash, KeySpec};
use super::limiter::{Rules, Usage};
use super::reply;
use super::reply::{Reason, Reply, Summary};
use super::request::{Presented, Request, Route};
use super::settings::Settings;
use super::workspace::Workspace;
use handling::Handling;

/// The most workspaces there may be besides the default one.
pub const MAX_WORKSPACES: usize = 10_000;

/// The most keys a workspace may have, revoked ones included.
pub const MAX_KEYS: usize = 100_000;

/// What stands before the id of a workspace in a path.
const WORKSPACE_PREFIX: &str = "/w/";

/// Why a workspace or a key was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// There are as many workspaces as there may be.
    #[error("there are {MAX_WORKSPACES} workspaces already; delete some")]
    TooManyWorkspaces,
    /// The workspace has as many keys as it may have.
    #[error("the workspace has {MAX_KEYS} keys already; make another workspace")]
    TooManyKeys,
    /// The same key or workspace exists.
    #[error("it exists already")]
    Exists,
    /// The workspace was deleted in the meantime.
    #[error("the workspace has been deleted")]
    Gone,
}

type Owner = (Arc<Workspace>, Arc<KeyEntry>);

/// The reference API.
#[derive(Debug)]
pub struct Engine {
    default: Arc<Workspace>,
    workspaces: RwLock<HashMap<String, Arc<Workspace>>>,
    keys: RwLock<HashMap<KeyHash, Owner, Hashed>>,
    epoch_ms: i64,
    room: Arc<Room>,
}

/// A request, and where it belongs.
#[derive(Debug, Clone)]
pub(crate) struct Located<'a> {
    /// The workspace it goes to; the default one if it names one that is not there.
    pub(super) workspace: Arc<Workspace>,
    /// The path within the workspace; nothing if it names one that is not there.
    pub(super) path: Option<&'a str>,
    /// The key it names exactly, revoked or not.
    pub(super) key: Option<Arc<KeyEntry>>,
    /// What it presented as its key.
    pub(super) presented: Presented<'a>,
}

impl Engine {
    /// An engine whose default workspace has these settings; `epoch_ms` is the time 0 in milliseconds since 1970.
    pub fn new(settings: impl Into<Settings>, epoch_ms: i64) -> Self {
        Self::with_journals(settings.into(), epoch_ms, Room::DEFAULT_ENTRIES)
    }

    /// The same, with journals of so many entries; 0 for none.
    pub fn with_journals(settings: Settings, epoch_ms: i64, entries: usize) -> Self {
        let room = Arc::new(Room::new(entries));
        Self {
            default: Arc::new(Workspace::new("default".to_owned(), settings, Arc::clone(&room))),
            workspaces: RwLock::default(),
            keys: RwLock::default(),
            epoch_ms,
            room,
        }
    }

    /// The workspace of requests whose path names none.
    pub fn default_workspace(&self) -> Arc<Workspace> {
        Arc::clone(&self.default)
    }

    /// The workspace with this id.
    pub fn workspace(&self, id: &str) -> Option<Arc<Workspace>> {
        if id == self.default.id {
            return Some(self.default_workspace());
        }
        self.workspaces.read().get(id).cloned()
    }

    /// Makes a workspace.
    ///
    /// # Errors
    /// [`CreateError`] when there are too many, or one with this id.
    pub fn create_workspace(
        &self,
        id: String,
        settings: impl Into<Settings>,
    ) -> Result<Arc<Workspace>, CreateError> {
        let mut workspaces = self.workspaces.write();
        if workspaces.contains_key(&id) || id == self.default.id {
            return Err(CreateError::Exists);
        }
        if workspaces.len() >= MAX_WORKSPACES {
            return Err(CreateError::TooManyWorkspaces);
        }
        let workspace = Arc::new(Workspace::new(id.clone(), settings.into(), Arc::clone(&self.room)));
        workspaces.insert(id, Arc::clone(&workspace));
        Ok(workspace)
    }

    /// Forgets a workspace and its keys; false if there is none with this id. The default one stays.
    pub fn delete_workspace(&self, id: &str) -> bool {
        let Some(workspace) = self.workspaces.write().remove(id) else {
            return false;
        };
        let mut keys = self.keys.write();
        keys.retain(|_, (owner, _)| !Arc::ptr_eq(owner, &workspace));
        true
    }

    /// Makes a key of a workspace from its plaintext, of which only a hash is kept. `id` is `key_…`, `now` the
    /// server's time in milliseconds.
    ///
    /// # Errors
    /// [`CreateError`] when the workspace has too many keys or is gone, or the same key exists.
    pub fn create_key(
        &self,
        workspace: &Arc<Workspace>,
        id: String,
        spec: KeySpec,
        plaintext: &ApiKey,
        now: u64,
    ) -> Result<Arc<KeyEntry>, CreateError> {
        let plaintext = plaintext.reveal().as_bytes();
        let created_at = self.wall(workspace.time(now));
        // Held to the end: a key made while its workspace is being deleted would outlive it.
        let workspaces = self.workspaces.read();
        if workspace.id != self.default.id && !workspaces.contains_key(&workspace.id) {
            return Err(CreateError::Gone);
        }
        let mut owned = workspace.keys.write();
        if owned.len() >= MAX_KEYS {
            return Err(CreateError::TooManyKeys);
        }
        let key = Arc::new(KeyEntry::new(id, spec, created_at));
        let mut keys = self.keys.write();
        let hash = KeyHash::of(plaintext);
        if keys.contains_key(&hash) {
            return Err(CreateError::Exists);
        }
        keys.insert(hash, (Arc::clone(workspace), Arc::clone(&key)));
        drop(keys);
        owned.push(Arc::clone(&key));
        workspace.remember_forms(plaintext, &key);
        Ok(key)
    }

    /// Makes a key, or makes the key with this plaintext another one: with this id, name and scopes, not revoked, and
    /// with a new window.
    ///
    /// # Errors
    /// As [`Engine::create_key`]; `Exists` only where another workspace has it.
    pub(super) fn put_key(
        &self,
        workspace: &Arc<Workspace>,
        id: String,
        spec: KeySpec,
        plaintext: &ApiKey,
        now: u64,
    ) -> Result<(), CreateError> {
        let hash = KeyHash::of(plaintext.reveal().as_bytes());
        let known = self.keys.read().get(&hash).cloned();
        let Some((owner, old)) = known else {
            return self.create_key(workspace, id, spec, plaintext, now).map(drop);
        };
        if !Arc::ptr_eq(&owner, workspace) {
            return Err(CreateError::Exists);
        }
        let key = Arc::new(KeyEntry::new(id, spec, self.wall(workspace.time(now))));
        let mut owned = workspace.keys.write();
        if let Some(place) = owned.iter_mut().find(|key| Arc::ptr_eq(key, &old)) {
            *place = Arc::clone(&key);
        }
        workspace.remember_forms(plaintext.reveal().as_bytes(), &key);
        self.keys.write().insert(hash, (owner, key));
        Ok(())
    }

    /// Milliseconds since 1970 at a workspace's time.
    pub fn wall(&self, time: u64) -> i64 {
        self.epoch_ms.saturating_add_unsigned(time)
    }

    /// Every workspace, the default one first, the others in the order of their ids.
    pub(super) fn workspaces(&self) -> Vec<Arc<Workspace>> {
        let mut others: Vec<_> = self.workspaces.read().values().cloned().collect();
        others.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        others.insert(0, self.default_workspace());
        others
    }

    /// How many keys there are in all workspaces, revoked ones included.
    pub(super) fn key_count(&self) -> usize {
        self.keys.read().len()
    }

    /// Answers a request at the server's time `now`, in milliseconds.
    pub fn handle(&self, request: &Request<'_>, now: u64) -> Reply {
        self.answer(&self.locate(request), request, Vec::new(), now).0
    }

    pub(super) fn locate<'a>(&self, request: &Request<'a>) -> Located<'a> {
        let presented = Presented::of(request);
        let owner = match presented {
            Presented::Key(key) => self.keys.read().get(&KeyHash::of(key)).cloned(),
            Presented::Missing | Presented::Conflicting(_) => None,
        };
        let Some(rest) = request.path.strip_prefix(WORKSPACE_PREFIX) else {
            let (workspace, key) = match owner {
                Some((workspace, key)) => (workspace, Some(key)),
                None => (self.default_workspace(), None),
            };
            return Located { workspace, path: Some(request.path), key, presented };
        };
        let (id, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let Some(workspace) = self.workspace(id) else {
            return Located { workspace: self.default_workspace(), path: None, key: None, presented };
        };
        // A key of another workspace is as unknown here as any other word.
        let key = owner.filter(|(owner, _)| Arc::ptr_eq(owner, &workspace)).map(|(_, key)| key);
        Located { workspace, path: Some(path), key, presented }
    }

    /// Answers a request that was located, with what is to be known about the answer.
    pub(super) fn answer<'a>(
        &self,
        located: &'a Located<'a>,
        request: &'a Request<'a>,
        deviating: Vec<Arc<Fault>>,
        now: u64,
    ) -> (Reply, Summary) {
        let Some(path) = located.path else {
            let summary = Summary { reason: Some(Reason::NoSuchWorkspace), ..Summary::default() };
            return (reply::error(404, "NOT_FOUND", "There is no such workspace."), summary);
        };
        let route = Route::of(request.method, path);
        let workspace = &located.workspace;
        let now = workspace.time(now);
        let handling = Handling::new(workspace, deviating, request, route, (now, self.wall(now)));
        handling.answer(located.presented, located.key.clone(), |presented| {
            let keys = self.keys.read();
            let (owner, key) = keys.get(&KeyHash::of(presented))?;
            Arc::ptr_eq(owner, workspace).then(|| Arc::clone(key))
        })
    }

    /// How much of its limits a key has used at the server's time `now`, and the rules it is under; nothing where its
    /// tier has no limit. Asking counts nothing.
    pub(super) fn usage(
        &self,
        workspace: &Arc<Workspace>,
        key: &Arc<KeyEntry>,
        now: u64,
    ) -> Option<(Usage, Rules)> {
        let now = workspace.time(now);
        let deviating = workspace.faults.deviating(key, now);
        // Deviations may count by what is requested; the list of sessions stands for all of it.
        let request = Request { method: "GET", path: Endpoint::Sessions.path(), ..Request::default() };
        let route = Route::Found(Endpoint::Sessions);
        let mut handling = Handling::new(workspace, deviating, &request, route, (now, self.wall(now)));
        handling.context.key = Some(Arc::clone(key));
        let rules = handling.rules(key.tier)?;
        let counter = handling.counter((handling.behaviour().unit)(&handling.context), key);
        let usage = counter.limiter().lock().usage(now, &rules);
        Some((usage, rules))
    }
}

#[cfg(test)]
mod tests;
