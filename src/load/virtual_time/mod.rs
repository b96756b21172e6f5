//! Load runs in virtual time: a plan's schedule, the mock's engine, the ledger and the judgement, without a socket
//! and without a second spent. So every shipped profile is played at its full length, against every conforming limiter
//! and against those that are wrong.

mod conforming;
mod wrong;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::attack::{Waiting, sample};
use super::bookkeeping::Watch;
use super::client::Exchange;
use super::client::{Reading, read};
use super::keys::{Freshness, most_to_use_up};
use super::ledger::LaneLedger;
use super::profile::{Align, Library, Request as Wish, Shelved};
use super::series::Sample;
use super::*;
use crate::contract::{ApiKey, Tier};
use crate::deployment::{Envelope, Keys, Target};
use crate::mock::{Engine, KeySpec, LimiterKind, Reply, Request, Rules, behaviour};
use crate::payload::{Mix, Payloads, random_session};
use crate::scenario::Source;

/// 2026-01-01T00:00:00Z, and so the beginning of a minute.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// From the promise that the windows are fresh to the first request: users take a moment to get up.
const START_UP: Duration = Duration::from_millis(300);

/// What a run goes against.
pub(super) struct World {
    pub(super) deviations: Vec<&'static str>,
    pub(super) limiter: Option<LimiterKind>,
    /// How far the server's minute is when the run begins, in milliseconds.
    pub(super) phase_ms: i64,
    /// How long the `n`th request of the run is on its way.
    pub(super) network: fn(u64) -> Duration,
    /// What else is wrong with the limiter.
    pub(super) rules: fn(&mut Rules),
    /// What is done to the `n`th answer.
    pub(super) meddle: fn(u64, &mut Reply),
}

impl Default for World {
    fn default() -> Self {
        Self {
            deviations: Vec::new(),
            limiter: None,
            phase_ms: 0,
            network: |_| Duration::from_millis(1),
            rules: |_| {},
            meddle: |_, _| {},
        }
    }
}

impl World {
    /// The reference, with these deviations.
    pub(super) fn deviating(deviations: &[&'static str]) -> Self {
        Self { deviations: deviations.to_vec(), ..Self::default() }
    }

    /// Plays a shipped profile.
    pub(super) fn play(&self, profile: &str) -> RunRecord {
        self.play_with(&Library(&Source::Builtin).find(profile).unwrap(), &Overrides::default())
    }

    pub(super) fn play_with(&self, shelved: &Shelved, overrides: &Overrides) -> RunRecord {
        let plan = LoadPlan::new(shelved, overrides, &target(), None).unwrap();
        let mut server = Server::new(self, &plan);
        let start = match plan.profile.align {
            Align::Anywhere => Duration::ZERO,
            Align::FreshWindow => server.use_up(&plan),
        };
        let lanes = server.run(&plan, start + START_UP);
        RunRecord {
            profile: plan.profile.profile.value.clone(),
            profile_hash: plan.hash,
            target: target().base_url,
            started_at: chrono::DateTime::UNIX_EPOCH,
            took: plan.lanes.iter().map(|lane| lane.pacer.length()).max().unwrap(),
            shard: None,
            parts: Vec::new(),
            interrupted: false,
            stop_at_first_miss: plan.profile.stop_at_first_miss,
            lanes,
            timelines: Vec::new(),
            thresholds: plan.profile.thresholds.value,
        }
    }
}

pub(super) fn target() -> Target {
    Target {
        envelope: Envelope::Documented,
        ..Target::on_this_machine("http://127.0.0.1:1", Keys::Environment(Vec::new()))
    }
}

struct Server<'w> {
    world: &'w World,
    engine: Engine,
    /// By their place among all keys of the run.
    keys: BTreeMap<u32, String>,
    payloads: Payloads,
    /// One of each size: the engine counts events and does not mind having seen them.
    bodies: BTreeMap<(u32, bool), bytes::Bytes>,
    requests: u64,
    answers: u64,
    /// What the virtual clock counts from.
    zero: Instant,
}

impl<'w> Server<'w> {
    fn new(world: &'w World, plan: &LoadPlan) -> Self {
        let mut behaviour = behaviour(&world.deviations, world.limiter).unwrap();
        behaviour.rules.push(world.rules);
        let engine = Engine::with_journals(behaviour.into(), EPOCH_MS + world.phase_ms, 0);
        let workspace = engine.default_workspace();
        let mut keys = BTreeMap::new();
        for lane in &plan.lanes {
            keys.entry(lane.key).or_insert_with(|| {
                let plaintext = format!("ct_live_{:032}", lane.key);
                let plan = lane.role.tier().filter(|tier| *tier != Tier::Ingestion);
                let plan = plan.unwrap_or(Tier::Standard);
                let spec = KeySpec { name: lane.record.name.clone(), scopes: lane.role.scopes(), plan };
                let key = ApiKey::new(plaintext.clone()).unwrap();
                engine.create_key(&workspace, format!("key_{}", lane.key), spec, &key, 0).unwrap();
                plaintext
            });
        }
        // The server's clock and the events' agree, for events of the future may be refused.
        let payloads = Payloads::new(chrono::DateTime::from_timestamp_millis(EPOCH_MS).unwrap());
        Self {
            world,
            engine,
            keys,
            payloads,
            bodies: BTreeMap::new(),
            requests: 0,
            answers: 0,
            zero: Instant::now(),
        }
    }

