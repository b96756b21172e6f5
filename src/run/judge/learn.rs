//! What the checks that own a fact teach about a deployment.

use std::collections::{BTreeMap, BTreeSet};

use super::reading::owns_the_limit;
use crate::contract::{Limits, Tier};
use crate::run::evidence::{Burst, Evidence, Observation, Play};
use crate::run::learned::{MOST_QUOTAS, Quota};
use crate::scenario::Suite;
use crate::scenario::model::Fact;

/// Learns the quotas of tiers, of requests and of events, from the windows that were measured, and tells the tiers whose
/// windows all showed the same: nobody else uses their keys.
pub(crate) fn learn(suite: &Suite, evidence: &mut Evidence) -> Vec<Tier> {
    let mut windows: BTreeMap<Tier, Vec<(u32, bool, u32)>> = BTreeMap::new();
    let mut documented = BTreeMap::new();
    let mut whole_together: BTreeSet<Tier> = BTreeSet::new();
    for play in &evidence.plays {
        let experiment = suite.experiments.iter().find(|experiment| experiment.name == play.experiment);
        let case = experiment.and_then(|some| some.cases.iter().find(|case| case.row == play.row));
        let owned = case.is_some_and(|case| {
            let owns = |reading: &_| owns_the_limit(reading) && reading.learns == Some(Fact::Requests);
            case.readings.iter().any(owns)
        });
        if !owned {
            continue;
        }
        let slides = evidence.learned.slides;
        whole_together.extend(play.seen.iter().filter_map(|seen| had_all_together(seen, play)));
        for burst in play.seen.iter().filter_map(measured) {
            let Some(key) = play.keys.get(&burst.key) else { continue };
            let Some(tier) = key.tier else { continue };
            // It met no window of its own.
            if burst.admitted() == 0 {
                continue;
            }
            let refilled = burst.refilled(key.documented.requests, play);
            let total = burst.spent.0 + burst.admitted() - refilled;
            // What a promise brings back there is only what the first requests of the window before had taken.
            if slides && !burst.is_rested() && total < key.documented.requests {
                continue;
            }
            let endless = burst.limited() == 0 && total >= MOST_QUOTAS * key.documented.requests;
            // What went wrong when some were under way at once is no quota.
            let trusted = burst.in_flight == 1 || play.silence.is_some();
            if burst.limited() > 0 && !endless || endless && trusted {
                documented.insert(tier, key.documented.requests);
                windows.entry(tier).or_default().push((total, endless, burst.spent.0));
            }
        }
    }
    let mut steady = Vec::new();
    evidence.learned.requests.clear();
    for (tier, windows) in windows {
        let documented = documented.get(&tier).copied().unwrap_or_default();
        if windows.iter().any(|(_, endless, _)| *endless) {
            evidence.learned.requests.insert(tier, Quota::Endless);
        } else if let [.., (before, _, spent), (last, ..)] = windows[..]
            // What was sent before may have been counted elsewhere.
            && before.abs_diff(last) <= spent
        {
            steady.push(tier);
            if last != documented {
                evidence.learned.requests.insert(tier, Quota::Of(last));
            }
        } else if matches!(windows[..], [(number, ..)] if number == documented)
            && whole_together.contains(&tier)
        {
            steady.push(tier);
        }
    }
    learn_odd_keys(evidence);
    learn_events(evidence);
    steady
}

