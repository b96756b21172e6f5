//! What is found out in the first second, before anything waits: which keys work and where, how events are written,
//! whether HTTP/2 is spoken, which optional endpoints there are. A handful of requests a key, counted like all others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::keys::KeyState;
use super::learned::KeyFacts;
use super::plan;
use super::player::minted;
use super::queue::{Turns, queue};
use super::request::{Recipe, granted};
use super::run_context::RunContext;
use super::run_state::RunState;
use super::trace::{Keep, Message};
use crate::client::{Connections, Content, Fault, Outgoing};
use crate::deployment::{Envelope, Key, Keys, Role};
use crate::payload::random_session;
use crate::report::Event;
use crate::scenario::model::{Credentials, RequestDef};

impl RunState {
    /// Finds out what everything else stands on.
    pub(super) async fn survey(&mut self) {
        let (run, info) = (&self.run, self.run.target.info());
        let plan =
            || plan::plan(&run.suite, &self.selected, &info, &run.options.allowed_hosts, run.options.jobs);
        self.set_deadline(self.ground.as_ref().and_then(|_| plan().at_most()));
        let end = self.early_end();
        tokio::select! {
            () = self.ask_around() => {}
            end = end => self.ended_early = Some(end),
        }
    }

    async fn ask_around(&mut self) {
        match (&self.ground, &self.run.target.keys) {
            (Some((environment, keys)), _) => ask_with_all(&self.run, environment, keys).await,
            (None, Keys::Mock(control)) => match control.workspace().await {
                Ok(workspace) => {
                    let environment = Environment::of(workspace, self.run.began);
                    let mut keys = Vec::new();
                    for role in Role::ALL.into_iter().filter(|role| *role != Role::Any) {
                        if let Ok(key) = minted(&self.run, &environment, role, 1).await {
                            keys.push(key);
                        }
                    }
                    ask_with_all(&self.run, &environment, &keys).await;
                    let _ = environment.close().await;
                }
                Err(error) => self.run.learned.lock().unreachable = Some(error.to_string()),
            },
            (None, Keys::Environment(_)) => {}
        }
        if let Some((_, keys)) = &mut self.ground {
            let learned = self.run.learned.lock().clone();
            let complaint = |key: &KeyState| {
                if learned.unreachable.is_some() {
                    return None;
                }
                let facts = learned.key(&key.key.variable).filter(|facts| !facts.works());
                facts.map(KeyFacts::complaint)
            };
            self.dead = keys.iter().filter_map(|key| Some((Arc::clone(key), complaint(key)?))).collect();
            keys.retain(|key| complaint(key).is_none());
        }
    }
}

/// Asks with every key at every endpoint that its scopes grant.
async fn ask_with_all(run: &Arc<RunContext>, environment: &Environment, keys: &[Arc<KeyState>]) {
    /// An endpoint that gave no answer so often, and none to anybody, is asked no more.
    const ENOUGH_SILENCE: u32 = 2;
    let mut heard = false;
    let mut took: BTreeMap<String, Duration> = BTreeMap::new();
    let mut unanswered: BTreeMap<String, u32> = BTreeMap::new();
    let mut turns: Vec<Turns> = Vec::new();
    for key in keys {
        if run.learned.lock().unreachable.is_some() {
            return;
        }
        let mut answers = Vec::new();
        let mut of_key = Turns { limit: key.limits.requests, took: Vec::new() };
        let all: Vec<_> = granted(&run.suite.requests, &key.key.scopes).collect();
        for (name, def) in all {
            if unanswered.get(name).is_some_and(|times| *times >= ENOUGH_SILENCE) {
                answers.push((name.to_owned(), None));
                continue;
            }
            let asked = environment.clock.now();
            let answer = ask_and_tell(run, environment, key, (name, def)).await;
            match &answer {
                Ok(status) => {
                    heard = true;
                    let now = environment.clock.now() - asked;
                    let endpoint = def.endpoint.as_ref().map_or(name, |endpoint| endpoint.as_str());
                    took.entry(endpoint.to_owned()).and_modify(|took| *took = now.min(*took)).or_insert(now);
                    of_key.took.push(now);
                    unanswered.remove(name);
                    if def.optional {
                        let mut learned = run.learned.lock();
                        let offer = learned.offers.entry(name.to_owned()).or_insert(*status);
                        *offer = (*offer).min(*status);
                    }
                }
                Err((fault, why)) => {
                    *unanswered.entry(name.to_owned()).or_default() += 1;
                    // One endpoint alone may be the one that hangs.
                    let may_be_alone = matches!(fault, Some(Fault::TimedOut { .. })) && unanswered.len() == 1;
                    if !heard && !may_be_alone {
                        run.learned.lock().unreachable = Some(why.clone());
                        break;
                    }
                }
            }
            answers.push((name.to_owned(), answer.ok()));
        }
        turns.push(of_key);
        if run.learned.lock().unreachable.is_some() {
            return;
        }
        run.learned.lock().keys.push(KeyFacts { variable: key.key.variable.clone(), answers });
    }
    run.learned.lock().queued = queue(&turns);
    note_slow(run, &took);
    if let (Some(key), true) = (keys.first(), heard) {
        let offered = speaks_http2(run, environment, &key.key).await;
        run.learned.lock().http2 = Some(offered);
    }
}

