//! What a key gets beside another one: a quota of its own, or what the other one left of theirs.

use super::context::Context;
use super::ruling::{Lack, Ruling};
use crate::contract::Tier;
use crate::run::environment::OWN;
use crate::run::evidence::{Burst, KeyInfo, Observation, bursts};
use crate::run::finding::Finding;
use crate::run::limiters::{SHORT_SILENCE, WINDOW};
use crate::scenario::model::Fact;

/// Whether the check is about keys that share a quota.
fn is_about_sharing(context: &Context<'_>) -> bool {
    let cases = context.suite.experiments.iter().flat_map(|experiment| &experiment.cases);
    let mut readings = cases.flat_map(|case| &case.readings);
    readings.any(|reading| reading.check == context.reading.check && reading.learns == Some(Fact::Sharing))
}

/// What a check that is about keys which share a quota comes to where a number tells less than what another key had.
pub(super) fn beside_another(
    context: &Context<'_>,
    burst: &Burst,
    key: &KeyInfo,
    (admitted, limited): (u32, u32),
) -> Option<Ruling> {
    if !is_about_sharing(context) {
        return None;
    }
    if burst.had_as_much_as_any(bursts(&context.play.seen)) {
        return Some(Ruling::Held);
    }
    let tier = Tier::with_requests(burst.spent.0 + admitted);
    let tier = tier.filter(|tier| Some(*tier) != key.tier && limited > 0)?;
    let why = format!("{} has the quota of another tier, {tier}", key.variable);
    Some(Ruling::Lacking(Lack::RequestLimit, why))
}

/// Whether a burst of a further key, which had hardly been used, came right after another key had a quota of `limit`, where keys
/// are known to share one.
pub(super) fn shares_with_another(context: &Context<'_>, burst: &Burst, limit: u32) -> bool {
    let had_it =
        |other: &Burst| other.key != burst.key && other.from < burst.from && other.admitted() >= limit / 2;
    let hardly_used = burst.spent.0.max(burst.remembered) < limit / 4;
    let knows = context.evidence.learned.sharing && burst.key != OWN && hardly_used;
    knows && bursts(&context.play.seen).any(had_it)
}

/// The bursts before this one that were given half of the documented events at least, with their keys.
fn used_up_before<'a>(
    context: &Context<'a>,
    burst: &'a Burst,
    documented: u32,
) -> impl Iterator<Item = (&'a Burst, &'a KeyInfo)> {
    let all =
        context.evidence.plays.iter().flat_map(|play| {
            bursts(&play.seen).filter_map(|burst| Some((burst, play.keys.get(&burst.key)?)))
        });
    all.filter(move |(other, _)| other.from < burst.from && other.accepted() >= documented / 2)
}

/// Whether a key had used up its events before this burst.
pub(super) fn had_used_them_up(context: &Context<'_>, burst: &Burst, key: &KeyInfo, documented: u32) -> bool {
    used_up_before(context, burst, documented).any(|(_, used)| used.variable == key.variable)
}

/// Whether a key was used up in an earlier play.
fn was_used_up(context: &Context<'_>, key: &KeyInfo) -> bool {
    let mut before = context.evidence.plays.iter().take_while(|play| !std::ptr::eq(*play, context.play));
    before.any(|play| {
        let mut names = play.keys.iter().filter(|(_, used)| used.variable == key.variable);
        names.any(|(name, _)| {
            play.seen.iter().any(|seen| match seen {
                Observation::Burst(burst) => burst.key == *name && burst.limited() > 0,
                Observation::UsedUp(_) => name == OWN,
                _ => false,
            })
        })
    })
}

/// Whether some key that had used up its requests before this burst was given some again: else it may be what this key did that
/// lasts.
fn recovers(context: &Context<'_>, burst: &Burst) -> bool {
    let plays = context.evidence.plays.iter();
    let all = plays.flat_map(|play| {
        let of_requests = bursts(&play.seen).filter(|burst| burst.counted && !burst.counts_events());
        of_requests.filter_map(|burst| Some((burst, &play.keys.get(&burst.key)?.variable)))
    });
    let all: Vec<(&Burst, &String)> = all.filter(|(other, _)| other.from < burst.from).collect();
    all.iter().any(|(later, key)| {
        let had_used_up = |(earlier, other): &(&Burst, &String)| {
            other == key && earlier.limited() > 0 && later.from - earlier.to >= WINDOW / 2
        };
        later.admitted() > 0 && all.iter().any(had_used_up)
    })
}

/// Another key of the tier that used events up in the minute before this burst, in batches as large as those refused here.
pub(super) fn used_by_another<'a>(
    context: &Context<'a>,
    burst: &'a Burst,
    key: &KeyInfo,
    documented: u32,
) -> Option<&'a KeyInfo> {
    let smallest = burst.smallest_refused().unwrap_or(1);
    let is_recent =
        |other: &Burst| burst.from - other.to < WINDOW && other.batches.iter().any(|one| *one >= smallest);
    let is_another = |used: &KeyInfo| used.variable != key.variable && used.tier == key.tier;
    let mut used = used_up_before(context, burst, documented);
    used.find(|(other, used)| is_another(used) && is_recent(other)).map(|(_, used)| used)
}

/// Makes sure that a key which had been silent, and had not used up its events before, was not refused them right after another
/// key used up those of a window: keys that share them are named by the check that owns that.
pub(super) fn taken_by_another(context: &Context<'_>, burst: &Burst, key: &KeyInfo) -> Ruling {
    const MANY: u32 = 10;
    let is_none = burst.counts_events() && burst.counted && burst.admitted() == 0 && burst.limited() >= MANY;
    let Some(documented) = key.documented.events.filter(|_| is_none && burst.silence >= SHORT_SILENCE) else {
        return Ruling::Held;
    };
    let is_its_own_doing = had_used_them_up(context, burst, key, documented)
        || was_used_up(context, key) && !recovers(context, burst);
    let Some(another) = used_by_another(context, burst, key, documented).filter(|_| !is_its_own_doing) else {
        return Ruling::Held;
    };
    let what =
        format!("{} gets no events after {} used up those of a window", key.variable, another.variable);
    if context.reading.learns != Some(Fact::EventsSharing) {
        return Ruling::Lacking(Lack::OwnEvents, what);
    }
    let (expected, actual) =
        ("events of its own for each key".to_owned(), format!("limited: {}", burst.limited()));
    Ruling::Broken(vec![context.failure_of_burst(Finding { what, expected, actual }, burst)])
}
