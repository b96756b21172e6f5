//! What the checks that own a fact teach about a deployment.

use std::collections::BTreeMap;

use super::reading::owns_the_limit;
use crate::contract::Tier;
use crate::run::evidence::{Burst, Evidence, Observation};
use crate::run::learned::{MOST_QUOTAS, Quota};
use crate::scenario::Suite;
use crate::scenario::model::Fact;

/// Learns the quotas of tiers, of requests and of events, from the windows that were measured, and tells the tiers whose
/// windows all showed the same: nobody else uses their keys.
pub(crate) fn learn(suite: &Suite, evidence: &mut Evidence) -> Vec<Tier> {
    let mut windows: BTreeMap<Tier, Vec<(u32, bool, u32)>> = BTreeMap::new();
    let mut documented = BTreeMap::new();
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
        }
    }
    learn_events(evidence);
    steady
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
            let requests_ran_out = burst.spent.0 + burst.admitted() >= key.limits.requests;
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

/// A burst that measured a fresh window's requests, one at a time.
fn measured(seen: &Observation) -> Option<&Burst> {
    match seen {
        Observation::Burst(burst) if burst.fresh.is_some() && !burst.together => {
            Some(&**burst).filter(|burst| burst.faults.is_empty() && burst.faltered() == 0)
        }
        _ => None,
    }
}
