//! The way of a request: key, path, scope, limiter, body, effect.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::contract::{Endpoint, Scope, Tier};
use crate::mock::errors::{self, Invalid};
use crate::mock::keys::{KeyEntry, KeySpec};
use crate::mock::knobs::Stage;
use crate::mock::limiter::Decision;
use crate::mock::message::{OnLeave, Reply, Request};
use crate::mock::note::{Envelopes, Note, Why};
use crate::mock::visit::{Presented, Route, Visit};

use super::admit::{admit, rules};
use super::effect::effect;
use super::parse::{Wish, wish};
use super::site::Site;
use super::{Engine, Located};

/// What is learnt between two steps.
struct Progress<'a> {
    wish: Option<Result<Wish<'a>, Invalid>>,
    /// How many events of the batch may be stored.
    events: u32,
    on_leave: Option<OnLeave>,
    note: Note,
}

impl Engine {
    pub(super) fn serve(
        &self,
        site: &Site,
        located: &Located<'_>,
        request: &Request<'_>,
        path: &str,
        now: u64,
    ) -> (Reply, Note) {
        let now = site.time(now);
        let mut visit = Visit {
            request,
            route: Route::of(request.method, path),
            presented: located.presented,
            key: None,
            revoked: false,
            now,
            wall_ms: self.wall(now),
            ordinal: site.next_request(),
            refusal: 0,
            since_429_ms: site.since_429(now),
            wait_ms: None,
        };
        let (mut reply, mut note) = self.decide(site, &mut visit, located.key.clone());
        reply.push("access-control-allow-origin", "*");
        reply.push("access-control-expose-headers", "Retry-After");
        for rewrite in &site.knobs().rewrite {
            rewrite(&visit, &mut reply);
        }
        if request.method == "HEAD" {
            reply.set("content-length", reply.body.len().to_string());
            reply.body = Default::default();
        }
        note.endpoint = visit.route.endpoint();
        (reply, note)
    }

