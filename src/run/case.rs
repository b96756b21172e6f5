//! What a case is about, as far as its steps and the checks that read them tell.

use super::credentials::counts_against_key;
use crate::contract::Tier;
use crate::deployment::{Role, welcome};
use crate::scenario::model::{Action, Case, Fact, Item};

/// The tier of whose keys this case finds out if they share a quota. A key of no certain tier counts as Standard.
pub(crate) fn learns_sharing(case: &Case) -> Option<Tier> {
    let learns = case.readings.iter().any(|reading| reading.learns == Some(Fact::Sharing));
    let role = case.key.as_ref().and_then(|role| Role::from_name(role));
    learns.then(|| role.and_then(Role::tier).unwrap_or(Tier::Standard))
}

/// Whether a case counts events.
pub(crate) fn counts_events(case: &Case) -> bool {
    case.steps.iter().any(|step| matches!(&step.action, Action::Burst(burst) if burst.events.is_some()))
}

/// Whether a case measures out requests: where it counts events, what holds of requests does not matter.
pub(crate) fn counts_requests(case: &Case) -> bool {
    let of_requests = |action: &Action| matches!(action, Action::Burst(burst) if burst.count.is_some());
    !counts_events(case) || case.steps.iter().any(|step| of_requests(&step.action))
}

/// Whether a case needs no room in the quota before it begins: because it uses its keys up, finds a fresh window of
/// theirs, begins with a burst whatever is left, or looks back on others and takes whatever is answered.
pub(crate) fn needs_no_room(case: &Case) -> bool {
    let first = case.steps.first().map(|step| &step.action);
    matches!(first, Some(Action::Exhaust(_) | Action::Wait(_) | Action::Burst(_))) || looks_back(case)
}

pub(super) fn looks_back(case: &Case) -> bool {
    case.readings.iter().flat_map(|reading| &reading.items).any(|item| item.steps.is_empty())
}

/// Whether a check reads here what comes of asking often without a key that exists.
pub(crate) fn is_about_lockouts(case: &Case) -> bool {
    let is_often = |place: &usize| match case.steps.get(*place).map(|step| &step.value.action) {
        Some(Action::Burst(burst)) => !counts_against_key(burst.credentials.as_ref()),
        _ => false,
    };
    let mut read = case.readings.iter().flat_map(|reading| &reading.items).flat_map(|item| &item.steps);
    read.any(is_often)
}

/// Whether all this case asks is that a key, sent as it should be, is let in.
pub(crate) fn is_about_being_let_in(case: &Case) -> bool {
    let own_key = |action: &Action| {
        let Action::Send(send) = action else { return false };
        send.credentials.as_ref().is_none_or(|credentials| credentials.spelled.is_some())
    };
    let let_in = |item: &Item| {
        let expected = item.expect.as_ref().map_or(item.given.as_ref(), |expect| expect.status.as_ref());
        expected.is_some_and(|status| status.contains(200))
    };
    let mut items = case.readings.iter().flat_map(|reading| &reading.items);
    case.steps.iter().all(|step| own_key(&step.action)) && items.all(let_in)
}

/// Whether this case is about how the header's name is spelled.
pub(crate) fn spells_the_header(case: &Case) -> bool {
    case.steps.iter().any(|step| match &step.action {
        Action::Send(send) => {
            send.credentials.as_ref().is_some_and(|credentials| credentials.spelled.is_some())
        }
        _ => false,
    })
}

/// What a case uses up before it does anything else, where it begins like that.
pub(super) fn first_exhaustion(case: &Case) -> Option<String> {
    let Action::Exhaust(exhaust) = &case.steps.first()?.action else { return None };
    let role = case.key.as_ref().map_or("", |role| role.as_str());
    let request = exhaust.request.as_ref().map_or("", |request| request.as_str());
    Some(format!("exhaust {role} {request}"))
}

/// How many requests the case sends that count against the quota of one of its keys, as far as it shares them.
pub(super) fn counted(case: &Case) -> u32 {
    let counts = case.steps.iter().filter(|step| match &step.action {
        Action::Send(send) => counts_against_key(send.credentials.as_ref()),
        Action::FindSession(_) => true,
        _ => false,
    });
    u32::try_from(counts.count()).unwrap_or(u32::MAX).saturating_add(2)
}

/// Why bursts do not go to this host, if they do not.
pub(crate) fn no_bursts(host: &str, loopback: bool, allowed_hosts: &[String]) -> Option<String> {
    let welcome = welcome(|| "its bursts".to_owned(), (host.to_owned(), loopback), allowed_hosts);
    welcome.err().map(|why| why.to_string())
}

/// How many steps of a case these checks need.
pub(crate) fn steps_needed(case: &Case, selected: &[usize]) -> usize {
    let readings = case.readings.iter().filter(|reading| selected.contains(&reading.check));
    let items = readings.flat_map(|reading| &reading.items);
    // What looks back on the run needs all there is to look back on.
    items.map(|item| item.steps.iter().max().map_or(case.steps.len(), |last| last + 1)).max().unwrap_or(0)
}