    fn body(&mut self, lane: &LanePlan, batch: u32) -> bytes::Bytes {
        let (payloads, events) = (&self.payloads, lane.request == Wish::PostEvents);
        let make = || match lane.request {
            Wish::PostEvents => payloads.batch(batch, Mix::Plain, Envelope::Documented, &random_session()),
            Wish::PostScores => payloads.scores(batch, &random_session()),
            _ => bytes::Bytes::new(),
        };
        self.bodies.entry((batch, events)).or_insert_with(make).clone()
    }

    /// Sends a request of a lane; it arrives at `arrival`.
    fn exchange(&mut self, lane: &LanePlan, batch: u32, sent: Duration, arrival: Duration) -> Exchange {
        let body = self.body(lane, batch);
        let headers: &[(&str, &[u8])] = &[("x-api-key", self.keys[&lane.key].as_bytes())];
        let endpoint = lane.request.endpoint();
        let (method, path) = (endpoint.method(), endpoint.path());
        let request = Request { method, path, headers, body: &body, ..Request::default() };
        let mut reply = self.engine.handle(&request, u64::try_from(arrival.as_millis()).unwrap());
        if let Some(on_leave) = reply.on_leave.take() {
            on_leave();
        }
        self.answers += 1;
        (self.world.meddle)(self.answers, &mut reply);
        let answered = self.zero + arrival + reply.delay + Duration::from_millis(1);
        let events = if lane.request == Wish::PostEvents { batch } else { 0 };
        let reading = reading(&reply, events);
        Exchange { sent: self.zero + sent, answered, done: answered, status: Some(reply.status), reading }
    }

    /// Uses up every key, one request a millisecond, and says when all of them are fresh again.
    fn use_up(&mut self, plan: &LoadPlan) -> Duration {
        let (mut now, mut used, mut fresh) = (Duration::ZERO, Vec::new(), Duration::ZERO);
        for lane in &plan.lanes {
            if used.contains(&lane.key) {
                continue;
            }
            used.push(lane.key);
            let mut freshness = Freshness::default();
            for _ in 0..most_to_use_up(lane) {
                now += Duration::from_millis(1);
                freshness.learn(&self.exchange(lane, lane.batch.min(1), now, now));
                if freshness.is_used_up() {
                    break;
                }
            }
            fresh = fresh.max(freshness.from().map_or(now, |from| from - self.zero));
        }
        fresh.max(now)
    }

    fn run(&mut self, plan: &LoadPlan, start: Duration) -> Vec<LaneRecord> {
        let mut ledgers: Vec<LaneLedger> =
            plan.lanes.iter().map(|lane| LaneLedger::new(lane.clone())).collect();
        let mut waiting: Vec<Waiting> = plan.lanes.iter().map(|_| Waiting::default()).collect();
        // When each request arrives; of a lane that waits, one request follows the other.
        let mut coming = BinaryHeap::new();
        for (place, lane) in plan.lanes.iter().enumerate() {
            let tickets = if lane.waits { 1 } else { lane.pacer.total() };
            for ticket in 0..tickets {
                let due = start + lane.pacer.due(ticket).unwrap();
                coming.push(Reverse((due + self.on_its_way(), place, ticket, due)));
            }
        }
        let end = plan.lanes.iter().map(|lane| lane.pacer.length()).max().unwrap();
        let (mut watch, mut came_to) = (Watch::of(&plan.profile), end);
        while let Some(Reverse((arrival, place, ticket, sent))) = coming.pop() {
            let lane = &plan.lanes[place];
            let due = lane.pacer.due(ticket).unwrap();
            if watch.as_mut().is_some_and(|watch| watch.misses(&ledgers, arrival - start)) {
                came_to = due;
                break;
            }
            let exchange = self.exchange(lane, lane.batch, sent, arrival);
            let events = if lane.request == Wish::PostEvents { lane.batch } else { 0 };
            let mut taken = sample(&exchange, self.zero + start + due, Duration::ZERO, events);
            if lane.waits {
                waiting[place].heed(&exchange, &mut taken);
            }
            ledgers[place].take(Sample { due, sent: Some(taken) });
            if !lane.waits {
                continue;
            }
            for next in ticket + 1..lane.pacer.total() {
                let due = lane.pacer.due(next).unwrap();
                if waiting[place].withholds(self.zero + start + due) {
                    ledgers[place].take(Sample { due, sent: None });
                    continue;
                }
                let sent = (start + due).max(exchange.done - self.zero);
                coming.push(Reverse((sent + self.on_its_way(), place, next, sent)));
                break;
            }
        }
        ledgers.into_iter().map(|ledger| ledger.close(came_to)).collect()
    }

    fn on_its_way(&mut self) -> Duration {
        self.requests += 1;
        (self.world.network)(self.requests)
    }
}

fn reading(reply: &Reply, events: u32) -> Reading {
    let mut headers = HeaderMap::new();
    for (name, value) in &reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    read(reply.status, &headers, &reply.body, events, false)
}

/// What was missed, by threshold, with the sentences that say so.
pub(super) fn missed(run: &RunRecord) -> Vec<(String, String)> {
    let broken = findings(run).into_iter().filter(|finding| !finding.held());
    broken.map(|finding| (finding.threshold.clone(), finding.to_string())).collect()
}
