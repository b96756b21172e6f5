//! How many events were accepted.

use crate::run::judge::Finding;
use crate::run::player::{Player, Stop};
use crate::run::steps::burst::TOO_LONG;
use crate::run::steps::seen::Fired;
use crate::run::suspicion::Suspicion;
use crate::run::volley::Volley;
use crate::scenario::model::Expect;

/// The events of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    /// In all batches.
    all: u32,
    /// In the batches that were answered 2xx.
    let_in: u32,
    /// Of these, the ones that were not said to be rejected.
    accepted: u32,
}

impl Tally {
    /// Counts the events of a volley whose requests held `batches` of them.
    fn of(volley: &Volley, batches: &[u32]) -> Self {
        let mut tally = Self { all: batches.iter().sum(), let_in: 0, accepted: 0 };
        for (place, answer) in volley.answers.iter().filter(|(_, answer)| answer.admitted()) {
            let size = batches.get(*place).copied().unwrap_or(0);
            let said = answer.accepted().and_then(|said| u32::try_from(said).ok()).unwrap_or(u32::MAX);
            tally.let_in += size;
            tally.accepted += size.min(said);
        }
        tally
    }

    /// What is wrong with it, where no more than `most` events may be accepted, and no fewer than `least` let in.
    fn wrong(self, least: u32, most: u32) -> Option<Wrong> {
        match (self.accepted > most, self.let_in < least) {
            (true, _) => Some(Wrong::TooMany),
            (_, true) => Some(Wrong::TooFew),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    TooMany,
    TooFew,
}

impl Player<'_> {
    /// Judges how many events of a burst were accepted. An answer that says that fewer were accepted than were sent
    /// is believed; nothing is held against one that does not say.
    pub(super) fn judge_accepted(&self, expect: &Expect, fired: &Fired, line: u32) -> Result<(), Stop> {
        let Fired { volley, batches, key, .. } = fired;
        let limit = key.limits.events.unwrap_or(u32::MAX);
        let tally = Tally::of(volley, batches);
        let Some(wanted) = expect.accepted.or(expect.accepted_at_most) else { return Ok(()) };
        let most = wanted.resolve(limit, tally.all);
        let least = match expect.accepted {
            Some(_) => most - most % batches.iter().copied().max().unwrap_or(1).max(1),
            None => 0,
        };
        let Some(wrong) = tally.wrong(least, most) else { return Ok(()) };
        let at_most = if expect.accepted.is_some() { "" } else { "at most " };
        let mut failure = self.failure(
            line,
            Finding {
                what: format!("of {} events {} were accepted", tally.all, tally.accepted),
                expected: format!("accepted: {at_most}{most}"),
                actual: format!("accepted: {}", tally.accepted),
            },
        );
        failure.facts = vec![
            format!("{} batches were admitted and {} answered 429", volley.admitted(), volley.limited()),
            format!("the last answer came {} ms after the first request left", volley.took().as_millis()),
            format!("the key had been silent for {:.1} s", self.silence.as_secs_f64()),
        ];
        let failures = vec![failure];
        if let Some(fault) = volley.faults.first() {
            let what = format!("{} requests got no answer: {fault}", volley.faults.len());
            return Err(Stop::Suspect(Suspicion::Noise(what), failures));
        }
        let suspicion = match wrong {
            Wrong::TooMany => Suspicion::TooMany {
                admitted: tally.accepted,
                limit: most,
                from: self.spent.get(&key.key.variable).map_or(volley.from, |spent| spent.from),
                to: volley.to,
            },
            Wrong::TooFew if volley.took() >= TOO_LONG => Suspicion::TooSlow(volley.took()),
            Wrong::TooFew => Suspicion::TooFew {
                admitted: tally.let_in,
                expected: least,
                silence: self.silence,
                trickles: None,
                private: self.stage.workspace.is_some(),
            },
        };
        Err(Stop::Suspect(suspicion, failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::clock::Moment;
    use crate::run::message::Answer;

    fn answer(status: u16, body: &str) -> Answer {
        let now = Moment::default();
        let body = body.to_owned().into();
        Answer { status, headers: http::HeaderMap::new(), body, sent: now, answered: now, done: now }
    }

    fn tally(answers: &[(u16, &str)]) -> Tally {
        let answers = answers.iter().map(|(status, body)| answer(*status, body)).enumerate().collect();
        let volley = Volley { answers, ..Volley::default() };
        Tally::of(&volley, &[500, 400, 300])
    }

    #[test]
    fn a_batch_counts_whole_unless_its_answer_says_that_fewer_were_accepted() {
        let said = r#"{"data":{"accepted":100,"rejected":300}}"#;
        assert_eq!(
            tally(&[(200, "{}"), (201, said), (429, "")]),
            Tally { all: 1_200, let_in: 900, accepted: 600 }
        );
        let boastful = r#"{"data":{"accepted":100000}}"#;
        assert_eq!(tally(&[(200, boastful)]).accepted, 500);
        assert_eq!(tally(&[(202, "queued")]).accepted, 500);
        assert_eq!(tally(&[(200, r#"{"data":{"accepted":-1}}"#)]).accepted, 500);
    }

    #[test]
    fn too_many_is_what_was_accepted_and_too_few_what_was_not_let_in() {
        let all = Tally { all: 1_200, let_in: 1_200, accepted: 1_000 };
        assert_eq!(all.wrong(1_000, 1_000), None);
        assert_eq!(all.wrong(0, 999), Some(Wrong::TooMany));
        assert_eq!(all.wrong(1_201, 1_300), Some(Wrong::TooFew));
    }
}
