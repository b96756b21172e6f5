//! Masks every string of an event. Each type is taken apart in full, so that a new field cannot be
//! forgotten here.

use super::Redactor;
use crate::report::event::{
    Cause, CheckResult, Event, Exchange, Failure, KnownDeviation, RunInfo, RunSummary, Verdict,
};
use crate::report::timeline::{Lane, Stretch, Timeline};

impl Redactor {
    /// The event with every secret masked in each of its strings.
    pub fn event(&self, event: &Event) -> Event {
        match event {
            Event::Started(info) => Event::Started(self.info(info)),
            Event::Secret(key) => Event::Secret(key.clone()),
            Event::Planned(timeline) => Event::Planned(self.timeline(timeline)),
            Event::CheckStarted { id } => Event::CheckStarted { id: self.scrub(id) },
            Event::KeysLent { id, keys } => Event::KeysLent { id: self.scrub(id), keys: self.all(keys) },
            Event::KeysBack { keys } => Event::KeysBack { keys: self.all(keys) },
            Event::PlayedAgain { id, why } => Event::PlayedAgain { id: self.scrub(id), why: self.scrub(why) },
            Event::Waiting { id, keys, what, how_long } => Event::Waiting {
                id: self.scrub(id),
                keys: self.all(keys),
                what: self.scrub(what),
                how_long: *how_long,
            },
            Event::Resumed { id, keys } => Event::Resumed { id: self.scrub(id), keys: self.all(keys) },
            Event::Exchange { id, exchange } => {
                Event::Exchange { id: self.scrub(id), exchange: self.exchange(exchange) }
            }
            Event::CheckFinished(result) => Event::CheckFinished(Box::new(self.result(result))),
            Event::Finished(summary) => Event::Finished(self.summary(summary)),
        }
    }

