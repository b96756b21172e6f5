//! What the checks that own a fact teach about a deployment.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::{Limits, Scope, Tier};
use crate::run::environment::OWN;
use crate::run::evidence::{Answer, Burst, Evidence, Fresh, KeyInfo, Look, Play, bursts};
use crate::run::instant::Instant;
use crate::run::learned::{Learned, MOST_QUOTAS, Quota, whole_quotas};
use crate::run::limiters::{WINDOW, comes_back};
use crate::run::request::scope_of;
use crate::scenario::Suite;
use crate::scenario::model::{Action, Case, Fact};

/// What the windows that were measured teach of a deployment as a whole, beside the quotas.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taught {
    /// Tiers whose windows all showed the same: nobody else uses their keys.
    pub(crate) steady: Vec<Tier>,
    /// Tiers whose windows held what they are due beside what was sent before over other connections.
    pub(super) apart: Vec<Tier>,
    /// How many instances seem to count for themselves: whole quotas in the place of one, of every tier that was measured.
    pub(super) instances: Option<u32>,
    /// Whether no one connection can use up a quota, as where instances share it out among themselves.
    pub(super) split: bool,
    /// The answer to whoever asked too often without a key that exists.
    pub(super) lockout: Option<Lockout>,
}

/// The answer to whoever asked too often without a key that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lockout {
    status: u16,
    body: String,
    /// Whether all are answered so from then on, and not some now and then, and no key is refused so for want of quota.
    lasts: bool,
}

impl Lockout {
    /// What many requests without a key that exists show of it: after a 401 they are answered otherwise, in the same way, for good
    /// or now and then.
    fn of(burst: &Burst, looks: &[Look]) -> Option<Self> {
        const MANY: usize = 10;
        let mut answers: Vec<&Answer> = burst.answers.iter().map(|(_, answer)| answer).collect();
        answers.sort_by_key(|answer| answer.sent);
        let begins = answers.iter().position(|answer| answer.status != 401).filter(|first| *first > 0)?;
        let (status, body) = (answers[begins].status, &looks.get(answers[begins].look)?.body);
        let times = answers[begins..].iter().filter(|one| one.status == status).count();
        let others = answers[begins..].iter().filter(|one| one.status != status && one.status != 401).count();
        let lasts = times == answers.len() - begins;
        let least = if lasts { MANY } else { 2 };
        let is_one = times >= least && others == 0 && (400..500).contains(&status);
        is_one.then(|| Self { status, body: body.clone(), lasts })
    }

    /// Whether this is that answer. To a key that exists the same status may mean something else, if other words come with it.
    pub(super) fn is(&self, look: &Look, counted: bool) -> bool {
        look.status == self.status && (!counted || self.lasts && look.body == self.body)
    }
}

