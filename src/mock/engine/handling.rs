//! The way of a request: key, path, scope, limiter, body, effect.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::contract::{Endpoint, Scope, Tier};
use crate::mock::behaviour::{Behaviour, Form, Stage, Straddle};
use crate::mock::faults::{Effect, Fault};
use crate::mock::keys::{KeyEntry, KeyHash, KeySpec};
use crate::mock::limiter::Decision;
use crate::mock::reply;
use crate::mock::reply::{Envelopes, Invalid, OnLeave, Reason, Reply, Summary};
use crate::mock::request::{Presented, Request, RequestContext, Route};
use crate::mock::settings::Settings;
use crate::mock::workspace::Workspace;

use super::command::Command;

/// A request in its workspace, whose settings stay the same until it is answered; and what is learnt between two steps.
pub(super) struct Handling<'a> {
    pub(super) workspace: &'a Arc<Workspace>,
    pub(super) settings: Arc<Settings>,
    /// The name under which is counted, where that is not done as always.
    pub(super) counted_apart: Option<String>,
    pub(super) context: RequestContext<'a>,
    command: Option<Result<Command<'a>, Invalid>>,
    /// How many events of the batch may be stored.
    events: u32,
    on_leave: Option<OnLeave>,
    summary: Summary,
}

impl<'a> Handling<'a> {
    /// A request at the workspace's time `now`, which is `wall_ms` in milliseconds since 1970.
    pub(super) fn new(
        workspace: &'a Arc<Workspace>,
        deviating: Vec<Arc<Fault>>,
        request: &'a Request<'a>,
        route: Route,
        (now, wall_ms): (u64, i64),
    ) -> Self {
        let mut settings = workspace.settings();
        let mut counted_apart = None;
        if !deviating.is_empty() {
            let mut changed = Settings::clone(&settings);
            for fault in &deviating {
                if let Effect::Deviate(entries) = &fault.effect {
                    entries.iter().for_each(|entry| entry.apply(&mut changed.behaviour));
                }
            }
            settings = Arc::new(changed);
            // What these faults let in is counted apart from all else.
            counted_apart = Some(deviating.iter().map(|fault| format!("{} ", fault.id)).collect());
        }
        let context = RequestContext {
            request,
            route,
            presented: Presented::Missing,
            key: None,
            revoked: false,
            now,
            wall_ms,
            ordinal: 0,
            refusal: 0,
            since_429_ms: None,
            wait_ms: None,
        };
        let (command, events, on_leave, summary) = (None, u32::MAX, None, Summary::default());
        Self { workspace, settings, counted_apart, context, command, events, on_leave, summary }
    }

    pub(super) fn behaviour(&self) -> &Behaviour {
        &self.settings.behaviour
    }

    /// Answers the request. `strict` is the key that the header names exactly, revoked or not, and `known` tells whose
    /// key another text is.
    pub(super) fn answer(
        mut self,
        presented: Presented<'a>,
        strict: Option<Arc<KeyEntry>>,
        known: impl Fn(&[u8]) -> Option<Arc<KeyEntry>>,
    ) -> (Reply, Summary) {
        self.context.presented = presented;
        self.context.ordinal = self.workspace.next_request();
        self.context.since_429_ms = self.workspace.since_429(self.context.now);
        let mut reply = self.decide(strict, known);
        reply.on_leave = self.on_leave.take();
        reply.show_to_browsers();
        for (status, rewrite) in &self.settings.behaviour.rewrites {
            if status.is_none_or(|status| status == reply.status) {
                rewrite(&self.context, &mut reply);
            }
        }
        if self.context.request.method == "HEAD" {
            reply.set("content-length", reply.body.len().to_string());
            reply.body = Default::default();
        }
        self.summary.endpoint = self.context.route.endpoint();
        (reply, self.summary)
    }

