//! What must be true of evidence that comes out of a file, so that it can be judged.

use super::{DOCUMENT, EvidenceFile, Recording, SCHEMA};
use crate::contract::Limits;
use crate::report::RunInfo;
use crate::run::evidence::{Answer, Burst, Evidence, Observation, Play};
use crate::run::learned::Quota;

/// No run sends so much, and numbers up to this can be added and multiplied.
const MOST: u64 = 1_000_000_000;

impl TryFrom<EvidenceFile> for Recording {
    type Error = String;

    fn try_from(document: EvidenceFile) -> Result<Self, String> {
        if document.document != DOCUMENT || !(1..=SCHEMA).contains(&document.schema) {
            return Err(format!("it is no {DOCUMENT} of a form up to {SCHEMA}"));
        }
        let started_at = &document.run.started_at;
        if chrono::DateTime::parse_from_rfc3339(started_at).is_err() {
            return Err(format!("`started_at` is no time: {started_at}"));
        }
        if document.run.again.as_deref().is_some_and(|again| !plays(again)) {
            return Err("`again` is no command line that plays checks".to_owned());
        }
        check(&document.evidence)?;
        Ok(Self(document))
    }
}

/// Whether a command line plays checks and does nothing else: somebody will copy it into a shell.
fn plays(again: &str) -> bool {
    let Some(options) = again.strip_prefix(&RunInfo::plays(None)) else { return false };
    let (mut marks, mut quoted) = (options.chars(), false);
    while let Some(mark) = marks.next() {
        let is_harmless = match mark {
            '\'' => {
                quoted = !quoted;
                true
            }
            mark if quoted => mark != '\n',
            '\\' => marks.next() == Some('\''),
            // A key in it was masked.
            mark => mark.is_alphanumeric() || " -_./:=@%+,…".contains(mark),
        };
        if !is_harmless {
            return false;
        }
    }
    !quoted
}

fn check(evidence: &Evidence) -> Result<(), String> {
    let looks = evidence.looks.len();
    let answers = evidence.plays.iter().flat_map(|play| play.seen.iter().flat_map(answers));
    if let Some(answer) = answers.chain(&evidence.run.limited).find(|answer| answer.look >= looks) {
        return Err(format!("an answer looks like number {}, and there are only {looks} looks", answer.look));
    }
    let most = evidence.run.most.iter().flat_map(|most| [most.admitted, most.limit]);
    let quotas = evidence.learned.requests.values().map(|quota| match quota {
        Quota::Of(number) => *number,
        Quota::Endless => 0,
    });
    let own = most.chain(quotas).chain(evidence.learned.events.values().copied()).map(u64::from);
    match own.chain(evidence.plays.iter().flat_map(numbers)).find(|number| *number > MOST) {
        Some(number) => Err(format!("no run sends or is granted {number} requests or events")),
        None => Ok(()),
    }
}

/// The answers of a step.
fn answers(seen: &Observation) -> Vec<&Answer> {
    match seen {
        Observation::Nothing
        | Observation::Missing(_)
        | Observation::Listed { .. }
        | Observation::Limiter(_) => Vec::new(),
        Observation::Answer(sent) => sent.outcome.iter().collect(),
        Observation::Burst(burst) => burst.answers.iter().map(|(_, answer)| answer).collect(),
        Observation::Paced(paced) => paced.answers.iter().collect(),
        Observation::Polled(polled) => polled.refusals.iter().collect(),
        Observation::UsedUp(refusals) => refusals.iter().collect(),
    }
}

/// The numbers of requests and events in a play.
fn numbers(play: &Play) -> Vec<u64> {
    let limits = |limits: &Limits| [limits.requests, limits.events.unwrap_or(0)].map(u64::from);
    let mut numbers = vec![play.requests];
    numbers
        .extend(play.keys.values().flat_map(|key| [limits(&key.limits), limits(&key.documented)].concat()));
    for seen in &play.seen {
        match seen {
            Observation::Burst(burst) => {
                let Burst { batches, spent, .. } = &**burst;
                let events: u64 = batches.iter().map(|batch| u64::from(*batch)).sum();
                numbers.extend([events, u64::from(spent.0), u64::from(spent.1)]);
            }
            Observation::Polled(polled) => numbers.extend(polled.early.map(|early| u64::from(early.whole))),
            _ => {}
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::plays;

    #[test]
    fn a_command_line_that_does_more_than_play_checks_is_none() {
        for good in [
            "trenchcheck test",
            "trenchcheck test --target http://127.0.0.1:4010/w/a --scenarios 'my own'",
            r"trenchcheck test --header 'X-A: $B; c' --scenarios 'it'\''s'",
        ] {
            assert!(plays(good), "{good}");
        }
        for bad in [
            "",
            "rm -r .",
            "trenchcheck test; rm -r .",
            "trenchcheck test --target $(rm -r .)",
            "trenchcheck test `rm -r .`",
            "trenchcheck test 'a",
            "trenchcheck test 'a' > b",
            "trenchcheck test\nrm -r .",
            "trenchcheck test 'a\nb'",
            r"trenchcheck test '\''a';rm -r .;'b",
            r"trenchcheck test \;",
        ] {
            assert!(!plays(bad), "{bad}");
        }
    }
}