/// Remembers which endpoints take much longer than the others: quotas are better measured elsewhere.
fn note_slow(run: &RunContext, took: &BTreeMap<String, Duration>) {
    /// What takes no longer is slow nowhere.
    const SLOW: Duration = Duration::from_secs(1);
    /// So much longer than the quickest one.
    const TIMES: u32 = 10;
    let Some(quickest) = took.values().min() else { return };
    let slow = |took: &Duration| *took > SLOW.max(*quickest * TIMES);
    let (slow, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        took.iter().map(|(name, took)| (name.clone(), *took)).partition(|(_, took)| slow(took));
    let mut others: Vec<Duration> = others.into_values().collect();
    others.sort_unstable();
    if !slow.is_empty() {
        run.note_slow(slow, others[others.len() / 2]);
    }
}

/// Asks, and says what is waited for where that takes its time.
async fn ask_and_tell(
    run: &Arc<RunContext>,
    environment: &Environment,
    key: &KeyState,
    (name, def): (&str, &RequestDef),
) -> Result<u16, (Option<Fault>, String)> {
    /// Whoever looks on wonders after so long.
    const WORTH_TELLING: Duration = Duration::from_secs(1);
    let asked = ask(run, environment, key, def);
    tokio::pin!(asked);
    if let Ok(answer) = tokio::time::timeout(WORTH_TELLING, &mut asked).await {
        return answer;
    }
    let (id, keys) = ("survey".to_owned(), vec![key.key.variable.clone()]);
    let what = format!("an answer to {name} with {}", key.key.variable);
    let how_long = run.target.timeout.saturating_sub(WORTH_TELLING);
    run.emit(Event::Waiting { id: id.clone(), keys: keys.clone(), what, how_long });
    let answer = asked.await;
    run.emit(Event::Resumed { id, keys });
    answer
}

/// The status of the answer to one request, or why there is none; batches in the envelope that the target takes.
async fn ask(
    run: &Arc<RunContext>,
    environment: &Environment,
    key: &KeyState,
    def: &RequestDef,
) -> Result<u16, (Option<Fault>, String)> {
    let posts_events = def.posts_events();
    let envelopes: &[Envelope] = match (run.target.envelope, run.learned.lock().envelope) {
        _ if !posts_events => &[Envelope::Documented],
        (_, Some(Envelope::Wire)) | (Envelope::Wire, _) => &[Envelope::Wire],
        (Envelope::Documented, _) | (_, Some(_)) => &[Envelope::Documented],
        (Envelope::Auto, None) => &[Envelope::Documented, Envelope::Wire],
    };
    let mut status = Err((None, "no event envelope is left to try".to_owned()));
    for envelope in envelopes {
        let session = random_session();
        let recipe = Recipe::plain(def, &key.key, &session, *envelope);
        let Ok(outgoing) = recipe.make(&environment.base_url, &run.target, &run.payloads) else { continue };
        let message = tried(run, environment, &outgoing).await.map_err(|fault| {
            let why = format!("no answer came from {}: {fault}", outgoing.url);
            (Some(fault), why)
        })?;
        let answer = run.trace.record(&outgoing, &message, None, [&key.key.secret], Keep::All);
        run.note_latency(answer.done - answer.sent);
        if message.compressed {
            run.learned.lock().compressed = true;
        }
        key.note(&answer, outgoing.body.as_ref().map_or(0, Content::events));
        if answer.admitted() {
            let seen = (answer.sent, answer.done);
            let admissions = &run.trace.admissions;
            admissions.note(
                &environment.base_url,
                &key.key.variable,
                key.key.tier,
                key.limits.requests,
                seen,
            );
            if posts_events {
                run.learned.lock().envelope.get_or_insert(*envelope);
            }
        }
        status = Ok(answer.status);
        if !(posts_events && matches!(answer.status, 400 | 422)) {
            break;
        }
    }
    status
}

/// The answer to a request, which is sent again where that is worth it.
async fn tried(run: &RunContext, environment: &Environment, outgoing: &Outgoing) -> Result<Message, Fault> {
    /// How often it is sent.
    const MOST_TRIES: u32 = 3;
    let mut tries = 0;
    loop {
        run.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let connections = run.connections(Connections::Fresh);
        match run.client.exchange(outgoing, connections, &environment.clock).await {
            Ok(message) => return Ok(message),
            Err(fault) => {
                run.note_lost_answer(outgoing, &fault);
                tries += 1;
                if tries >= MOST_TRIES || !fault.worth_another_try() {
                    return Err(fault);
                }
            }
        }
    }
}

/// Asks without a key, so that it uses nobody's quota.
async fn speaks_http2(run: &Arc<RunContext>, environment: &Environment, key: &Key) -> bool {
    let Some((_, def)) = granted(&run.suite.requests, &key.scopes).next() else { return false };
    let nothing = Credentials::default();
    let session = random_session();
    let mut recipe = Recipe::plain(def, key, &session, run.envelope());
    recipe.credentials = Some(&nothing);
    let Ok(outgoing) = recipe.make(&environment.base_url, &run.target, &run.payloads) else { return false };
    run.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    run.client.offers_http2(&outgoing).await
}
