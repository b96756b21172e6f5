//! The keys of a run: where they come from, whether they work, and when their windows are fresh.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::LoadError;
use super::client::{Exchange, LaneClient};
use super::plan::{LanePlan, LoadPlan};
use super::profile::{Align, Request};
use super::series::Outcome;
use crate::amounts::whole_millis;
use crate::client::HttpClient;
use crate::contract::{Tier, WINDOW_SECONDS};
use crate::deployment::{Envelope, Key, Keys, Role, Target, role_variable};
use crate::payload::Payloads;

/// How many requests are under way at once while a key is used up.
const ABREAST: u32 = 32;

pub(crate) struct Keyring {
    /// By their place among all keys of the run.
    pub(crate) keys: BTreeMap<u32, Key>,
    /// Where they belong.
    base_url: String,
    envelope: Envelope,
    /// When every key's window is fresh.
    pub(crate) fresh_from: Option<Instant>,
    http: HttpClient,
    payloads: Arc<Payloads>,
}

impl Keyring {
    /// Gathers the keys of a plan, sees that each role works, and, where the profile asks for it, uses up the keys
    /// so that it is known when their next windows begin.
    pub(crate) async fn gather(
        plan: &LoadPlan,
        target: &Target,
        http: HttpClient,
    ) -> Result<Self, LoadError> {
        let payloads = Arc::new(Payloads::new(chrono::Utc::now()));
        let envelope = match target.envelope {
            Envelope::Auto => Envelope::Documented,
            given => given,
        };
        let (keys, base_url) = (BTreeMap::new(), target.base_url.clone());
        let mut ring = Self { keys, base_url, envelope, fresh_from: None, http, payloads };
        match &target.keys {
            Keys::Mock(control) => {
                let workspace = control.workspace().await?;
                ring.base_url.clone_from(&workspace.base_url);
                for lane in &plan.lanes {
                    if let Entry::Vacant(place) = ring.keys.entry(lane.key) {
                        place.insert(workspace.key(lane.role, lane.nth_of_role + 1).await?);
                    }
                }
                // Trying out a key would begin its window; another of its kind shows as much.
                for lane in one_of_each_kind(plan) {
                    let key = workspace.key(lane.role, u32::MAX).await?;
                    ring.try_out(target, lane, &key).await?;
                }
                if plan.profile.align == Align::FreshWindow {
                    // Windows that begin with the clock's minute are fresh for new keys only by chance. Nobody waits:
                    // the workspace has a clock of its own.
                    ring.use_up(plan, target).await?;
                    let now = Instant::now();
                    let wait = ring.fresh_from.take().unwrap_or(now).saturating_duration_since(now);
                    workspace.advance(whole_millis(wait) + 1).await?;
                }
            }
            Keys::Environment(given) => {
                for lane in &plan.lanes {
                    if !ring.keys.contains_key(&lane.key) {
                        let key = choose(given, lane)?;
                        if let Some(twice) = ring.keys.values().find(|taken| taken.secret == key.secret) {
                            let other = role_variable(lane.role, lane.nth_of_role + 1);
                            return Err(LoadError::SharedKey(twice.variable.clone(), other));
                        }
                        ring.keys.insert(lane.key, key);
                    }
                }
                for lane in one_of_each_kind(plan) {
                    if let Some(key) = ring.keys.get(&lane.key).cloned() {
                        ring.try_out(target, lane, &key).await?;
                    }
                }
                if plan.profile.align == Align::FreshWindow {
                    ring.use_up(plan, target).await?;
                }
            }
        }
        Ok(ring)
    }

    /// The client of a lane, over connections of this one.
    pub(crate) fn client_over(
        &self,
        http: HttpClient,
        lane: &LanePlan,
        target: &Target,
    ) -> Result<LaneClient, LoadError> {
        let key = self.keys.get(&lane.key).ok_or(LoadError::NoKey)?;
        self.client_of(http, lane, target, key)
    }

    fn client_of(
        &self,
        http: HttpClient,
        lane: &LanePlan,
        target: &Target,
        key: &Key,
    ) -> Result<LaneClient, LoadError> {
        LaneClient::new(http, target, &self.base_url, lane, key, self.payloads.clone(), self.envelope)
    }

    /// Sends one request of a lane and finds out how events are to be written, where that is left open.
    async fn try_out(&mut self, target: &Target, lane: &LanePlan, key: &Key) -> Result<(), LoadError> {
        let small = small(lane);
        let mut last = self.client_of(self.http.clone(), &small, target, key)?.exchange().await;
        if last.status == Some(400)
            && target.envelope == Envelope::Auto
            && lane.request == Request::PostEvents
        {
            let before = std::mem::replace(&mut self.envelope, Envelope::Wire);
            last = self.client_of(self.http.clone(), &small, target, key)?.exchange().await;
            if last.reading.outcome == Outcome::Error {
                self.envelope = before;
            }
        }
        let failed = |what| LoadError::Control(lane.record.name.clone(), target.base_url.clone(), what);
        // A key that is limited works.
        if last.reading.outcome == Outcome::Error {
            return Err(failed(cause(&last, lane, key)));
        }
        if lane.template.is_some() {
            let whole = self.client_of(self.http.clone(), lane, target, key)?.exchange().await;
            if let (Outcome::Error, Some(fault)) = (whole.reading.outcome, whole.reading.fault) {
                return Err(failed(format!("{fault}, in answer to the events of its file")));
            }
        }
        Ok(())
    }

