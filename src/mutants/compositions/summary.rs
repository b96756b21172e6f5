//! Servers with several deviations in numbers, and how it ends.

use super::judge::CompositionOutcome;
use super::play::CompositionHunt;
use crate::mutants::summary::Failing;
use crate::report::ExitCode;

/// What came of servers with several deviations, in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositionSummary {
    /// Servers played against.
    pub servers: usize,
    /// The deviations they have together.
    pub constituents: usize,
    /// Of these, named by a check that is about what they break.
    pub named: usize,
    /// Checks that failed at a server that declares none of them.
    pub foreign: usize,
    /// Servers where the results speak of as many causes as there are deviations.
    pub causes_agree: usize,
    /// How many checks fail at one server; none where none was played against.
    pub failing: Option<Failing>,
    /// How it ends.
    pub exit: ExitCode,
}

impl CompositionSummary {
    /// Counts.
    pub fn of(hunt: &CompositionHunt) -> Self {
        let examined = || hunt.examined.iter();
        Self {
            servers: hunt.examined.len(),
            constituents: examined().map(|one| one.composition.parts().len()).sum(),
            named: examined().map(|one| one.named.len()).sum(),
            foreign: examined().map(|one| one.foreign.len()).sum(),
            causes_agree: examined().filter(|one| one.causes == one.composition.parts().len()).count(),
            failing: Failing::of(examined().map(|one| one.failing)),
            exit: exit(hunt),
        }
    }
}

fn exit(hunt: &CompositionHunt) -> ExitCode {
    let any = |is: fn(&CompositionOutcome) -> bool| hunt.examined.iter().any(|one| is(&one.outcome));
    match () {
        () if hunt.interrupted => ExitCode::Interrupted,
        () if any(|outcome| matches!(outcome, CompositionOutcome::Missed | CompositionOutcome::Foreign))
            || hunt.examined.iter().any(|one| !one.foreign.is_empty()) =>
        {
            ExitCode::Failed
        }
        () if hunt.examined.is_empty() || any(|outcome| *outcome != CompositionOutcome::Named) => {
            ExitCode::Inconclusive
        }
        () => ExitCode::Conforms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::samples::{composed, composed_hunt};
    use crate::report::Verdict;

    #[test]
    fn constituents_and_foreign_failures_are_counted() {
        let hunt = composed_hunt();
        let summary = CompositionSummary::of(&hunt);
        assert_eq!((summary.servers, summary.constituents, summary.named), (4, 9, 7));
        assert_eq!((summary.foreign, summary.causes_agree, summary.exit), (2, 2, ExitCode::Failed));
        assert_eq!(summary.failing.map(|failing| failing.most), Some(3));
    }

    #[test]
    fn misses_and_foreign_failures_fail_it_and_no_verdict_is_no_pass() {
        let exit = |results: &[(&str, Verdict)]| {
            let examined = vec![composed("accept-bearer+accept-cookie", results)];
            CompositionSummary::of(&CompositionHunt { examined, ..composed_hunt() }).exit
        };
        let bearer = ("auth.no-bearer", Verdict::Fail);
        let cookie = |verdict| ("auth.no-cookie", verdict);
        let open = || Verdict::Inconclusive("slow".to_owned());
        assert_eq!(exit(&[bearer.clone(), cookie(Verdict::Fail)]), ExitCode::Conforms);
        assert_eq!(exit(&[bearer.clone(), cookie(Verdict::Pass)]), ExitCode::Failed);
        assert_eq!(exit(&[bearer.clone(), cookie(open())]), ExitCode::Inconclusive);
        assert_eq!(exit(&[bearer.clone(), cookie(open()), ("auth.body", Verdict::Fail)]), ExitCode::Failed);
        assert_eq!(exit(&[bearer, cookie(Verdict::Fail), ("auth.body", Verdict::Fail)]), ExitCode::Failed);
        let none = CompositionHunt { examined: Vec::new(), ..composed_hunt() };
        assert_eq!(CompositionSummary::of(&none).exit, ExitCode::Inconclusive);
        let stopped = CompositionHunt { interrupted: true, ..composed_hunt() };
        assert_eq!(CompositionSummary::of(&stopped).exit, ExitCode::Interrupted);
    }
}
