//! The steps of the scenario language, one file each: which key a step uses and how, what it costs, how it is done, and the
//! evidence it leaves.

mod burst;
mod burst_end;
mod exhaust;
mod fingerprint;
mod listed;
mod pace;
mod poll;
pub(super) mod revoke;
mod send;
mod wait;

use super::environment::OWN;
use super::walk::Walk;
use crate::scenario::model::Action;
use crate::yaml::Spanned;

/// A key and a request, by the names a case has for them.
type Names<'a> = (&'a Option<Spanned<String>>, &'a Option<Spanned<String>>);

/// What a case does to its keys, as far as others are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// It sends a few requests, beside those of others.
    Shares,
    /// It uses a key up and looks at the refusals.
    UsesUp,
    /// It waits for windows, and must not be disturbed.
    Waits,
}

/// What is known of a step before it is done.
pub(super) trait Step {
    /// The key and the request that it names, either of which it may leave out; none where it sends nothing.
    fn names(&self) -> Option<Names<'_>> {
        None
    }

    /// The name of the key it sends with; none where it sends nothing.
    fn key(&self) -> Option<&str> {
        self.names().map(|(key, _)| key.as_ref().map_or(OWN, |name| name.as_str()))
    }

    /// The request it names.
    fn request(&self) -> Option<&str> {
        self.names()?.1.as_ref().map(|name| name.as_str())
    }

    /// How it uses its key, as far as others are concerned.
    fn usage(&self) -> Use;

    /// Whether it counts what the key may do; otherwise it sends a few requests.
    fn counts(&self) -> bool {
        true
    }

    /// Whether it sends so many requests that its host has to welcome them.
    fn sends_many(&self) -> bool {
        false
    }

    /// Does it on paper.
    fn cost(&self, walk: &mut Walk<'_>);
}

/// What is known of a step before it is done.
pub(super) fn of(action: &Action) -> &dyn Step {
    match action {
        Action::Send(step) => step,
        Action::Burst(step) => step,
        Action::Pace(step) => step,
        Action::Poll(step) => step,
        Action::Exhaust(step) => step,
        Action::Fingerprint(step) => step,
        Action::Wait(step) => step,
        Action::Revoke(step) => step,
        Action::FindSession(step) => step,
    }
}
