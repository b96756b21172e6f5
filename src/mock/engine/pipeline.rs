//! The way of a request: key, path, scope, limiter, body, effect.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::contract::{Endpoint, Scope, Tier};
use crate::mock::behaviour::Stage;
use crate::mock::context::{Presented, RequestContext, Route};
use crate::mock::errors::{self, Invalid};
use crate::mock::keys::{KeyEntry, KeySpec};
use crate::mock::limiter::Decision;
use crate::mock::message::{OnLeave, Reply, Request};
use crate::mock::summary::{Envelopes, Reason, Summary};

use super::admit::{admit, rules};
use super::command::{Command, command};
use super::effect::effect;
use super::site::Site;
use super::{Engine, Located};

/// What is learnt between two steps.
struct Progress<'a> {
    command: Option<Result<Command<'a>, Invalid>>,
    /// How many events of the batch may be stored.
    events: u32,
    on_leave: Option<OnLeave>,
    summary: Summary,
}

impl Engine {
    pub(super) fn serve(
        &self,
        site: &Site,
        located: &Located<'_>,
        request: &Request<'_>,
        path: &str,
        now: u64,
    ) -> (Reply, Summary) {
        let now = site.time(now);
        let mut context = RequestContext {
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
        let (mut reply, mut summary) = self.decide(site, &mut context, located.key.clone());
        reply.push("access-control-allow-origin", "*");
        reply.push("access-control-expose-headers", "Retry-After");
        for (status, rewrite) in &site.behaviour().rewrites {
            if status.is_none_or(|status| status == reply.status) {
                rewrite(&context, &mut reply);
            }
        }
        if request.method == "HEAD" {
            reply.set("content-length", reply.body.len().to_string());
            reply.body = Default::default();
        }
        summary.endpoint = context.route.endpoint();
        (reply, summary)
    }

    fn decide(
        &self,
        site: &Site,
        context: &mut RequestContext<'_>,
        strict: Option<Arc<KeyEntry>>,
    ) -> (Reply, Summary) {
        let behaviour = site.behaviour();
        if let Some(reply) = behaviour.instead.iter().find_map(|instead| instead(context)) {
            return (reply, Summary { key: strict, ..Summary::default() });
        }
        if context.request.method == "OPTIONS" {
            return (preflight(), Summary::default());
        }
        let found = self.authenticate(site, context, strict);
        if context.key.is_none() && behaviour.open.iter().any(|open| open(context)) {
            context.key = Some(anonymous());
        }
        if let Some(key) = &context.key {
            key.used(context.wall_ms);
        }
        let summary = Summary { key: found, ..Summary::default() };
        let mut progress = Progress { command: None, events: u32::MAX, on_leave: None, summary };
        for stage in behaviour.order {
            let refusal = match stage {
                Stage::Key => key_stage(site, context, &mut progress),
                Stage::Path => path_stage(context, &mut progress),
                Stage::Scope => scope_stage(site, context, &mut progress),
                Stage::Limit => limit_stage(site, context, &mut progress),
                Stage::Body => body_stage(site, context, &mut progress),
            };
            if let Some(mut reply) = refusal {
                reply.on_leave = progress.on_leave;
                return (reply, progress.summary);
            }
        }
        let mut reply = match progress.command {
            Some(Ok(command)) => effect(site, command, progress.events, &mut progress.summary),
            // The body's step is always among the steps and lets only a command pass.
            Some(Err(_)) | None => errors::not_found(),
        };
        reply.on_leave = progress.on_leave;
        (reply, progress.summary)
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

fn key_stage(site: &Site, context: &RequestContext<'_>, progress: &mut Progress<'_>) -> Option<Reply> {
    if context.key.is_some() {
        return None;
    }
    if site.behaviour().bad_keys_refill {
        site.forget_windows();
    }
    if site.behaviour().bad_keys_drain {
        site.bad_keys.fetch_add(1, Ordering::Relaxed);
    }
    progress.summary.why = Some(match context.presented {
        _ if context.revoked => Reason::RevokedKey,
        Presented::Missing => Reason::NoKey,
        Presented::Conflicting(_) => Reason::SeveralKeys,
        Presented::Key(_) => Reason::UnknownKey,
    });
    Some(errors::unauthorized())
}

fn path_stage(context: &RequestContext<'_>, progress: &mut Progress<'_>) -> Option<Reply> {
    let (why, reply) = match context.route {
        Route::Found(_) => return None,
        Route::WrongMethod(_, allow) => (Reason::WrongMethod, errors::method_not_allowed(allow)),
        Route::Unknown => (Reason::NoSuchPath, errors::not_found()),
    };
    progress.summary.why = Some(why);
    Some(reply)
}

fn scope_stage<'a>(site: &Site, context: &RequestContext<'a>, progress: &mut Progress<'a>) -> Option<Reply> {
    let behaviour = site.behaviour();
    let endpoint = context.route.endpoint()?;
    let scopes = context.key.as_ref().map_or(&[][..], |key| &key.scopes);
    if (behaviour.grants)(scopes, endpoint) || behaviour.unscoped.iter().any(|unscoped| unscoped(context)) {
        return None;
    }
    if behaviour.count_forbidden
        && let Some(key) = &context.key
        && let Some(rules) = rules(site, context, key.tier)
    {
        admit(site, context, key, 0, &rules);
    }
    if behaviour.store_forbidden {
        store_anyway(site, context, progress);
    }
    progress.summary.why = Some(Reason::LacksScope(endpoint.scope()));
    Some(errors::forbidden(endpoint.scope()))
}

fn limit_stage<'a>(
    site: &Site,
    context: &mut RequestContext<'a>,
    progress: &mut Progress<'a>,
) -> Option<Reply> {
    let behaviour = site.behaviour();
    let key = Arc::clone(context.key.as_ref()?);
    let rules = rules(site, context, key.tier)?;
    let events = match context.route {
        Route::Found(Endpoint::Events) => match read_command(site, context, progress) {
            Some(Ok(Command::Ingest(batch))) => {
                let events = u32::try_from(batch.events.len()).unwrap_or(u32::MAX);
                (behaviour.event_cost)(context, events)
            }
            Some(Err(_)) if behaviour.invalid_is_free => return None,
            _ => (behaviour.invalid_cost)(context),
        },
        _ => 0,
    };
    let admission = admit(site, context, &key, events, &rules);
    progress.on_leave = admission.on_leave;
    if admission.events < events || admission.decision != Decision::Admitted {
        progress.events = admission.events;
    }
    let Decision::Refused { wait_ms, by } = admission.decision else {
        return None;
    };
    progress.summary.why = Some(Reason::UsedUp(by, context.wall_ms.saturating_add_unsigned(wait_ms)));
    context.wait_ms = Some(wait_ms);
    context.refusal = site.next_refusal(context.now);
    if behaviour.store_limited || behaviour.straddle == crate::mock::behaviour::Straddle::PartlyStored {
        store_anyway(site, context, progress);
    }
    Some(errors::rate_limited((behaviour.seconds)(wait_ms, rules.window_ms)))
}

fn body_stage<'a>(site: &Site, context: &RequestContext<'a>, progress: &mut Progress<'a>) -> Option<Reply> {
    if context.request.body_too_large {
        progress.summary.why = Some(Reason::TooLarge);
        return Some(errors::too_large());
    }
    match read_command(site, context, progress) {
        Some(Err(invalid)) => {
            let reply = errors::invalid(invalid);
            let why = Reason::invalid(invalid.message, &invalid.details);
            progress.summary.why = Some(why);
            Some(reply)
        }
        Some(Ok(_)) | None => None,
    }
}

/// Reads what the request asks for, once.
fn read_command<'p, 'a>(
    site: &Site,
    context: &RequestContext<'a>,
    progress: &'p mut Progress<'a>,
) -> Option<&'p Result<Command<'a>, Invalid>> {
    if progress.command.is_none() {
        let endpoint = context.route.endpoint()?;
        let command = command(endpoint, context.request, context.wall_ms, site.behaviour());
        progress.summary.envelopes = match &command {
            Ok(Command::Ingest(batch)) => batch.envelopes,
            Ok(_) => Envelopes::default(),
            Err(invalid) => invalid.envelopes,
        };
        progress.command = Some(command);
    }
    progress.command.as_ref()
}

/// Stores a batch that is refused, where a deviation does.
fn store_anyway<'a>(site: &Site, context: &RequestContext<'a>, progress: &mut Progress<'a>) {
    read_command(site, context, progress);
    if let Some(Ok(command @ Command::Ingest(_))) = progress.command.take() {
        // The answer is the refusal; only the effect is wanted.
        drop(effect(site, command, progress.events, &mut progress.summary));
    }
}