/// Learns the quotas of tiers, of requests and of events, from the windows that were measured, and what else they teach.
pub(crate) fn learn(suite: &Suite, evidence: &mut Evidence) -> Taught {
    let mut windows: BTreeMap<Tier, Vec<MeasuredWindow>> = BTreeMap::new();
    let mut elsewhere: BTreeMap<Tier, Vec<MeasuredWindow>> = BTreeMap::new();
    let mut whole_together: BTreeSet<Tier> = BTreeSet::new();
    let mut smoothed: BTreeSet<Tier> = BTreeSet::new();
    let slides = evidence.learned.slides;
    for play in &evidence.plays {
        let owned = case_of(suite, play)
            .is_some_and(|case| case.readings.iter().any(|reading| reading.learns == Some(Fact::Requests)));
        if owned {
            whole_together.extend(bursts(&play.seen).filter_map(|burst| had_all_together(burst, play)));
        }
        let seen = if owned { &mut windows } else { &mut elsewhere };
        for burst in measured(play) {
            let key = play.keys.get(&burst.key);
            let tier = key.and_then(|key| key.tier);
            if owned {
                smoothed.extend(key.filter(|key| smooths(burst, key.documented.requests)).and(tier));
            }
            // What agrees elsewhere with a window that was whole, was whole, too.
            if let (Some(tier), Some(window)) = (tier, window(burst, play, slides && owned)) {
                seen.entry(tier).or_default().push(window);
            }
        }
    }
    let (mut steady, mut apart) = (Vec::new(), Vec::new());
    evidence.learned.requests.clear();
    for (tier, windows) in windows {
        let others = elsewhere.get(&tier).map_or(&[][..], Vec::as_slice);
        if counts_apart(&windows, others) {
            apart.push(tier);
        } else if windows.iter().any(|window| window.endless) {
            evidence.learned.requests.insert(tier, Quota::Endless);
        } else if let [.., before, last] = &windows[..]
            // What was sent before may have been counted elsewhere.
            && before.requests.abs_diff(last.requests) <= before.spent
        {
            steady.push(tier);
            if last.requests != last.documented {
                evidence.learned.requests.insert(tier, Quota::Of(last.requests));
            }
        } else if let [window] = &windows[..]
            && window.requests > window.documented
            && others.iter().any(|other| other.requests == window.requests)
        {
            // Too many, and the same in another case: that was no reset.
            evidence.learned.requests.insert(tier, Quota::Of(window.requests));
        } else if let [window] = &windows[..]
            && window.was_awaited
            && window.requests < window.documented
            && others.iter().any(|other| other.confirms(window))
        {
            // Too few of a window that was waited for, and the same of another key: nobody else used both as much.
            evidence.learned.requests.insert(tier, Quota::Of(window.requests));
        } else if matches!(&windows[..], [window] if window.requests == window.documented)
            && whole_together.contains(&tier)
        {
            steady.push(tier);
        }
    }
    let split = evidence.plays.iter().any(|play| bursts(&play.seen).any(Burst::is_split));
    let without_a_key = evidence.plays.iter().flat_map(|play| bursts(&play.seen)).filter(|one| !one.counted);
    let mut lockout = without_a_key.filter_map(|burst| Lockout::of(burst, &evidence.looks)).next();
    if let Some(lockout) = &mut lockout {
        lockout.lasts &= !is_any_refusal(lockout, evidence);
    }
    learn_odd_keys(suite, evidence);
    learn_events(evidence, &smoothed, split);
    Taught { instances: instances(&steady, &evidence.learned), steady, apart, split, lockout }
}

/// Whether windows hold just what is documented, beside what was sent before over other connections: that is counted elsewhere.
fn counts_apart(windows: &[MeasuredWindow], others: &[MeasuredWindow]) -> bool {
    let beside =
        |window: &MeasuredWindow| window.spent > 0 && window.requests - window.spent == window.documented;
    let is_exact = |window: &MeasuredWindow| window.spent == 0 && window.requests == window.documented;
    windows.iter().any(beside) && windows.iter().chain(others).any(is_exact)
}

/// Whether keys that have used up just what they are due are answered like those that are locked out: then nobody can tell them
/// apart.
fn is_any_refusal(lockout: &Lockout, evidence: &Evidence) -> bool {
    let is_refused_so = |answer: &Answer| {
        let look = evidence.looks.get(answer.look);
        answer.limited && look.is_some_and(|look| lockout.is(look, true))
    };
    evidence.plays.iter().any(|play| {
        bursts(&play.seen).any(|burst| {
            let due = play.keys.get(&burst.key).map_or(0, |key| key.documented.requests);
            let had_all = burst.counted && burst.admitted() > 0 && burst.spent.0 + burst.admitted() == due;
            had_all && burst.answers.iter().any(|(_, answer)| is_refused_so(answer))
        })
    })
}

/// The case that was played.
fn case_of<'a>(suite: &'a Suite, play: &Play) -> Option<&'a Case> {
    let experiment = suite.experiments.iter().find(|experiment| experiment.name == play.experiment)?;
    experiment.cases.iter().find(|case| case.row == play.row)
}