    fn decide(
        &mut self,
        strict: Option<Arc<KeyEntry>>,
        known: impl Fn(&[u8]) -> Option<Arc<KeyEntry>>,
    ) -> Reply {
        if let Some(reply) = self.behaviour().instead.iter().find_map(|instead| instead(&self.context)) {
            self.summary.key = strict;
            return reply;
        }
        if self.context.request.method == "OPTIONS" {
            return preflight();
        }
        self.summary.key = strict.or_else(|| self.key_elsewhere(known));
        self.authenticate();
        if self.context.key.is_none() && self.behaviour().open.iter().any(|open| open(&self.context)) {
            self.context.key = Some(anonymous());
        }
        if let Some(key) = &self.context.key {
            key.used(self.context.wall_ms);
        }
        for stage in self.behaviour().order {
            let refusal = match stage {
                Stage::Key => self.check_key(),
                Stage::Path => self.check_path(),
                Stage::Scope => self.check_scope(),
                Stage::Limit => self.check_limit(),
                Stage::Body => self.check_body(),
            };
            if let Some((reason, reply)) = refusal {
                self.summary.reason = Some(reason);
                return reply;
            }
        }
        match self.command.take() {
            Some(Ok(command)) => self.carry_out(command),
            // The body's step is always among the steps and lets only a command pass.
            Some(Err(_)) | None => reply::not_found(),
        }
    }

    /// Looks for a key where the deviations of the workspace look. The reference looks nowhere.
    fn key_elsewhere(&self, known: impl Fn(&[u8]) -> Option<Arc<KeyEntry>>) -> Option<Arc<KeyEntry>> {
        let (behaviour, context, workspace) = (self.behaviour(), &self.context, self.workspace);
        let in_form = |presented: &[u8], form: &Form| {
            let canonical = (form.presented)(presented)?;
            workspace.forms.read().get(&KeyHash::of(&canonical)).cloned()
        };
        let (header, places) = match context.presented {
            Presented::Missing => (None, &behaviour.places),
            Presented::Conflicting(_) if !behaviour.first_line_wins => (None, &behaviour.rescues),
            Presented::Key(key) | Presented::Conflicting(key) => (Some(key), &behaviour.rescues),
        };
        let from_header = header.and_then(|presented| {
            known(presented).or_else(|| behaviour.forms.iter().find_map(|form| in_form(presented, form)))
        });
        from_header.or_else(|| places.iter().find_map(|look| known(&look(context.request)?))).or_else(|| {
            let remembers = behaviour.connections_remember;
            remembers.then(|| workspace.shown_by(context.request.connection)).flatten()
        })
    }

    /// Takes the key that was found for the request's, unless it has been revoked or a deviation has another.
    fn authenticate(&mut self) {
        let Some(key) = self.summary.key.clone() else {
            return;
        };
        let (behaviour, context) = (&self.settings.behaviour, &mut self.context);
        let grace = behaviour.revoked_grace_ms;
        context.revoked = key.revoked_at().is_some_and(|at| context.now >= at.saturating_add(grace));
        if context.revoked {
            return;
        }
        let connection = context.request.connection;
        let shown = behaviour.connections_keep_their_key.then(|| self.workspace.shown_by(connection));
        let key = shown.flatten().unwrap_or(key);
        if behaviour.connections_remember || behaviour.connections_keep_their_key {
            self.workspace.remember(connection, &key);
        }
        context.key = Some(key);
        if behaviour.closed.iter().any(|closed| closed(context)) {
            context.key = None;
        }
    }

    fn check_key(&self) -> Option<(Reason, Reply)> {
        if self.context.key.is_some() {
            return None;
        }
        if self.behaviour().bad_keys_refill {
            self.workspace.forget_windows();
        }
        if self.behaviour().bad_keys_drain {
            self.workspace.bad_keys.fetch_add(1, Ordering::Relaxed);
        }
        let reason = match self.context.presented {
            _ if self.context.revoked => Reason::RevokedKey,
            Presented::Missing => {
                self.context.request.key_elsewhere().map_or(Reason::NoKey, Reason::KeyElsewhere)
            }
            Presented::Conflicting(_) => Reason::SeveralKeys,
            Presented::Key(_) => Reason::UnknownKey,
        };
        Some((reason, reply::unauthorized()))
    }