    fn all(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.scrub(text)).collect()
    }

    fn info(&self, info: &RunInfo) -> RunInfo {
        let RunInfo { target, keys, virtual_time, checks, strict, rfc, started_at } = info;
        RunInfo {
            target: self.scrub(target),
            keys: self.scrub(keys),
            virtual_time: *virtual_time,
            checks: self.all(checks),
            strict: *strict,
            rfc: *rfc,
            started_at: self.scrub(started_at),
        }
    }

    fn timeline(&self, timeline: &Timeline) -> Timeline {
        let stretch = |stretch: &Stretch| {
            let Stretch { check, with, from, until, waits, alone } = stretch;
            let (from, until, waits, alone) = (*from, *until, waits.clone(), *alone);
            let with = with.iter().map(|id| self.scrub(id)).collect();
            Stretch { check: self.scrub(check), with, from, until, waits, alone }
        };
        let lane = |Lane { key, stretches }: &Lane| Lane {
            key: self.scrub(key),
            stretches: stretches.iter().map(stretch).collect(),
        };
        let Timeline { takes, lanes } = timeline;
        Timeline { takes: *takes, lanes: lanes.iter().map(lane).collect() }
    }

    fn verdict(&self, verdict: &Verdict) -> Verdict {
        match verdict {
            Verdict::Pass => Verdict::Pass,
            Verdict::Fail => Verdict::Fail,
            Verdict::Advisory => Verdict::Advisory,
            Verdict::Explained(reason) => Verdict::Explained(self.scrub(reason)),
            Verdict::Skipped(reason) => Verdict::Skipped(self.scrub(reason)),
            Verdict::Blocked(reason) => Verdict::Blocked(self.scrub(reason)),
            Verdict::Inconclusive(reason) => Verdict::Inconclusive(self.scrub(reason)),
            Verdict::KnownDeviation => Verdict::KnownDeviation,
            Verdict::UnexpectedPass => Verdict::UnexpectedPass,
        }
    }

    fn result(&self, result: &CheckResult) -> CheckResult {
        let CheckResult {
            id,
            clause,
            also,
            level,
            about,
            source,
            file,
            line,
            verdict,
            cause,
            known,
            failures,
            facts,
            not_played,
            cases,
            requests,
            took,
        } = result;
        CheckResult {
            id: self.scrub(id),
            clause: self.scrub(clause),
            also: self.all(also),
            level: *level,
            about: self.scrub(about),
            source: source.as_deref().map(|source| self.scrub(source)),
            file: self.scrub(file),
            line: *line,
            verdict: self.verdict(verdict),
            cause: cause.as_deref().map(|cause| self.scrub(cause)),
            known: known.as_ref().map(|known| self.known(known)),
            failures: failures.iter().map(|failure| self.failure(failure)).collect(),
            facts: self.all(facts),
            not_played: self.all(not_played),
            cases: *cases,
            requests: *requests,
            took: *took,
        }
    }

    fn known(&self, known: &KnownDeviation) -> KnownDeviation {
        let KnownDeviation { reason, link, expires, expired } = known;
        KnownDeviation {
            reason: self.scrub(reason),
            link: link.as_deref().map(|link| self.scrub(link)),
            expires: self.scrub(expires),
            expired: *expired,
        }
    }

    fn failure(&self, failure: &Failure) -> Failure {
        let Failure { case, what, expected, actual, line, facts, exchange, curl } = failure;
        Failure {
            case: self.scrub(case),
            what: self.scrub(what),
            expected: self.scrub(expected),
            actual: self.scrub(actual),
            line: *line,
            facts: self.all(facts),
            exchange: exchange.as_ref().map(|exchange| self.exchange(exchange)),
            curl: curl.as_deref().map(|curl| self.scrub(curl)),
        }
    }

    fn cause(&self, cause: &Cause) -> Cause {
        let Cause { check, clause, says, failure, more, again, gates, explains } = cause;
        Cause {
            check: self.scrub(check),
            clause: self.scrub(clause),
            says: self.scrub(says),
            failure: self.failure(failure),
            more: *more,
            again: self.scrub(again),
            gates: *gates,
            explains: self.all(explains),
        }
    }

    fn exchange(&self, exchange: &Exchange) -> Exchange {
        let Exchange { request, request_headers, outcome, response_headers, body, took } = exchange;
        let fields = |fields: &[(String, String)]| {
            fields.iter().map(|(name, value)| (self.scrub(name), self.scrub(value))).collect()
        };
        Exchange {
            request: self.scrub(request),
            request_headers: fields(request_headers),
            outcome: self.scrub(outcome),
            response_headers: fields(response_headers),
            body: self.scrub(body),
            took: *took,
        }
    }

    fn summary(&self, summary: &RunSummary) -> RunSummary {
        let RunSummary { took, requests, exit, interrupted, causes, could_not_check, facts } = summary;
        RunSummary {
            took: *took,
            requests: *requests,
            exit: *exit,
            interrupted: *interrupted,
            causes: causes.iter().map(|cause| self.cause(cause)).collect(),
            could_not_check: self.all(could_not_check),
            facts: self.all(facts),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::ExitCode;
    use crate::report::samples::{KEY, result};
    use crate::scenario::model::Level;

    fn key() -> String {
        KEY.to_owned()
    }

    fn keys() -> Vec<String> {
        vec![key(), key()]
    }

    fn exchange() -> Exchange {
        Exchange {
            request: key(),
            request_headers: vec![(key(), key())],
            outcome: key(),
            response_headers: vec![(key(), key())],
            body: key(),
            took: Duration::ZERO,
        }
    }

    fn failure() -> Failure {
        Failure {
            case: key(),
            what: key(),
            expected: key(),
            actual: key(),
            line: 1,
            facts: keys(),
            exchange: Some(exchange()),
            curl: Some(key()),
        }
    }

    fn finished(verdict: Verdict) -> Event {
        Event::CheckFinished(Box::new(CheckResult {
            id: key(),
            clause: key(),
            also: keys(),
            about: key(),
            source: Some(key()),
            file: key(),
            cause: Some(key()),
            failures: vec![failure()],
            facts: keys(),
            not_played: keys(),
            ..result("", Level::Must, verdict)
        }))
    }

    #[test]
    fn a_key_in_any_string_of_any_event_is_masked() {
        let events = [
            Event::Started(RunInfo {
                target: key(),
                keys: key(),
                virtual_time: false,
                checks: keys(),
                strict: false,
                rfc: false,
                started_at: key(),
            }),
            Event::Planned(Timeline {
                takes: Duration::ZERO,
                lanes: vec![Lane {
                    key: key(),
                    stretches: vec![Stretch { check: key(), ..Stretch::default() }],
                }],
            }),
            Event::CheckStarted { id: key() },
            Event::KeysLent { id: key(), keys: keys() },
            Event::KeysBack { keys: keys() },
            Event::Waiting { id: key(), keys: keys(), what: key(), how_long: Duration::ZERO },
            Event::Resumed { id: key(), keys: keys() },
            Event::PlayedAgain { id: key(), why: key() },
            Event::Exchange { id: key(), exchange: exchange() },
            finished(Verdict::Explained(key())),
            finished(Verdict::Skipped(key())),
            finished(Verdict::Blocked(key())),
            finished(Verdict::Inconclusive(key())),
            Event::Finished(RunSummary {
                took: Duration::ZERO,
                requests: 0,
                exit: ExitCode::Conforms,
                interrupted: false,
                causes: vec![Cause {
                    check: key(),
                    clause: key(),
                    says: key(),
                    failure: failure(),
                    more: 1,
                    again: key(),
                    gates: true,
                    explains: keys(),
                }],
                could_not_check: keys(),
                facts: keys(),
            }),
        ];
        for event in events {
            let (before, after) = (format!("{event:?}"), format!("{:?}", Redactor::default().event(&event)));
            assert_eq!(after, before.replace(KEY, "ct_live_…"));
        }
    }
}
