//! The way of a request: key, path, scope, limiter, body, effect.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::contract::{Endpoint, Scope, Tier};
use crate::mock::errors::{self, Invalid};
use crate::mock::keys::{KeyEntry, KeySpec};
use crate::mock::knobs::Stage;
use crate::mock::limiter::Decision;
use crate::mock::message::{OnLeave, Reply, Request};
use crate::mock::visit::{Presented, Route, Visit};
use crate::mock::workspace::Workspace;

use super::Engine;
use super::admit::{admit, rules};
use super::effect::effect;
use super::parse::{Wish, wish};

/// What is learnt between two steps.
struct Progress<'a> {
    wish: Option<Result<Wish<'a>, Invalid>>,
    /// How many events of the batch may be stored.
    events: u32,
    on_leave: Option<OnLeave>,
}

impl Engine {
    pub(super) fn serve(
        &self,
        workspace: &Arc<Workspace>,
        request: &Request<'_>,
        path: &str,
        presented: Presented<'_>,
        strict: Option<Arc<KeyEntry>>,
        now: u64,
    ) -> Reply {
        let now = workspace.time(now);
        let mut visit = Visit {
            request,
            route: Route::of(request.method, path),
            presented,
            key: None,
            revoked: false,
            now,
            wall_ms: self.wall(now),
            ordinal: workspace.next_request(),
            refusal: 0,
            wait_ms: None,
        };
        let mut reply = self.answer(workspace, &mut visit, strict);
        reply.push("access-control-allow-origin", "*");
        reply.push("access-control-expose-headers", "Retry-After");
        for rewrite in &workspace.knobs.rewrite {
            rewrite(&visit, &mut reply);
        }
        if request.method == "HEAD" {
            reply.set("content-length", reply.body.len().to_string());
            reply.body = Default::default();
        }
        reply
    }

    fn answer(
        &self,
        workspace: &Arc<Workspace>,
        visit: &mut Visit<'_>,
        strict: Option<Arc<KeyEntry>>,
    ) -> Reply {
        let knobs = &workspace.knobs;
        if let Some(reply) = knobs.instead.iter().find_map(|instead| instead(visit)) {
            return reply;
        }
        if visit.request.method == "OPTIONS" {
            return preflight();
        }
        self.authenticate(workspace, visit, strict);
        if visit.key.is_none() && knobs.open.iter().any(|open| open(visit)) {
            visit.key = Some(anonymous());
        }
        if let Some(key) = &visit.key {
            key.used(visit.wall_ms);
        }
        let mut progress = Progress { wish: None, events: u32::MAX, on_leave: None };
        for stage in knobs.order {
            let refusal = match stage {
                Stage::Key => key_stage(workspace, visit),
                Stage::Path => path_stage(visit),
                Stage::Scope => scope_stage(workspace, visit, &mut progress),
                Stage::Limit => limit_stage(workspace, visit, &mut progress),
                Stage::Body => body_stage(visit, &mut progress),
            };
            if let Some(mut reply) = refusal {
                reply.on_leave = progress.on_leave;
                return reply;
            }
        }
        let mut reply = match progress.wish {
            Some(Ok(wish)) => effect(workspace, wish, progress.events),
            // The body's step is always among the steps and lets only a wish pass.
            Some(Err(_)) | None => errors::not_found(),
        };
        reply.on_leave = progress.on_leave;
        reply
    }
}

/// Who comes without a key where a deviation needs none: someone who may do everything,
/// each time with a fresh limit.
fn anonymous() -> Arc<KeyEntry> {
    let spec = KeySpec { name: "anonymous".to_owned(), scopes: Scope::ALL.to_vec(), plan: Tier::Standard };
    Arc::new(KeyEntry::new("key_anonymous".to_owned(), spec, 0))
}

fn preflight() -> Reply {
    let mut reply = Reply::empty(204);
    reply.push("access-control-allow-methods", "GET, HEAD, POST, OPTIONS");
    reply.push("access-control-allow-headers", "X-API-Key, Content-Type");
    reply.push("access-control-max-age", "600");
    reply
}