    fn check_path(&self) -> Option<(Reason, Reply)> {
        match self.context.route {
            Route::Found(_) => None,
            Route::WrongMethod(_, allow) => Some((Reason::WrongMethod, reply::method_not_allowed(allow))),
            Route::Unknown => Some((Reason::NoSuchPath, reply::not_found())),
        }
    }

    fn check_scope(&mut self) -> Option<(Reason, Reply)> {
        let (behaviour, context) = (&self.settings.behaviour, &self.context);
        let endpoint = context.route.endpoint()?;
        let scopes = context.key.as_ref().map_or(&[][..], |key| &key.scopes);
        if (behaviour.grants)(scopes, endpoint) || behaviour.unscoped.iter().any(|unscoped| unscoped(context))
        {
            return None;
        }
        if behaviour.count_forbidden
            && let Some(key) = &context.key
            && let Some(rules) = self.rules(key.tier)
        {
            self.admit(key, 0, &rules);
        }
        if behaviour.store_forbidden {
            self.store_anyway();
        }
        Some((Reason::LacksScope(endpoint.scope()), reply::forbidden(endpoint.scope())))
    }

    fn check_limit(&mut self) -> Option<(Reason, Reply)> {
        let key = Arc::clone(self.context.key.as_ref()?);
        let rules = self.rules(key.tier)?;
        let posts_events = self.context.route == Route::Found(Endpoint::Events);
        if posts_events {
            self.read_command();
        }
        let (behaviour, context) = (&self.settings.behaviour, &self.context);
        let events = match &self.command {
            _ if !posts_events => 0,
            Some(Ok(Command::Ingest(batch))) => {
                let events = u32::try_from(batch.events.len()).unwrap_or(u32::MAX);
                (behaviour.event_cost)(context, events)
            }
            Some(Err(_)) if behaviour.invalid_is_free => return None,
            _ => (behaviour.invalid_cost)(context),
        };
        let admission = self.admit(&key, events, &rules);
        self.on_leave = admission.on_leave;
        if admission.events < events || admission.decision != Decision::Admitted {
            self.events = admission.events;
        }
        let Decision::Refused { wait_ms, by } = admission.decision else {
            return None;
        };
        self.context.wait_ms = Some(wait_ms);
        self.context.refusal = self.workspace.next_refusal(self.context.now);
        let behaviour = self.behaviour();
        let seconds = (behaviour.seconds)(wait_ms, rules.window_ms);
        if behaviour.store_limited || behaviour.straddle == Straddle::PartlyStored {
            self.store_anyway();
        }
        Some((Reason::UsedUp(by, self.context.free_at_ms()), reply::rate_limited(seconds)))
    }

    fn check_body(&mut self) -> Option<(Reason, Reply)> {
        if self.context.request.body_too_large {
            return Some((Reason::TooLarge, reply::too_large()));
        }
        self.read_command();
        match &self.command {
            Some(Err(invalid)) => {
                Some((Reason::invalid(invalid.message, &invalid.details), reply::invalid(invalid)))
            }
            Some(Ok(_)) | None => None,
        }
    }

    /// Reads what the request asks for, once.
    fn read_command(&mut self) {
        if self.command.is_none()
            && let Some(endpoint) = self.context.route.endpoint()
        {
            let (request, today) = (self.context.request, self.context.wall_ms);
            let command = Command::read(endpoint, request, today, self.behaviour());
            self.summary.envelopes = match &command {
                Ok(Command::Ingest(batch)) => batch.envelopes,
                Ok(_) => Envelopes::default(),
                Err(invalid) => invalid.envelopes,
            };
            self.command = Some(command);
        }
    }

    /// Stores a batch that is refused, where a deviation does. The answer is the refusal; only the effect is wanted.
    fn store_anyway(&mut self) {
        self.read_command();
        if let Some(Ok(command @ Command::Ingest(_))) = self.command.take() {
            drop(self.carry_out(command));
        }
    }

    fn carry_out(&mut self, command: Command<'_>) -> Reply {
        command.carry_out(self.workspace, &self.settings.behaviour, self.events, &mut self.summary)
    }
}

/// Who comes without a key where a deviation needs none: someone who may do everything, each time with a fresh limit.
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
