//! Hunts for the tests of this module.

use std::time::Duration;

use super::hunt::Hunt;
use super::judge::{Examined, judge};
use super::mutant::mutants;
use crate::report::Verdict;
use crate::report::samples::result;
use crate::scenario::model::Level;

/// The mutant of this name, after these checks came to these verdicts.
pub(super) fn examined(name: &str, verdicts: &[(&str, Level, Verdict)]) -> Examined {
    let mutant = mutants().into_iter().find(|mutant| mutant.name == name).unwrap();
    let results: Vec<_> =
        verdicts.iter().map(|(id, level, verdict)| result(id, *level, verdict.clone())).collect();
    judge(&mutant, &results, true, Duration::from_millis(12))
}

/// A hunt of some mutants that is over.
pub(super) fn hunt(examined: Vec<Examined>) -> Hunt {
    Hunt {
        examined,
        composed: false,
        seed: None,
        complete: false,
        interrupted: false,
        virtual_time: true,
        took_ms: 1_234,
    }
}

/// One of each kind of outcome.
pub(super) fn mixed() -> Hunt {
    let (must, should) = (Level::Must, Level::Should);
    let unsure = || Verdict::Inconclusive("three bursts crossed a reset".to_owned());
    hunt(vec![
        examined("reference", &[("auth.missing", must, Verdict::Pass)]),
        examined("accept-bearer", &[("auth.no-bearer", must, Verdict::Fail)]),
        examined(
            "accept-cookie",
            &[("auth.no-cookie", must, Verdict::Fail), ("auth.body", must, Verdict::Fail)],
        ),
        examined("accept-basic", &[("auth.no-basic", must, Verdict::Pass)]),
        examined("json-indented", &[("limit.message-agrees", should, Verdict::Fail)]),
        examined("json-charset", &[("auth.body", must, Verdict::Fail)]),
        examined("write-implies-read", &[("scope.before-body", must, Verdict::Fail)]),
        examined("standard-limit-61", &[("rate.standard", must, unsure())]),
    ])
}

/// The server with these deviations, after these checks came to these verdicts.
pub(super) fn composed(names: &str, verdicts: &[(&str, Verdict)]) -> Examined {
    let results: Vec<_> =
        verdicts.iter().map(|(id, verdict)| result(id, Level::Must, verdict.clone())).collect();
    judge(&names.parse().unwrap(), &results, true, Duration::from_millis(12))
}

/// One server of each kind of outcome.
pub(super) fn composed_hunt() -> Hunt {
    let (fail, pass) = (Verdict::Fail, Verdict::Pass);
    let unsure = Verdict::Inconclusive("three bursts crossed a reset".to_owned());
    let examined = vec![
        composed(
            "accept-basic+window-30s",
            &[("auth.no-basic", fail.clone()), ("rate.window-length", fail.clone())],
        ),
        composed(
            "accept-bearer+limited-flat+premium-limit-299",
            &[
                ("auth.no-bearer", fail.clone()),
                ("limit.body", pass),
                ("limit.every-429", fail.clone()),
                ("rate.premium", fail.clone()),
            ],
        ),
        composed("accept-cookie+head-open", &[("auth.no-cookie", fail.clone()), ("auth.head", unsure)]),
        composed(
            "accept-cookie+retry-after-missing",
            &[
                ("auth.no-cookie", fail.clone()),
                ("limit.retry-after-present", fail.clone()),
                ("events.retry-after", fail),
            ],
        ),
    ];
    Hunt {
        examined,
        composed: true,
        seed: Some(7),
        complete: false,
        interrupted: false,
        virtual_time: true,
        took_ms: 2_345,
    }
}