/// How many instances seem to count for themselves.
fn instances(steady: &[Tier], learned: &Learned) -> Option<u32> {
    let times = |tier: &Tier| match learned.requests.get(tier)? {
        Quota::Of(number) => whole_quotas(*number, tier.limits().requests),
        Quota::Endless => None,
    };
    let mut all = steady.iter().chain(learned.requests.keys()).map(times);
    let first = all.next()??;
    all.all(|times| times == Some(first)).then_some(first)
}

/// What a window held.
struct MeasuredWindow {
    requests: u32,
    documented: u32,
    /// Whether no end was seen.
    endless: bool,
    /// How many of these were sent before the burst.
    spent: u32,
    /// The variable of the key.
    key: String,
    /// Whether the run waited for it to begin: what was sent before the run may still count, else.
    was_awaited: bool,
    /// When the quota began to be spent.
    since: Instant,
}

impl MeasuredWindow {
    /// Whether another key got just as many at another time, when nothing that happened to both can be why.
    fn confirms(&self, other: &Self) -> bool {
        let apart = (self.since - other.since).max(other.since - self.since);
        self.key != other.key && self.requests == other.requests && apart > WINDOW
    }
}

/// What a burst tells of the requests of a window, where it tells that.
fn window(burst: &Burst, play: &Play, slides: bool) -> Option<MeasuredWindow> {
    let key = play.keys.get(&burst.key)?;
    let documented = key.documented.requests;
    // Else it met no window of its own.
    let refilled = (burst.admitted() > 0).then(|| play.refilled(burst, documented))?;
    let requests = burst.spent.0 + burst.admitted() - refilled;
    // What a promise brings back there is only what the first requests of the window before had taken.
    if slides && !burst.is_rested() && requests < documented {
        return None;
    }
    // Nor is it a number of its own where somebody over the limit is let in now and then.
    let leaks = burst.leaks(documented) || burst.exceeds_after_refusal(documented);
    if smooths(burst, documented) || burst.is_split() || requests > documented && leaks {
        return None;
    }
    let endless = burst.limited() == 0 && requests >= MOST_QUOTAS * documented;
    // What went wrong when some were under way at once is no quota.
    let trusted = burst.in_flight == 1 || play.silence.is_some();
    let tells = burst.limited() > 0 && !endless || endless && trusted;
    tells.then(|| MeasuredWindow {
        requests,
        documented,
        endless,
        spent: burst.spent.0,
        key: key.variable.clone(),
        was_awaited: burst.fresh != Some(Fresh::Unused),
        since: burst.since,
    })
}

/// Whether a burst was given a part of its quota at once, and the rest of it bit by bit: that is no number of its own.
fn smooths(burst: &Burst, documented: u32) -> bool {
    burst.trickles == Some(true)
        && burst.spent.0 + burst.at_once() < documented
        && burst.spent.0 + burst.admitted() < documented
}