    /// Uses up every key at once, and notes when all of them are fresh again.
    async fn use_up(&mut self, plan: &LoadPlan, target: &Target) -> Result<(), LoadError> {
        let mut lanes: BTreeMap<u32, &LanePlan> = BTreeMap::new();
        for lane in &plan.lanes {
            lanes.entry(lane.key).or_insert(lane);
        }
        let mut clients = Vec::new();
        for lane in lanes.values() {
            clients.push((self.client_over(self.http.clone(), &small(lane), target)?, *lane));
        }
        let fresh = join_all(clients.iter().map(|(client, lane)| use_up_one(client, lane))).await;
        self.fresh_from = fresh.into_iter().flatten().max();
        Ok(())
    }
}

/// Sends requests until one is limited. Returns when the key's window is fresh again.
async fn use_up_one(client: &LaneClient, lane: &LanePlan) -> Option<Instant> {
    let mut freshness = Freshness::default();
    let mut sent = 0;
    while sent < most_to_use_up(lane) && !freshness.is_used_up() {
        let answers = join_all((0..ABREAST).map(|_| client.exchange())).await;
        sent += ABREAST;
        answers.iter().for_each(|answer| freshness.learn(answer));
    }
    freshness.from()
}

/// Why the first request of a lane failed, and what to do about it.
fn cause(failed: &Exchange, lane: &LanePlan, key: &Key) -> String {
    let endpoint = lane.request.endpoint();
    let request = format!("{} {}", endpoint.method(), endpoint.path());
    match failed.status {
        None => {
            let fault = failed.reading.fault.as_deref().unwrap_or("no answer");
            format!("{fault}; is the deployment up, and is this its base URL?")
        }
        Some(401) => {
            let why = "was it revoked, or does it belong to another deployment?";
            format!("the key in {} is refused with 401; {why}", key.variable)
        }
        Some(403) => {
            let (key, role) = (&key.variable, lane.role);
            format!("the key in {key} is refused with 403; the lane needs one of the role {role}")
        }
        Some(404) => {
            let why = "is the path of the base URL doubled, or is a part of it missing?";
            format!("{request} is answered with 404; {why}")
        }
        Some(status) => format!("{request} is answered with {status}"),
    }
}

/// The lane with requests as small as they can be.
fn small(lane: &LanePlan) -> LanePlan {
    LanePlan { batch: lane.batch.min(1), template: None, ..lane.clone() }
}

/// One lane for each role and request, and one for each file of events.
fn one_of_each_kind(plan: &LoadPlan) -> Vec<&LanePlan> {
    let mut kinds: Vec<(Role, Request, Option<&str>)> = Vec::new();
    plan.lanes
        .iter()
        .filter(|lane| {
            let file = lane.template.as_ref().map(|_| lane.record.group.as_str());
            let kind = (lane.role, lane.request, file);
            let is_new = !kinds.contains(&kind);
            kinds.push(kind);
            is_new
        })
        .collect()
}

/// The key a lane gets from the environment.
fn choose(given: &[Key], lane: &LanePlan) -> Result<Key, LoadError> {
    let mut fitting: Vec<&Key> = given.iter().filter(|key| lane.role.fits(key)).collect();
    fitting.sort_by_key(|key| lane.role.preference(key));
    fitting.get(lane.nth_of_role as usize).map(|key| (*key).clone()).ok_or_else(|| LoadError::TooFewKeys {
        lane: lane.record.name.clone(),
        needed: u64::from(lane.nth_of_role) + 1,
        role: lane.role,
        found: fitting.len(),
        variable: role_variable(lane.role, lane.nth_of_role + 1),
    })
}

/// What is known of a key that is being used up.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    promise: Option<Instant>,
    last_429: Option<Instant>,
}

impl Freshness {
    pub(crate) fn learn(&mut self, exchange: &Exchange) {
        if exchange.reading.outcome != Outcome::Limited {
            return;
        }
        self.last_429 = self.last_429.max(Some(exchange.answered));
        let promise = exchange.reading.retry_after.map(|wait| exchange.answered + wait);
        self.promise = self.promise.into_iter().chain(promise).min();
    }

    /// Whether a 429 has come.
    pub(crate) const fn is_used_up(&self) -> bool {
        self.last_429.is_some()
    }

    /// When its window is fresh: at the earliest promise; where the 429s promise nothing that can be, after a
    /// minute of silence. `None` where no 429 has come, and so no window is known to have begun.
    pub(crate) fn from(&self) -> Option<Instant> {
        self.promise.or_else(|| Some(self.last_429? + Duration::from_secs(WINDOW_SECONDS)))
    }
}

/// After how many requests a key whose limit cannot be found is left alone: the run will show it.
pub(crate) fn most_to_use_up(lane: &LanePlan) -> u32 {
    // Of a key that may be on any tier, the limit is that of the largest.
    let record = &lane.record;
    let limit = if record.tier.is_some() { record.requests_limit } else { Tier::Ingestion.limits().requests };
    limit.saturating_mul(2).saturating_add(32)
}
