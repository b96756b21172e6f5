//! Whether a burst met a fresh window, and what is missing of one.

use std::time::Duration;

use super::context::Context;
use super::isolation::{had_used_them_up, used_by_another};
use super::ruling::{Lack, Ruling};
use crate::run::evidence::{Burst, Fresh, KeyInfo, Play, bursts};
use crate::run::finding::Finding;
use crate::run::limiters::{SHORT_SILENCE, Suspicion, WINDOW};
use crate::scenario::model::Fact;

/// A burst that took so long cannot be told from one that met a reset.
pub(super) const TOO_LONG: Duration = Duration::from_secs(WINDOW.as_secs() - 1);

/// What is to be said of events that no time brings back.
pub(super) const FOR_GOOD: &str = "the events of a window are used up for good";

/// Whether a burst that is refused as a whole can have met no fresh window only. Batches may be refused for their size, unless
/// single events are, too; and bad keys may have used the window up, unless others met none either.
pub(super) fn nothing_else_refuses(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> bool {
    let bad_keys_in = |play: &Play| bursts(&play.seen).any(|burst| !burst.counted);
    let of_tier =
        |play: &Play, burst: &Burst| play.keys.get(&burst.key).is_some_and(|other| other.tier == key.tier);
    // A promise that is not kept says nothing of a window that is known by silence.
    let is_alike = |other: &Burst| burst.was_promised() || !other.was_promised();
    let met_none = |play: &Play| {
        bursts(&play.seen).any(|other| of_tier(play, other) && is_alike(other) && other.met_no_window())
    };
    if burst.counts_events() && burst.smallest_refused() != Some(1) {
        return false;
    }
    let mut others = context.evidence.plays.iter().filter(|play| !bad_keys_in(play));
    !bad_keys_in(context.play) || others.any(met_none)
}

/// Makes sure that a window was one: that a burst at its beginning was admitted something, also where nothing is expected
/// of it; else what follows would be seen in the middle of another one. The check that owns recovery fails where the burst is
/// the one that is read, though a promise was to begin the window.
pub(super) fn window(context: &Context<'_>, burst: &Burst, key: &KeyInfo, is_read: bool) -> Ruling {
    let came_too_soon = burst.came_too_soon();
    if !burst.met_no_window() && !came_too_soon {
        return Ruling::Held;
    }
    let limit = context.limits(key).requests;
    let finding = Finding {
        what: format!("nothing was admitted when {} should have had a fresh window", key.variable),
        expected: "some requests admitted".to_owned(),
        actual: format!("limited: {}", burst.limited()),
    };
    let suspicion = too_few(context, burst, key, limit);
    let owns = context.reading.learns == Some(Fact::Recovery);
    if owns && is_read && burst.counts_events() && nowhere_come_back(context, burst, key) {
        let what = FOR_GOOD.to_owned();
        return Ruling::Broken(vec![context.failure_of_burst(Finding { what, ..finding }, burst)]);
    }
    if came_too_soon || burst.was_promised() && !(owns && is_read) {
        let why = format!("the promise to {} was not kept", key.variable);
        return Ruling::MetNoWindow(suspicion, Lack::Promise, why);
    }
    if !owns {
        return Ruling::MetNoWindow(suspicion, Lack::Recovery, finding.what);
    }
    Ruling::Suspect(suspicion, vec![context.failure_of_burst(finding, burst)])
}

/// Whether a window of another case held no events either, each of a key that had used up its own before and been silent for long
/// enough, while no other key had used them.
pub(super) fn nowhere_come_back(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> bool {
    let is_its_own_doing = |burst: &Burst, used: &KeyInfo| {
        used.documented.events.is_some_and(|events| {
            had_used_them_up(context, burst, used, events)
                && used_by_another(context, burst, used, events).is_none()
        })
    };
    let plays = context.evidence.plays.iter().filter(|play| play.experiment != context.play.experiment);
    let mut windows =
        plays.flat_map(|play| bursts(&play.seen).map(|burst| (burst, play.keys.get(&burst.key))));
    is_its_own_doing(burst, key)
        && windows.any(|(burst, used)| {
            let is_none = burst.counts_events() && burst.met_no_window() && burst.silence >= SHORT_SILENCE;
            used.is_some_and(|used| is_none && used.tier == key.tier && is_its_own_doing(burst, used))
        })
}

pub(super) fn too_few(context: &Context<'_>, burst: &Burst, key: &KeyInfo, missing: u32) -> Suspicion {
    // What comes back while the quota is spent makes it another number each time.
    let back = if burst.trickles == Some(true) {
        burst.back_before_refusal(context.limits(key).requests)
    } else {
        0
    };
    // What a log still remembered of the minute before may be all that is missing, however long was promised.
    let is_clear = missing > burst.remembered || burst.counts_events();
    Suspicion::TooFew {
        missing,
        spent: burst.spent.0 + back,
        silence: if is_clear { burst.silence } else { Duration::ZERO },
        promised: burst.was_promised() && is_clear,
        next: burst.fresh == Some(Fresh::Next),
        trickles: burst.trickles,
        private: burst.private || context.is_steady(key.tier),
        none: burst.met_no_window(),
    }
}

/// What a burst at the beginning of a window shows of the key's quota of requests, whoever reads it.
pub(super) fn suspicion_of(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> Option<Suspicion> {
    if burst.fresh.is_none() || burst.together || burst.limited() == 0 || !burst.faults.is_empty() {
        return None;
    }
    // What goes wrong where some are under way at once says nothing of the quota.
    if burst.in_flight > 1 {
        return None;
    }
    let limit = context.limits(key).requests;
    let total = burst.spent.0 + burst.admitted();
    if burst.counts_events() || total == limit {
        return None;
    }
    Some(if total > limit {
        Suspicion::TooMany { admitted: total, limit, span: (burst.since, burst.to) }
    } else {
        too_few(context, burst, key, limit.saturating_sub(burst.spent.0 + burst.at_once()))
    })
}
