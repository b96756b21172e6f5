//! How requests and events are counted.

use crate::answer::Answer;
use crate::limiter::{Algorithm, MINUTE};
use crate::quirk::Quirk::*;
use crate::server::Ask;
use crate::site::{Counters, Key, Site};

use super::{Place, READ, WRITE};

/// After how many requests a server that counts late brings its counters together: no limit is a multiple of it.
const GATHERED: usize = 16;

/// Requests and events a minute.
fn limits(site: &Site, key: &Key) -> (u32, Option<u32>) {
    match (key.has(WRITE) && !site.is(PlanDecides), key.premium) {
        (true, _) => (1_000, Some(100_000)),
        (false, true) => (300, None),
        (false, false) => (60, None),
    }
}

/// What a request is counted for.
fn counter(site: &Site, ask: &Ask, key: &Key) -> String {
    let owner = if site.is(SharedByOwner) {
        "everybody".to_owned()
    } else if site.is(SharedByScopes) {
        key.scopes.join(" ")
    } else {
        key.id.clone()
    };
    let forwarded = ask.headers.get("x-forwarded-for").map(|value| format!("{value:?}"));
    match (site.is(CountedByPath), forwarded.filter(|_| site.is(CountedByForwardedFor))) {
        (true, _) => format!("{owner} {}", ask.path),
        (_, Some(forwarded)) => format!("{owner} {forwarded}"),
        _ => owner,
    }
}

fn is_free(site: &Site, ask: &Ask) -> bool {
    let first = site.met.lock().unwrap().insert(ask.connection);
    (site.is(OnlyGetIsLimited) && ask.method != "GET")
        || (site.is(QueriesAreFree) && !ask.query.is_empty())
        || (site.is(FirstOfConnectionIsFree) && first)
}

/// What a batch costs.
fn cost(site: &Site, events: u32) -> u32 {
    match events {
        1 if site.is(SinglesAreFree) => 0,
        _ if site.is(HalfCounted) => events.min(500),
        _ if site.is(ThousandsDown) => events / 1_000 * 1_000,
        _ if site.is(ThousandsUp) => events.div_ceil(1_000) * 1_000,
        _ => events,
    }
}

/// Counts a request with so many events, or refuses it.
pub(super) fn count(
    site: &Site,
    ask: &Ask,
    key: &Key,
    place: Place,
    events: u32,
    now: u64,
) -> Result<(), Answer> {
    if is_free(site, ask) {
        return Ok(());
    }
    let (mut most, most_events) = limits(site, key);
    let mut how = site.nature.how;
    let mut window = MINUTE;
    if site.is(TwoMinutes) {
        (most, window) = (most * 2, MINUTE * 2);
    }
    let mut all = site.counters.lock().unwrap();
    let counters = all.entry(counter(site, ask, key)).or_default();
    if site.is(ReadsRefillEvents) && place.scope() == READ {
        counters.events.clear();
    }
    let silent_since = std::mem::replace(&mut counters.asked, now);
    if site.is(ForgetsTheSilent) && now > silent_since + 10_000 {
        counters.requests.clear();
    }
    if site.is(UnusedIsSaved) {
        counters.requests.save(now, most);
    }
    if site.is(Bucket) {
        // Each request is forgotten after as many seconds as it takes to fill the bucket with one.
        (window, how) = (MINUTE, Algorithm::Log);
        refill(counters, now, most);
    }
    if site.is(WeighsTheWrongWay) {
        how = Algorithm::WeighedWrongly;
    }
    counters.turn += 1;
    if site.is(RefusedNowAndThen) && counters.turn.is_multiple_of(13) {
        return Err(Answer::limited(1));
    }
    gather(site, counters);
    let cost = cost(site, events);
    let room = counters.requests.fits(now, 1, most, window, how);
    let room_for_events = match most_events.filter(|_| cost > 0) {
        None => Ok(()),
        Some(limit) if site.is(LastBatchFits) => counters.events.fits(now, 1, limit, window, how),
        Some(limit) => counters.events.fits(now, cost, limit, window, how),
    };
    let waits = [room, room_for_events].map(Result::err);
    let Some(wait) = waits.into_iter().flatten().max() else {
        if site.is(CountedLater) {
            counters.pending.push(now);
        } else {
            counters.requests.take(now, 1);
        }
        counters.events.take(now, cost);
        return Ok(());
    };
    let wait = match (site.is(WaitForRequests), waits[0]) {
        (true, for_requests) => for_requests.unwrap_or(0),
        (false, _) if site.is(Bucket) => MINUTE / u64::from(most),
        _ => wait,
    };
    if site.is(RefusalRefills) {
        counters.requests.clear();
    }
    Err(refusal(site, counters, wait, now))
}

fn refusal(site: &Site, counters: &mut Counters, wait: u64, now: u64) -> Answer {
    let seconds = match () {
        () if site.is(TenSecondsEarly) => wait.div_ceil(1_000).saturating_sub(10).max(1),
        () if site.is(AlwaysHalf) => 30,
        () if site.is(Age) => {
            counters.requests.oldest().map_or(1, |oldest| ((now - oldest) / 1_000).clamp(1, 60))
        }
        () if site.is(WaitForRequests) => wait.div_ceil(1_000),
        () if site.is(Constant60) => 60,
        () if site.is(ZeroAtTheEnd) && wait <= 1_000 => 0,
        () => wait.div_ceil(1_000).max(1),
    };
    let mut answer = Answer::limited(seconds);
    if site.is(MessageSays60) {
        let body = String::from_utf8_lossy(&answer.body);
        answer.body = body.replace(&format!("after {seconds} "), "after 60 ").into();
    }
    if site.is(FirstRefusalTells) {
        let window = counters.requests.oldest();
        if counters.told == window {
            answer.without("retry-after");
        }
        counters.told = window;
    }
    answer
}

/// Brings in what was counted aside.
fn gather(site: &Site, counters: &mut Counters) {
    if site.is(CountedLater) && counters.pending.len() >= GATHERED {
        let pending: Vec<u64> = counters.pending.drain(..).collect();
        pending.into_iter().for_each(|at| counters.requests.take(at, 1));
    }
}

/// Gives back what a bucket gained since the last look.
fn refill(counters: &mut Counters, now: u64, most: u32) {
    let one = MINUTE / u64::from(most);
    let gained = (now.saturating_sub(counters.gathered)) / one;
    counters.gathered += gained * one;
    for _ in 0..gained.min(u64::from(most)) {
        counters.requests.give_back_one();
    }
}
