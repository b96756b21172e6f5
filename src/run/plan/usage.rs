//! What a case does to its keys, as far as others are concerned.

use crate::run::credentials::counts_against_key;
use crate::scenario::model::{Case, Step};

/// What a case does to its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// It sends a few requests, beside those of others.
    Shares,
    /// It uses a key up and looks at the 429s.
    UsesUp,
    /// It waits for windows, and must not be disturbed.
    Waits,
}

/// How a case uses its keys.
pub(crate) fn usage(case: &Case) -> Use {
    case.steps.iter().map(|step| usage_of(step)).max().unwrap_or(Use::Shares)
}

fn usage_of(step: &Step) -> Use {
    // Taken apart without `..`, so that a new action cannot be left out here.
    let Step {
        send: _,
        burst,
        pace,
        poll,
        fingerprint,
        align,
        exhaust,
        wait,
        revoke: _,
        find_session: _,
        review: _,
        expect: _,
        observe: _,
        given: _,
    } = step;
    let watches = poll.is_some() || fingerprint.is_some();
    // A burst without the key spends nothing of what others count.
    let counts = burst.as_ref().is_some_and(|burst| counts_against_key(burst.credentials.as_ref()));
    if counts || pace.is_some() || watches || align.is_some() || wait.is_some() {
        Use::Waits
    } else if exhaust.is_some() {
        Use::UsesUp
    } else {
        Use::Shares
    }
}

/// How many requests the case sends that count against the quota of one of its keys, as far as it shares them.
pub(crate) fn counted(case: &Case) -> u32 {
    let sends = case
        .steps
        .iter()
        .filter_map(|step| step.send.as_ref())
        .filter(|send| counts_against_key(send.credentials.as_ref()));
    let looks = case.steps.iter().filter(|step| step.find_session.is_some());
    // Two for the positive control.
    u32::try_from(sends.count() + looks.count()).unwrap_or(u32::MAX).saturating_add(2)
}
