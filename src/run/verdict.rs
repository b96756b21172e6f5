//! From the outcomes of a check's cases to its verdict.

use super::Options;
use super::player::Outcome;
use crate::report::{Failure, KnownDeviation, Verdict};
use crate::scenario::model::Level;

/// What a check's cases amount to together.
#[derive(Debug)]
pub(crate) struct Weighed {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// Everything that broke.
    pub(crate) failures: Vec<Failure>,
    /// Cases that were not played while others were.
    pub(crate) not_played: Vec<String>,
}

/// Weighs the cases of a check. What is broken counts most; then what could not be judged, since a pass would
/// claim more than was seen; cases that do not apply count only if nothing else is left.
pub(crate) fn weigh(level: Level, outcomes: Vec<Outcome>, options: &Options) -> Weighed {
    let (mut failures, mut blocked, mut unsure, mut skipped) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut held = 0;
    for outcome in outcomes {
        match outcome {
            Outcome::Held => held += 1,
            Outcome::Broken(some) => failures.extend(some),
            Outcome::Blocked(why) => blocked.push(why),
            Outcome::Inconclusive(why) => unsure.push(why),
            Outcome::Skipped(why) => skipped.push(why),
        }
    }
    let gates = match level {
        Level::Must => true,
        Level::Should => options.strict,
        Level::Rfc => options.rfc,
        Level::Observe => false,
    };
    let verdict = if !failures.is_empty() {
        if gates { Verdict::Fail } else { Verdict::Advisory }
    } else if let Some(why) = blocked.first() {
        Verdict::Blocked(why.clone())
    } else if let Some(why) = unsure.first() {
        Verdict::Inconclusive(why.clone())
    } else if held == 0 {
        Verdict::Skipped(skipped.first().cloned().unwrap_or_else(|| "it has no case".to_owned()))
    } else {
        Verdict::Pass
    };
    let mut not_played = if matches!(verdict, Verdict::Skipped(_)) { Vec::new() } else { skipped };
    not_played.sort();
    not_played.dedup();
    Weighed { verdict, failures, not_played }
}

/// The verdict on a check that may be listed as a known deviation. What was not judged, or judged only in part, speaks
/// neither for the entry nor against it.
pub(crate) fn in_the_light_of(
    known: Option<&KnownDeviation>,
    verdict: Verdict,
    not_played: &[String],
) -> Verdict {
    match (known, verdict) {
        (Some(_), Verdict::Fail | Verdict::Advisory) => Verdict::KnownDeviation,
        (Some(_), Verdict::Pass) if not_played.is_empty() => Verdict::UnexpectedPass,
        (_, verdict) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Outcome {
        Outcome::Broken(vec![Failure {
            case: String::new(),
            what: "w".to_owned(),
            expected: String::new(),
            actual: String::new(),
            line: 1,
            facts: Vec::new(),
            exchange: None,
            curl: None,
        }])
    }

    fn word(level: Level, outcomes: Vec<Outcome>, options: &Options) -> &'static str {
        weigh(level, outcomes, options).verdict.word()
    }

    #[test]
    fn what_is_broken_counts_most() {
        let options = Options::default();
        let blocked = || Outcome::Blocked("b".to_owned());
        let skipped = || Outcome::Skipped("s".to_owned());
        assert_eq!(word(Level::Must, vec![Outcome::Held, blocked(), broken()], &options), "fail");
        assert_eq!(word(Level::Must, vec![Outcome::Held, blocked(), skipped()], &options), "blocked");
        assert_eq!(word(Level::Must, vec![Outcome::Held, skipped()], &options), "pass");
        assert_eq!(word(Level::Must, vec![skipped()], &options), "skipped");
    }

    #[test]
    fn a_level_gates_only_when_asked_to() {
        let plain = Options::default();
        let strict = Options { strict: true, rfc: true, ..Options::default() };
        for (level, without, with) in [
            (Level::Should, "advisory", "fail"),
            (Level::Rfc, "advisory", "fail"),
            (Level::Observe, "advisory", "advisory"),
        ] {
            assert_eq!(word(level, vec![broken()], &plain), without);
            assert_eq!(word(level, vec![broken()], &strict), with);
        }
    }

    #[test]
    fn a_list_changes_what_was_judged_and_nothing_else() {
        let known = KnownDeviation {
            reason: "It is so.".to_owned(),
            link: None,
            expires: "2026-12-31".to_owned(),
            expired: false,
        };
        let weighed = |verdict: Verdict, not_played: &[String]| {
            in_the_light_of(Some(&known), verdict, not_played).word()
        };
        assert_eq!(weighed(Verdict::Fail, &[]), "known-deviation");
        assert_eq!(weighed(Verdict::Advisory, &[]), "known-deviation");
        assert_eq!(weighed(Verdict::Pass, &[]), "unexpected-pass");
        assert_eq!(weighed(Verdict::Pass, &["tier=premium: no key".to_owned()]), "pass");
        assert_eq!(weighed(Verdict::Skipped("s".to_owned()), &[]), "skipped");
        assert_eq!(weighed(Verdict::Blocked("b".to_owned()), &[]), "blocked");
        assert_eq!(in_the_light_of(None, Verdict::Fail, &[]), Verdict::Fail);
    }
}