    fn decide(&self, site: &Site, visit: &mut Visit<'_>, strict: Option<Arc<KeyEntry>>) -> (Reply, Note) {
        let knobs = site.knobs();
        if let Some(reply) = knobs.instead.iter().find_map(|instead| instead(visit)) {
            return (reply, Note { key: strict, ..Note::default() });
        }
        if visit.request.method == "OPTIONS" {
            return (preflight(), Note::default());
        }
        let found = self.authenticate(site, visit, strict);
        if visit.key.is_none() && knobs.open.iter().any(|open| open(visit)) {
            visit.key = Some(anonymous());
        }
        if let Some(key) = &visit.key {
            key.used(visit.wall_ms);
        }
        let note = Note { key: found, ..Note::default() };
        let mut progress = Progress { wish: None, events: u32::MAX, on_leave: None, note };
        for stage in knobs.order {
            let refusal = match stage {
                Stage::Key => key_stage(site, visit, &mut progress),
                Stage::Path => path_stage(visit, &mut progress),
                Stage::Scope => scope_stage(site, visit, &mut progress),
                Stage::Limit => limit_stage(site, visit, &mut progress),
                Stage::Body => body_stage(site, visit, &mut progress),
            };
            if let Some(mut reply) = refusal {
                reply.on_leave = progress.on_leave;
                return (reply, progress.note);
            }
        }
        let mut reply = match progress.wish {
            Some(Ok(wish)) => effect(site, wish, progress.events, &mut progress.note),
            // The body's step is always among the steps and lets only a wish pass.
            Some(Err(_)) | None => errors::not_found(),
        };
        reply.on_leave = progress.on_leave;
        (reply, progress.note)
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

fn key_stage(site: &Site, visit: &Visit<'_>, progress: &mut Progress<'_>) -> Option<Reply> {
    if visit.key.is_some() {
        return None;
    }
    if site.knobs().bad_keys_refill {
        site.forget_windows();
    }
    if site.knobs().bad_keys_drain {
        site.bad_keys.fetch_add(1, Ordering::Relaxed);
    }
    progress.note.why = Some(match visit.presented {
        _ if visit.revoked => Why::RevokedKey,
        Presented::Missing => Why::NoKey,
        Presented::Conflicting(_) => Why::SeveralKeys,
        Presented::Key(_) => Why::UnknownKey,
    });
    Some(errors::unauthorized())
}

fn path_stage(visit: &Visit<'_>, progress: &mut Progress<'_>) -> Option<Reply> {
    let (why, reply) = match visit.route {
        Route::Found(_) => return None,
        Route::WrongMethod(_, allow) => (Why::WrongMethod, errors::method_not_allowed(allow)),
        Route::Unknown => (Why::NoSuchPath, errors::not_found()),
    };
    progress.note.why = Some(why);
    Some(reply)
}

fn scope_stage<'a>(site: &Site, visit: &Visit<'a>, progress: &mut Progress<'a>) -> Option<Reply> {
    let knobs = site.knobs();
    let endpoint = visit.route.endpoint()?;
    let scopes = visit.key.as_ref().map_or(&[][..], |key| &key.scopes);
    if (knobs.grants)(scopes, endpoint) || knobs.unscoped.iter().any(|unscoped| unscoped(visit)) {
        return None;
    }
    if knobs.count_forbidden
        && let Some(key) = &visit.key
        && let Some(rules) = rules(site, visit, key.tier)
    {
        admit(site, visit, key, 0, &rules);
    }
    if knobs.store_forbidden {
        store_anyway(site, visit, progress);
    }
    progress.note.why = Some(Why::LacksScope(endpoint.scope()));
    Some(errors::forbidden(endpoint.scope()))
}

fn limit_stage<'a>(site: &Site, visit: &mut Visit<'a>, progress: &mut Progress<'a>) -> Option<Reply> {
    let knobs = site.knobs();
    let key = Arc::clone(visit.key.as_ref()?);
    let rules = rules(site, visit, key.tier)?;
    let events = match visit.route {
        Route::Found(Endpoint::Events) => match read_wish(site, visit, progress) {
            Some(Ok(Wish::Ingest(batch))) => {
                let events = u32::try_from(batch.events.len()).unwrap_or(u32::MAX);
                (knobs.event_cost)(visit, events)
            }
            Some(Err(_)) if knobs.invalid_is_free => return None,
            _ => (knobs.invalid_cost)(visit),
        },
        _ => 0,
    };
    let admission = admit(site, visit, &key, events, &rules);
    progress.on_leave = admission.on_leave;
    if admission.events < events || admission.decision != Decision::Admitted {
        progress.events = admission.events;
    }
    let Decision::Refused { wait_ms, by } = admission.decision else {
        return None;
    };
    progress.note.why = Some(Why::UsedUp(by, visit.wall_ms.saturating_add_unsigned(wait_ms)));
    visit.wait_ms = Some(wait_ms);
    visit.refusal = site.next_refusal(visit.now);
    if knobs.store_limited || knobs.straddle == crate::mock::knobs::Straddle::PartlyStored {
        store_anyway(site, visit, progress);
    }
    Some(errors::rate_limited((knobs.seconds)(wait_ms, rules.window_ms)))
}

fn body_stage<'a>(site: &Site, visit: &Visit<'a>, progress: &mut Progress<'a>) -> Option<Reply> {
    if visit.request.body_too_large {
        progress.note.why = Some(Why::TooLarge);
        return Some(errors::too_large());
    }
    match read_wish(site, visit, progress) {
        Some(Err(invalid)) => {
            let reply = errors::invalid(invalid);
            let why = Why::invalid(invalid.message, &invalid.details);
            progress.note.why = Some(why);
            Some(reply)
        }
        Some(Ok(_)) | None => None,
    }
}

/// Reads what the request asks for, once.
fn read_wish<'p, 'a>(
    site: &Site,
    visit: &Visit<'a>,
    progress: &'p mut Progress<'a>,
) -> Option<&'p Result<Wish<'a>, Invalid>> {
    if progress.wish.is_none() {
        let endpoint = visit.route.endpoint()?;
        let wish = wish(endpoint, visit.request, visit.wall_ms, site.knobs());
        progress.note.envelopes = match &wish {
            Ok(Wish::Ingest(batch)) => batch.envelopes,
            Ok(_) => Envelopes::default(),
            Err(invalid) => invalid.envelopes,
        };
        progress.wish = Some(wish);
    }
    progress.wish.as_ref()
}

/// Stores a batch that is refused, where a deviation does.
fn store_anyway<'a>(site: &Site, visit: &Visit<'a>, progress: &mut Progress<'a>) {
    read_wish(site, visit, progress);
    if let Some(Ok(wish @ Wish::Ingest(_))) = progress.wish.take() {
        // The answer is the refusal; only the effect is wanted.
        drop(effect(site, wish, progress.events, &mut progress.note));
    }
}
