//! How a run ends, as a number for scripts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::verdict::{CheckResult, Verdict};
use crate::scenario::model::Level;
use crate::words::words;

words! {
    /// The exit codes of trenchcheck. They are part of its interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    #[repr(u8)]
    pub enum ExitCode: word {
        /// Everything that gates passed.
        Conforms = 0 => "conforms",
        /// A gating check failed.
        Failed = 1 => "failed",
        /// The command line, the target or a scenario file is wrong.
        Usage = 2 => "usage",
        /// The target could not be reached, or a positive control failed.
        Unreachable = 3 => "unreachable",
        /// Nothing ran, or nothing could be concluded.
        Inconclusive = 4 => "inconclusive",
        /// A known deviation is stale: it passed, or it expired.
        StaleDeviation = 5 => "stale-deviation",
        /// A load threshold was missed.
        ThresholdMissed = 6 => "threshold-missed",
        /// A load run is invalid: its load was not the one that was asked for.
        InvalidLoad = 7 => "invalid-load",
        /// A fault in trenchcheck itself.
        Internal = 70 => "internal",
        /// Ctrl-C or SIGTERM.
        Interrupted = 130 => "interrupted",
    }
}

impl ExitCode {
    /// What a run of checks comes to. The first line that applies decides:
    ///
    /// | seen | code |
    /// |---|---|
    /// | Ctrl-C, SIGTERM | `Interrupted` |
    /// | more checks are `blocked` without a cause than came to a verdict | `Unreachable` |
    /// | a check with verdict `fail` | `Failed` |
    /// | a check `blocked` without a cause, `observe` checks apart | `Unreachable` |
    /// | an `unexpected-pass`, or a known deviation that has expired | `StaleDeviation` |
    /// | a check at level `must` that is `inconclusive`, or blocked by a cause that does not gate | `Inconclusive` |
    /// | no check that came to `pass`, `advisory` or `known-deviation` | `Inconclusive` |
    /// | anything else | `Conforms` |
    ///
    /// Keys that open nothing block almost everything; the few checks about being let in fail then, and what they say
    /// is more likely true of the keys than of the target. A check of limits fails only with a key that works, and then
    /// what is blocked is so because of what it found.
    ///
    /// An explained check never decides: its cause does. A check that is blocked by a cause leaves nothing to decide where
    /// that cause is a failure or a known deviation.
    ///
    /// An inconclusive check at another level is reported and does not decide: it may never gate,
    /// and a run must not depend on the weather for what the page does not promise. Nor does a check decide that is
    /// listed as a known deviation and was blocked or inconclusive.
    pub fn of<'a>(results: impl IntoIterator<Item = &'a CheckResult>, interrupted: bool) -> Self {
        let results: Vec<&CheckResult> = results.into_iter().collect();
        let (mut failed, mut blocked, mut undecided, mut concluded) = (false, false, false, false);
        let (mut judged, mut held_up) = (0_usize, 0_usize);
        let (mut stale, mut a_key_works) = (false, false);
        for result in &results {
            let cause = cause_of(result, &results);
            stale |= result.is_expired();
            match result.verdict {
                Verdict::Skipped(_) | Verdict::Inconclusive(_) => {}
                Verdict::Blocked(_) if cause.is_some() => {}
                Verdict::Blocked(_) => held_up += 1,
                _ => judged += 1,
            }
            match result.verdict {
                Verdict::Pass | Verdict::Advisory | Verdict::KnownDeviation => concluded = true,
                Verdict::UnexpectedPass => stale = true,
                Verdict::Fail => {
                    failed = true;
                    a_key_works |= result.clause.starts_with("limit.");
                }
                Verdict::Blocked(_) => match cause {
                    None => blocked |= result.level != Level::Observe && result.known.is_none(),
                    Some(Verdict::Fail | Verdict::KnownDeviation) => {}
                    Some(_) => undecided |= result.level == Level::Must && result.known.is_none(),
                },
                Verdict::Inconclusive(_) => {
                    undecided |= result.level == Level::Must && result.known.is_none();
                }
                Verdict::Explained(_) | Verdict::Skipped(_) => {}
            }
        }
        match () {
            () if interrupted => Self::Interrupted,
            () if blocked && held_up > judged && !a_key_works => Self::Unreachable,
            () if failed => Self::Failed,
            () if blocked => Self::Unreachable,
            () if stale => Self::StaleDeviation,
            () if undecided || !concluded => Self::Inconclusive,
            () => Self::Conforms,
        }
    }

    /// The number the process exits with.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The verdict on the check that names a result's cause, where that check found something broken.