/// Learns which keys have another quota than their tier: every window that was measured with such a key had the same number,
/// which was seen twice or is another tier's, while another key has what its tier has.
fn learn_odd_keys(suite: &Suite, evidence: &mut Evidence) {
    /// What the windows of one key held.
    struct OfKey {
        tier: Tier,
        documented: Limits,
        numbers: Vec<u32>,
    }
    let Evidence { learned, plays, deployment, .. } = evidence;
    learned.requests_of.clear();
    // In a workspace of a mock every case has keys of its own, made for it.
    if deployment.virtual_time || learned.sharing {
        return;
    }
    let mut windows: BTreeMap<&str, OfKey> = BTreeMap::new();
    for play in plays.iter() {
        // Whether a key has its tier's quota also with what it is not on that tier for, is another question.
        if !asks_for_what_is_measured(suite, play) {
            continue;
        }
        let of_neighbours = bursts(&play.seen).filter(|burst| burst.key != OWN && burst.fresh.is_none());
        for burst in measured(play).chain(of_neighbours) {
            let Some(key) = play.keys.get(&burst.key) else { continue };
            let Some(tier) = key.tier else { continue };
            let is_clear = burst.in_flight == 1
                && burst.counted
                && burst.faults.is_empty()
                && burst.faltered() == 0
                && burst.admitted() > 0
                && burst.limited() > 0
                && (!learned.slides || burst.is_rested())
                && !burst.is_split();
            let refilled = play.refilled(burst, key.documented.requests);
            let number = burst.spent.0 + burst.admitted() - refilled;
            // What is known of a neighbour's window is what was sent in it, so it tells what can be no chance.
            let tells = burst.fresh.is_some() || Tier::with_requests(number).is_some();
            if is_clear && tells && burst.batches.iter().all(|batch| *batch <= 1) {
                let of_key = OfKey { tier, documented: key.documented, numbers: Vec::new() };
                windows.entry(&key.variable).or_insert(of_key).numbers.push(number);
            }
        }
    }
    let of_tier = |key: &OfKey| learned.limits_of_tier(Some(key.tier), key.documented).requests;
    let is_like_its_tier = |key: &OfKey| key.numbers.iter().all(|number| *number == of_tier(key));
    let odd = windows.iter().filter_map(|(variable, key)| {
        let number = *key.numbers.first()?;
        let is_sure = key.numbers.iter().all(|other| *other == number)
            && (key.numbers.len() > 1 || Tier::with_requests(number).is_some());
        // Several whole quotas are what several instances grant.
        let of_instances = whole_quotas(number, key.documented.requests).is_some();
        let is_odd = number != of_tier(key) && number != key.documented.requests && !of_instances;
        let beside = windows.values().any(|other| other.tier == key.tier && is_like_its_tier(other));
        (is_sure && is_odd && beside).then(|| ((*variable).to_owned(), number))
    });
    learned.requests_of = odd.collect();
}

/// Whether all bursts of a play send what the limits of their key's tier are measured with.
fn asks_for_what_is_measured(suite: &Suite, play: &Play) -> bool {
    let mut steps = case_of(suite, play).into_iter().flat_map(|case| &case.steps);
    let tier = play.keys.get(OWN).and_then(|own| own.tier);
    steps.all(|step| match (&step.value.action, tier) {
        (Action::Burst(burst), Some(tier)) => {
            let asked = burst.request.as_ref().and_then(|name| suite.requests.get(name.as_str()));
            let scope = asked.and_then(|request| scope_of(&request.value));
            scope.is_none_or(|scope| (scope == Scope::WriteEvents) == (tier == Tier::Ingestion))
        }
        _ => true,
    })
}

/// What a window told of its events: between these numbers lies what it holds, by batches of so many.
#[derive(Clone, Copy)]
struct Events {
    least: u32,
    most: u32,
    batch: u32,
}

impl Events {
    /// What a burst tells of the events of a window, where it tells that. Where quota `refills`, what comes back while it is
    /// spent is no part of it.
    fn of(burst: &Burst, key: &KeyInfo, learned: &Learned, refills: bool) -> Option<Self> {
        let batch = burst.batches.iter().copied().max().unwrap_or_default();
        let limits = learned.limits(&key.variable, key.tier, key.documented);
        let requests_ran_out = burst.spent.0 + burst.admitted() >= key.limits.requests.min(limits.requests);
        let slides = learned.slides && !burst.is_rested();
        if burst.limited() == 0 || burst.admitted() == 0 || batch <= 1 || requests_ran_out || slides {
            return None;
        }
        let (least, most) = burst.told_of_events();
        let documented = key.documented.events?;
        let back = comes_back(documented, burst.to - burst.since);
        let is_refill = refills && least > documented && f64::from(least - documented) <= back;
        (!is_refill).then_some(Self { least, most, batch })
    }

    /// Its number, where it was told to the event.
    fn exact(self) -> Option<u32> {
        (self.least == self.most).then_some(self.least)
    }

