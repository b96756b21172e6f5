//! What a reading may look at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::Rules;
use super::learn::Taught;
use super::ruling::Ruling;
use crate::contract::{Limits, Tier};
use crate::report::{Failure, Way};
use crate::run::evidence::{Answer, Burst, Evidence, KeyInfo, Look, Observation, Play};
use crate::run::finding::Finding;
use crate::run::limiters::Suspicion;
use crate::scenario::Suite;
use crate::scenario::model::{Case, Fact, Reading, told_row};

/// Bodies that should be the same, by the check and the name it gave them.
pub(super) type FirstBodies = BTreeMap<(usize, String), (u16, u32, Value)>;

/// What a reading may look at.
pub(super) struct Context<'a> {
    pub(super) suite: &'a Suite,
    pub(super) evidence: &'a Evidence,
    pub(super) case: &'a Case,
    pub(super) reading: &'a Reading,
    pub(super) play: &'a Play,
    /// What was learned of the deployment as a whole.
    pub(super) taught: &'a Taught,
    /// Whether this check names the limit of its tier.
    pub(super) owns_the_limit: bool,
    /// Whether an earlier play left a doubt.
    pub(super) again: bool,
    /// The line that is read, and the row of the step's own table.
    pub(super) at: (u32, &'a str),
}

impl<'a> Context<'a> {
    /// What holds for a key: the documented limits where they are what is judged, elsewhere what was measured.
    pub(super) fn limits(&self, key: &KeyInfo) -> Limits {
        let measured = self.evidence.learned.limits(&key.variable, key.tier, key.documented);
        match self.reading.learns {
            Some(Fact::Requests) => key.documented,
            Some(Fact::Events) => Limits { events: key.documented.events, ..measured },
            _ => measured,
        }
    }

    /// Whether the requests of a key's tier have no end.
    pub(super) fn is_endless(&self, key: &KeyInfo) -> bool {
        self.evidence.learned.is_endless(key.tier)
    }

    /// Whether nobody else uses the keys of this tier.
    pub(super) fn is_steady(&self, tier: Option<Tier>) -> bool {
        tier.is_some_and(|tier| self.taught.steady.contains(&tier))
    }

    /// Whether an answer is the one to whoever asked too often without a key that exists; `counted`, where a key was sent.
    pub(super) fn is_locked_out(&self, answer: &Answer, counted: bool) -> bool {
        self.taught.lockout.as_ref().is_some_and(|lockout| lockout.is(self.look(answer.look), counted))
    }

    /// How an answer looked.
    pub(super) fn look(&self, place: usize) -> &'a Look {
        &self.evidence.looks[place]
    }

    /// A suspicion where it is the first of its kind; a proof where an earlier play left a doubt already.
    pub(super) fn at_first(&self, suspicion: Suspicion, failures: Vec<Failure>) -> Ruling {
        if self.again { Ruling::Broken(failures) } else { Ruling::Suspect(suspicion, failures) }
    }

    /// A failure at the place that is read.
    pub(super) fn failure(&self, finding: Finding) -> Failure {
        let parts = [told_row(&self.case.row), self.at.1.to_owned()];
        Failure {
            case: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
            what: finding.what,
            expected: finding.expected,
            actual: finding.actual,
            line: self.at.0,
            facts: Vec::new(),
            exchange: None,
            curl: None,
            way: Way::Other,
        }
    }

    /// A failure of a burst, with how it went.
    pub(super) fn failure_of_burst(&self, finding: Finding, burst: &Burst) -> Failure {
        let requests = crate::amounts::count(burst.all().into(), "request");
        let facts = vec![
            format!("{requests} left within {} ms", burst.left_within.as_millis()),
            format!("the last answer came {} ms after the first request left", burst.took().as_millis()),
        ];
        Failure { facts, ..self.failure(finding) }
    }

    pub(super) fn key(&self, name: &str) -> Option<&'a KeyInfo> {
        self.play.keys.get(name)
    }

    /// What was seen in this play before a step.
    pub(super) fn before(&self, place: usize) -> &'a [Observation] {
        &self.play.seen[..place.min(self.play.seen.len())]
    }

    pub(super) fn rules(&self, head: bool, limited: bool) -> Rules<'a> {
        Rules {
            fixtures: &self.suite.fixtures,
            extra_members_allowed: self.evidence.deployment.extra_members_allowed,
            head,
            limited,
        }
    }
}

/// Whether a reading names the limit of its tier.
pub(super) fn owns_the_limit(reading: &Reading) -> bool {
    matches!(reading.learns, Some(Fact::Requests | Fact::Events))
}
