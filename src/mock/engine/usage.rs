//! How far a key is in its window.

use std::sync::Arc;

use crate::contract::Endpoint;
use crate::mock::context::{Presented, RequestContext, Route};
use crate::mock::keys::KeyEntry;
use crate::mock::limiter::{Rules, Usage};
use crate::mock::message::Request;
use crate::mock::sync::lock;
use crate::mock::workspace::Workspace;

use super::Engine;
use super::admit::{Counter, rules};
use super::site::Site;

impl Engine {
    /// How much of its limits a key has used at the server's time `now`, and the rules it is under; nothing where its
    /// tier has no limit. Asking counts nothing.
    pub(in crate::mock) fn usage(
        &self,
        workspace: &Arc<Workspace>,
        key: &Arc<KeyEntry>,
        now: u64,
    ) -> Option<(Usage, Rules)> {
        let site = Site::of(workspace, workspace.faults.deviating(key, || workspace.time(now)));
        let now = site.time(now);
        // Deviations may count by what is requested; the list of sessions stands for all of it.
        let request = Request { method: "GET", path: Endpoint::Sessions.path(), ..Request::default() };
        let context = RequestContext {
            request: &request,
            route: Route::Found(Endpoint::Sessions),
            presented: Presented::Missing,
            key: Some(Arc::clone(key)),
            revoked: false,
            now,
            wall_ms: self.wall(now),
            ordinal: 0,
            refusal: 0,
            since_429_ms: None,
            wait_ms: None,
        };
        let rules = rules(&site, &context, key.tier)?;
        let counter = Counter::of((site.behaviour().unit)(&context), &site, key);
        let usage = lock(counter.limiter()).usage(now, &rules);
        Some((usage, rules))
    }
}