    /// Whether it may have held so many.
    fn may_be(self, number: u32) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

/// Learns how many events a window holds, where that is not what is documented, and which keys have another number than their
/// tier; not of tiers whose requests are `smoothed` out, where nobody gets so far.
fn learn_events(evidence: &mut Evidence, smoothed: &BTreeSet<Tier>, split: bool) {
    let Evidence { learned, plays, deployment, .. } = evidence;
    learned.events.clear();
    learned.events_of.clear();
    // Over one connection there is only a part of them.
    if split {
        return;
    }
    let mut tiers: BTreeMap<(Tier, u32), Vec<(&str, Events)>> = BTreeMap::new();
    let refills = plays.iter().any(Play::came_back_in_part);
    for play in plays.iter() {
        for burst in measured(play) {
            let Some(key) = play.keys.get(&burst.key) else { continue };
            let tier = key.tier.filter(|tier| !smoothed.contains(tier));
            let (Some(tier), Some(documented)) = (tier, key.documented.events) else { continue };
            if let Some(events) = Events::of(burst, key, learned, refills) {
                tiers.entry((tier, documented)).or_default().push((&key.variable, events));
            }
        }
    }
    for ((tier, documented), windows) in tiers {
        let all: Vec<Events> = windows.iter().map(|(_, events)| *events).collect();
        if let Some(number) = events_of_tier(&all, documented) {
            learned.events.insert(tier, number);
        }
        // In a workspace of a mock every case has keys of its own, made for it.
        if !(deployment.virtual_time || learned.sharing || learned.slides) {
            let limit = learned.events.get(&tier).copied().unwrap_or(documented);
            learned.events_of.extend(odd_keys_of_events(&windows, limit, documented));
        }
    }
}

/// The number of events that a window holds, where it is not the documented one: one window has told it to the event, another
/// one agrees, and the last one with batches of each size does so but for a batch. If they do not, events are not counted one by
/// one, which is another fault.
fn events_of_tier(windows: &[Events], documented: u32) -> Option<u32> {
    let exact = || windows.iter().filter_map(|events| events.exact());
    // How many windows may have held so many.
    let times = |number: u32| windows.iter().filter(|events| events.may_be(number)).count();
    let told = exact().max_by_key(|told| times(*told))?;
    // Of a batch across the edge a part may count though it is refused, or all of it be accepted: another check says that.
    let largest = windows.iter().map(|events| events.batch).max().unwrap_or_default();
    let agrees = |events: &Events| events.least < told + largest && told < events.most + largest;
    let is_last = |place: usize, size: u32| windows[place + 1..].iter().all(|other| other.batch != size);
    let mut last = windows.iter().enumerate().filter(|(place, events)| is_last(*place, events.batch));
    let is_as_documented = exact().any(|told| told == documented);
    (!is_as_documented && times(told) >= 2 && last.all(|(_, events)| agrees(events))).then_some(told)
}

/// The keys of a tier all of whose windows held another number than those of another key did, which is what its tier has; it was
/// seen twice, and told to the event.
fn odd_keys_of_events(windows: &[(&str, Events)], limit: u32, documented: u32) -> BTreeMap<String, u32> {
    let of_key = |variable: &str| -> Vec<Events> {
        windows.iter().filter(|(other, _)| *other == variable).map(|(_, events)| *events).collect()
    };
    let keys: BTreeSet<&str> = windows.iter().map(|(variable, _)| *variable).collect();
    let holds = |variable: &str, number: u32| of_key(variable).iter().all(|events| events.may_be(number));
    if !keys.iter().any(|key| holds(key, limit)) {
        return BTreeMap::new();
    }
    let odd = keys.iter().filter_map(|key| {
        let number = of_key(key).iter().find_map(|events| events.exact())?;
        let is_odd = number != documented && !of_key(key).iter().any(|events| events.may_be(limit));
        (is_odd && of_key(key).len() > 1 && holds(key, number)).then(|| ((*key).to_owned(), number))
    });
    odd.collect()
}

/// The tier of a key that got exactly its documented requests where many were sent at once: that is no measure of a limit, but
/// somebody else who used the key would have left fewer.
fn had_all_together(burst: &Burst, play: &Play) -> Option<Tier> {
    let key = play.keys.get(&burst.key).filter(|_| burst.fresh.is_some() && burst.together)?;
    let is_whole = burst.spent.0 + burst.admitted() == key.documented.requests && burst.limited() > 0;
    key.tier.filter(|_| is_whole && burst.faults.is_empty())
}

/// The bursts that measured a fresh window, with one request at a time.
fn measured(play: &Play) -> impl Iterator<Item = &Burst> {
    bursts(&play.seen).filter(|burst| {
        burst.fresh.is_some() && !burst.together && burst.faults.is_empty() && burst.faltered() == 0
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run::evidence::Observation;
    use crate::run::instant::Instant;

    #[test]
    fn who_is_answered_otherwise_after_many_401s_is_locked_out() {
        let look = |status: u16, body: &str| Look {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            garbled: false,
            compressed: false,
            alike: 0,
        };
        let looks = [look(401, "no key"), look(403, "denied"), look(500, "fault")];
        let of = |places: &[usize]| {
            let answer = |(number, look): (usize, &usize)| {
                let at = Instant(Duration::from_millis(number as u64));
                let (sent, answered, done) = (at, at, at);
                let status = looks[*look].status;
                let (limited, accepted, promise) = (false, None, None);
                (number, Answer { look: *look, status, limited, accepted, promise, sent, answered, done })
            };
            let answers = places.iter().enumerate().map(answer).collect();
            Lockout::of(&Burst { answers, ..Burst::default() }, &looks)
        };
        let lockout = of(&[vec![0; 20], vec![1; 10]].concat()).unwrap();
        assert!(lockout.is(&looks[1], true) && !lockout.is(&looks[0], false));
        assert!(!lockout.is(&look(403, "another scope"), true) && lockout.is(&look(403, ""), false));
        assert_eq!(of(&[1; 30]), None, "it is the answer to a wrong key");
        assert_eq!(of(&[vec![0; 20], vec![1; 9]].concat()), None, "too few");
        assert_eq!(of(&[vec![0; 20], vec![2], vec![0; 20]].concat()), None, "once");
        let now_and_then = of(&[vec![0; 20], vec![1], vec![0; 20], vec![1], vec![0; 9]].concat()).unwrap();
        assert!(now_and_then.is(&looks[1], false) && !now_and_then.is(&looks[1], true));
    }

    #[test]
    fn who_is_answered_like_every_key_over_its_limit_cannot_be_told_from_it() {
        let look = |body: &str| Look {
            status: 429,
            headers: Vec::new(),
            body: body.to_owned(),
            garbled: false,
            compressed: false,
            alike: 0,
        };
        let lockout = Lockout { status: 429, body: "slow down".to_owned(), lasts: true };
        let limits = Tier::Standard.limits();
        let key =
            KeyInfo { variable: "K".to_owned(), tier: Some(Tier::Standard), limits, documented: limits };
        let told = |admitted: usize, body: &str| {
            let answer = |place: usize| {
                let at = Instant(Duration::from_millis(place as u64));
                let limited = place >= admitted;
                let status = if limited { 429 } else { 200 };
                let (accepted, promise) = (None, None);
                Answer { look: 0, status, limited, accepted, promise, sent: at, answered: at, done: at }
            };
            let answers = (0..admitted + 10).map(|place| (place, answer(place))).collect();
            let burst = Burst { key: OWN.to_owned(), counted: true, answers, ..Burst::default() };
            let play = Play {
                experiment: "used-up".to_owned(),
                row: Vec::new(),
                silence: None,
                keys: [(OWN.to_owned(), key.clone())].into(),
                seen: vec![Observation::Burst(Box::new(burst))],
                requests: 0,
                took: Duration::ZERO,
            };
            is_any_refusal(
                &lockout,
                &Evidence { plays: vec![play], looks: vec![look(body)], ..Evidence::default() },
            )
        };
        assert!(told(60, "slow down"));
        assert!(!told(60, "Retry after 60 seconds."), "a key over its limit is answered otherwise");
        assert!(!told(20, "slow down"), "it was locked out in the middle of its quota");
    }

    /// A window of a key that was waited for.
    fn held(key: &str, requests: u32, second: u64) -> MeasuredWindow {
        MeasuredWindow {
            requests,
            documented: 60,
            endless: false,
            spent: 0,
            key: key.to_owned(),
            was_awaited: true,
            since: Instant(Duration::from_secs(second)),
        }
    }

    #[test]
    fn as_few_of_another_key_at_another_time_are_no_chance() {
        let window = held("ONE", 59, 180);
        assert!(held("TWO", 59, 4).confirms(&window) && held("TWO", 59, 300).confirms(&window));
        assert!(!held("TWO", 58, 4).confirms(&window), "another number");
        assert!(!held("ONE", 59, 4).confirms(&window), "somebody else may use this key at a pace");
        assert!(!held("TWO", 59, 150).confirms(&window), "the same thing may have happened to both");
    }

    #[test]
    fn what_was_sent_before_over_other_connections_may_be_counted_elsewhere() {
        let window = |spent: u32, requests: u32| MeasuredWindow { spent, ..held("ONE", requests, 0) };
        let beside = || window(1, 61);
        assert!(counts_apart(&[beside()], &[window(0, 60)]));
        assert!(!counts_apart(&[beside(), beside()], &[]), "it may be one more");
        assert!(!counts_apart(&[beside()], &[window(0, 61)]), "it is one more");
        assert!(!counts_apart(&[window(1, 60)], &[window(0, 60)]));
    }

    #[test]
    fn what_comes_back_while_events_are_spent_is_no_part_of_a_window() {
        let at = |milliseconds| Instant(Duration::from_millis(milliseconds));
        let answer = |status: u16| Answer {
            look: 0,
            status,
            limited: status == 429,
            accepted: None,
            promise: None,
            sent: at(0),
            answered: at(800),
            done: at(800),
        };
        let burst = Burst {
            answers: vec![(0, answer(200)), (1, answer(429))],
            batches: vec![101_266, 1],
            to: at(800),
            ..Burst::default()
        };
        let limits = Tier::Ingestion.limits();
        let key =
            KeyInfo { variable: "K".to_owned(), tier: Some(Tier::Ingestion), limits, documented: limits };
        let told = |burst: &Burst, refills| {
            Events::of(burst, &key, &Learned::default(), refills).and_then(Events::exact)
        };
        assert_eq!((told(&burst, false), told(&burst, true)), (Some(101_266), None));
        // It is more than comes back in so short a time.
        assert_eq!(told(&Burst { to: at(100), ..burst }, true), Some(101_266));
    }

    #[test]
    fn a_key_is_odd_whose_windows_all_held_another_number_of_events_than_those_of_its_tier() {
        let window = |key, least, most| (key, Events { least, most, batch: 1_000 });
        let exact = |key, number| window(key, number, number);
        let odd = |windows: &[_]| odd_keys_of_events(windows, 100_000, 100_000);
        let right = exact("K", 100_000);
        let half = [right, exact("K_2", 50_000), window("K_2", 49_500, 50_400)];
        assert_eq!(odd(&half), BTreeMap::from([("K_2".to_owned(), 50_000)]));
        assert_eq!(odd(&half[1..]), BTreeMap::new(), "nobody has what the tier has");
        assert_eq!(odd(&half[..2]), BTreeMap::new(), "it was seen once");
        let vague = window("K_2", 49_500, 50_400);
        assert_eq!(odd(&[right, vague, vague]), BTreeMap::new(), "it was not told to the event");
        let differs = [right, exact("K_2", 50_000), exact("K_2", 60_000)];
        assert_eq!(odd(&differs), BTreeMap::new(), "events are not counted one by one");
        assert_eq!(odd(&[right, window("K_2", 99_000, 100_400), exact("K_2", 50_000)]), BTreeMap::new());
    }
}