/// Learns which keys have another quota than their tier: every window that was measured with such a key had the same number,
/// which was seen twice or is another tier's, while another key has what its tier has.
fn learn_odd_keys(evidence: &mut Evidence) {
    /// What the windows of one key held.
    struct OfKey {
        tier: Tier,
        documented: Limits,
        numbers: Vec<u32>,
    }
    let Evidence { learned, plays, deployment, .. } = evidence;
    learned.requests_of.clear();
    // In a workspace of a mock every case has keys of its own, made for it.
    if deployment.virtual_time || learned.sharing || learned.slides {
        return;
    }
    let mut windows: BTreeMap<&str, OfKey> = BTreeMap::new();
    for play in plays.iter() {
        for burst in play.seen.iter().filter_map(measured) {
            let Some(key) = play.keys.get(&burst.key) else { continue };
            let Some(tier) = key.tier else { continue };
            let is_clear = burst.in_flight == 1 && burst.admitted() > 0 && burst.limited() > 0;
            if is_clear && burst.batches.iter().all(|batch| *batch <= 1) {
                let refilled = burst.refilled(key.documented.requests, play);
                let of_key = OfKey { tier, documented: key.documented, numbers: Vec::new() };
                let of_key = windows.entry(&key.variable).or_insert(of_key);
                of_key.numbers.push(burst.spent.0 + burst.admitted() - refilled);
            }
        }
    }
    let of_tier = |key: &OfKey| learned.limits_of_tier(Some(key.tier), key.documented).requests;
    let is_like_its_tier = |key: &OfKey| key.numbers.iter().all(|number| *number == of_tier(key));
    let is_of_another_tier = |number: u32| Tier::ALL.iter().any(|tier| tier.limits().requests == number);
    let odd = windows.iter().filter_map(|(variable, key)| {
        let number = *key.numbers.first()?;
        let is_sure = key.numbers.iter().all(|other| *other == number)
            && (key.numbers.len() > 1 || is_of_another_tier(number));
        let is_odd = number != of_tier(key) && number != key.documented.requests;
        let beside = windows.values().any(|other| other.tier == key.tier && is_like_its_tier(other));
        (is_sure && is_odd && beside).then(|| ((*variable).to_owned(), number))
    });
    learned.requests_of = odd.collect();
}

/// Learns how many events a window holds, where that is not what is documented: one window has told it to the event, and the
/// last one with batches of each size agrees. If they do not, events are not counted one by one, which is another fault.
fn learn_events(evidence: &mut Evidence) {
    /// Within these numbers lies what a window holds, by batches of so many events.
    type Window = (u32, u32, u32);
    let mut windows: BTreeMap<(Tier, u32), Vec<Window>> = BTreeMap::new();
    for play in &evidence.plays {
        for burst in play.seen.iter().filter_map(measured) {
            let Some(key) = play.keys.get(&burst.key) else { continue };
            let (Some(tier), Some(documented)) = (key.tier, key.documented.events) else { continue };
            let batch = burst.batches.iter().copied().max().unwrap_or_default();
            let learned = evidence.learned.limits(&key.variable, key.tier, key.documented);
            let requests = key.limits.requests.min(learned.requests);
            let requests_ran_out = burst.spent.0 + burst.admitted() >= requests;
            let slides = evidence.learned.slides && !burst.is_rested();
            if burst.limited() == 0 || burst.admitted() == 0 || batch <= 1 || requests_ran_out || slides {
                continue;
            }
            let (least, most) = burst.told_of_events();
            windows.entry((tier, documented)).or_default().push((least, most, batch));
        }
    }
    evidence.learned.events.clear();
    for ((tier, documented), windows) in windows {
        let exact = windows.iter().rev().find(|(least, most, _)| least == most);
        let Some((told, ..)) = exact else { continue };
        let agrees = |window: &Window| (window.0..=window.1).contains(told);
        let is_last = |place: usize, size: u32| windows[place + 1..].iter().all(|other| other.2 != size);
        let mut last = windows.iter().enumerate().filter(|(place, window)| is_last(*place, window.2));
        let is_seen_twice = windows.iter().filter(|window| agrees(window)).count() >= 2;
        if *told != documented && is_seen_twice && last.all(|(_, window)| agrees(window)) {
            evidence.learned.events.insert(tier, *told);
        }
    }
}

/// The tier of a key that got exactly its documented requests where many were sent at once: that is no measure of a limit, but
/// somebody else who used the key would have left fewer.
fn had_all_together(seen: &Observation, play: &Play) -> Option<Tier> {
    let Observation::Burst(burst) = seen else { return None };
    let key = play.keys.get(&burst.key).filter(|_| burst.fresh.is_some() && burst.together)?;
    let is_whole = burst.spent.0 + burst.admitted() == key.documented.requests && burst.limited() > 0;
    key.tier.filter(|_| is_whole && burst.faults.is_empty())
}

/// A burst that measured a fresh window's requests, one at a time.
fn measured(seen: &Observation) -> Option<&Burst> {
    match seen {
        Observation::Burst(burst) if burst.fresh.is_some() && !burst.together => {
            Some(&**burst).filter(|burst| burst.faults.is_empty() && burst.faltered() == 0)
        }
        _ => None,
    }
}