fn cause_of<'a>(result: &CheckResult, results: &[&'a CheckResult]) -> Option<&'a Verdict> {
    let cause = result.cause.as_ref()?;
    let verdict = &results.iter().find(|other| other.id == *cause)?.verdict;
    let broken = matches!(
        verdict,
        Verdict::Fail | Verdict::Advisory | Verdict::Explained(_) | Verdict::KnownDeviation
    );
    broken.then_some(verdict)
}

/// The outcome in words, as the last line of a run states it.
impl fmt::Display for ExitCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Conforms => "conforms: every gating check that was played passed",
            Self::Failed => "does not conform: a gating check failed",
            Self::Usage => "the command line, the target or a scenario file is wrong",
            Self::Unreachable => "blocked: the target could not be reached, or a key did not work at all",
            Self::Inconclusive => "inconclusive: nothing ran, or not enough could be concluded",
            Self::StaleDeviation => "a known deviation is stale: it passed, or it expired",
            Self::ThresholdMissed => "a load threshold was missed",
            Self::InvalidLoad => "the load run is invalid: its load was not the one that was asked for",
            Self::Internal => "a fault in trenchcheck itself",
            Self::Interrupted => "interrupted before the end",
        })
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::result;

    fn code(verdicts: &[(Verdict, Level)]) -> ExitCode {
        let results: Vec<CheckResult> =
            verdicts.iter().map(|(verdict, level)| result("a.b", *level, verdict.clone())).collect();
        ExitCode::of(&results, false)
    }

    fn blocked(level: Level) -> (Verdict, Level) {
        (Verdict::Blocked("the key is dead".to_owned()), level)
    }

    fn inconclusive(level: Level) -> (Verdict, Level) {
        (Verdict::Inconclusive("crossed a reset".to_owned()), level)
    }

    const PASS: (Verdict, Level) = (Verdict::Pass, Level::Must);
    const FAIL: (Verdict, Level) = (Verdict::Fail, Level::Must);

    #[test]
    fn ctrl_c_decides_before_everything() {
        assert_eq!(ExitCode::of(&[result("a.b", Level::Must, Verdict::Fail)], true), ExitCode::Interrupted);
        assert_eq!(ExitCode::of(&[], true), ExitCode::Interrupted);
    }

    #[test]
    fn a_failure_decides_before_what_could_not_be_judged() {
        assert_eq!(code(&[PASS, blocked(Level::Must), inconclusive(Level::Must), FAIL]), ExitCode::Failed);
        assert_eq!(code(&[FAIL, blocked(Level::Must)]), ExitCode::Failed);
        assert_eq!(code(&[FAIL, blocked(Level::Must), blocked(Level::Must)]), ExitCode::Unreachable);
    }

    #[test]
    fn who_has_no_429_blocks_what_needs_one_and_fails_all_the_same() {
        let limit = CheckResult {
            clause: "limit.standard".to_owned(),
            ..result("rate.standard", Level::Must, Verdict::Fail)
        };
        let (why, _) = blocked(Level::Must);
        let held_up = [why.clone(), why].map(|why| result("limit.body", Level::Must, why));
        assert_eq!(ExitCode::of(held_up.iter().chain([&limit]), false), ExitCode::Failed);
    }

    #[test]
    fn a_cause_answers_for_what_it_explains_and_blocks() {
        let by_cause = |verdict: Verdict| CheckResult {
            cause: Some("rate.standard".to_owned()),
            ..result("limit.body", Level::Must, verdict)
        };
        let explained = by_cause(Verdict::Explained("61 were admitted here, too".to_owned()));
        let blocked = by_cause(blocked(Level::Must).0);
        let pass = result("auth.missing", Level::Must, Verdict::Pass);
        let of = |cause: Verdict| {
            let cause = result("rate.standard", Level::Must, cause);
            ExitCode::of([&cause, &explained, &blocked, &blocked, &blocked, &pass], false)
        };
        assert_eq!(of(Verdict::Fail), ExitCode::Failed);
        assert_eq!(of(Verdict::KnownDeviation), ExitCode::Conforms);
        assert_eq!(of(Verdict::Advisory), ExitCode::Inconclusive);
        assert_eq!(of(Verdict::Pass), ExitCode::Unreachable, "a check that passed is nobody's cause");
        assert_eq!(ExitCode::of([&explained, &pass], false), ExitCode::Conforms);
        assert_eq!(ExitCode::of([&explained], false), ExitCode::Inconclusive);
    }

    #[test]
    fn blocked_decides_before_inconclusive() {
        assert_eq!(code(&[PASS, inconclusive(Level::Must), blocked(Level::Should)]), ExitCode::Unreachable);
    }

    #[test]
    fn a_blocked_observation_does_not_decide() {
        assert_eq!(code(&[PASS, blocked(Level::Observe)]), ExitCode::Conforms);
    }

    #[test]
    fn an_inconclusive_promise_leaves_the_run_inconclusive() {
        assert_eq!(code(&[PASS, inconclusive(Level::Must)]), ExitCode::Inconclusive);
        assert_eq!(code(&[PASS, inconclusive(Level::Should)]), ExitCode::Conforms);
    }

    #[test]
    fn a_run_without_any_conclusion_is_inconclusive() {
        assert_eq!(code(&[]), ExitCode::Inconclusive);
        assert_eq!(code(&[(Verdict::Skipped("no key".to_owned()), Level::Must)]), ExitCode::Inconclusive);
        assert_eq!(code(&[inconclusive(Level::Should)]), ExitCode::Inconclusive);
    }

    #[test]
    fn a_stale_entry_decides_over_everything_but_failures_and_dead_keys() {
        let known = |verdict: Verdict, expired: bool| CheckResult {
            known: Some(crate::report::KnownDeviation {
                reason: "It is so.".to_owned(),
                link: None,
                expires: "2026-12-31".to_owned(),
                expired,
            }),
            ..result("a.b", Level::Must, verdict)
        };
        let of = |results: &[CheckResult]| ExitCode::of(results, false);
        let fail = || result("a.c", Level::Must, Verdict::Fail);
        let stale = ExitCode::StaleDeviation;
        assert_eq!(of(&[known(Verdict::KnownDeviation, false)]), ExitCode::Conforms);
        assert_eq!(of(&[known(Verdict::KnownDeviation, true)]), stale);
        assert_eq!(of(&[known(Verdict::UnexpectedPass, false)]), stale);
        assert_eq!(of(&[known(Verdict::UnexpectedPass, false), fail()]), ExitCode::Failed);
        let (blocked, _) = blocked(Level::Must);
        let pass = || result("a.d", Level::Must, Verdict::Pass);
        assert_eq!(of(&[known(blocked.clone(), false), pass()]), ExitCode::Conforms);
        assert_eq!(of(&[known(blocked, true), pass()]), stale);
    }

    #[test]
    fn passes_and_advisories_conform() {
        assert_eq!(code(&[PASS, (Verdict::Advisory, Level::Should)]), ExitCode::Conforms);
    }
}