fn key_stage(workspace: &Workspace, visit: &Visit<'_>) -> Option<Reply> {
    if visit.key.is_some() {
        return None;
    }
    if workspace.knobs.bad_keys_drain {
        workspace.bad_keys.fetch_add(1, Ordering::Relaxed);
    }
    Some(errors::unauthorized())
}

fn path_stage(visit: &Visit<'_>) -> Option<Reply> {
    match visit.route {
        Route::Found(_) => None,
        Route::WrongMethod(_, allow) => Some(errors::method_not_allowed(allow)),
        Route::Unknown => Some(errors::not_found()),
    }
}

fn scope_stage<'a>(
    workspace: &Arc<Workspace>,
    visit: &Visit<'a>,
    progress: &mut Progress<'a>,
) -> Option<Reply> {
    let knobs = &workspace.knobs;
    let endpoint = visit.route.endpoint()?;
    let scopes = visit.key.as_ref().map_or(&[][..], |key| &key.scopes);
    if (knobs.grants)(scopes, endpoint) {
        return None;
    }
    if knobs.count_forbidden
        && let Some(key) = &visit.key
    {
        admit(workspace, visit, key, 0, &rules(workspace, visit, key.tier));
    }
    if knobs.store_forbidden {
        store_anyway(workspace, visit, progress);
    }
    Some(errors::forbidden(endpoint.scope()))
}

fn limit_stage<'a>(
    workspace: &Arc<Workspace>,
    visit: &mut Visit<'a>,
    progress: &mut Progress<'a>,
) -> Option<Reply> {
    let knobs = &workspace.knobs;
    let key = Arc::clone(visit.key.as_ref()?);
    let events = match visit.route {
        Route::Found(Endpoint::Events) => match read_wish(visit, progress) {
            Some(Ok(Wish::Ingest(batch))) => {
                let events = u32::try_from(batch.events.len()).unwrap_or(u32::MAX);
                (knobs.event_cost)(visit, events)
            }
            Some(Err(_)) if knobs.invalid_is_free => return None,
            _ => (knobs.invalid_cost)(visit),
        },
        _ => 0,
    };
    let rules = rules(workspace, visit, key.tier);
    let admission = admit(workspace, visit, &key, events, &rules);
    progress.on_leave = admission.on_leave;
    if admission.events < events || admission.decision != Decision::Admitted {
        progress.events = admission.events;
    }
    let Decision::Refused { wait_ms } = admission.decision else {
        return None;
    };
    visit.wait_ms = Some(wait_ms);
    visit.refusal = workspace.next_refusal();
    if knobs.store_limited || knobs.straddle == crate::mock::knobs::Straddle::PartlyStored {
        store_anyway(workspace, visit, progress);
    }
    Some(errors::rate_limited((knobs.seconds)(wait_ms, rules.window_ms)))
}

fn body_stage<'a>(visit: &Visit<'a>, progress: &mut Progress<'a>) -> Option<Reply> {
    if visit.request.body_too_large {
        return Some(errors::too_large());
    }
    match read_wish(visit, progress) {
        Some(Err(invalid)) => Some(errors::invalid(invalid)),
        Some(Ok(_)) | None => None,
    }
}

/// Reads what the request asks for, once.
fn read_wish<'p, 'a>(
    visit: &Visit<'a>,
    progress: &'p mut Progress<'a>,
) -> Option<&'p Result<Wish<'a>, Invalid>> {
    if progress.wish.is_none() {
        let endpoint = visit.route.endpoint()?;
        progress.wish = Some(wish(endpoint, visit.request, visit.wall_ms));
    }
    progress.wish.as_ref()
}

/// Stores a batch that is refused, where a deviation does.
fn store_anyway<'a>(workspace: &Workspace, visit: &Visit<'a>, progress: &mut Progress<'a>) {
    read_wish(visit, progress);
    if let Some(Ok(wish @ Wish::Ingest(_))) = progress.wish.take() {
        // The answer is the refusal; only the effect is wanted.
        drop(effect(workspace, wish, progress.events));
    }
}
