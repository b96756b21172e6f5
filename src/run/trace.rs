//! What every answer of the run is held against, whoever asked for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::admissions::Admissions;
use super::judge::Finding;
use super::message::{Answer, Outgoing};
use crate::contract::{ApiKey, ErrorCode};
use crate::scenario::model::Review;

/// How many breaches of one rule are kept; the rest is counted.
const MOST_KEPT: usize = 5;

/// How many answers of 429 are kept that look different.
const MOST_LOOKS: usize = 1_000;

/// What of a 429 is judged: the lines of Retry-After, and the body.
type Look = (Vec<Vec<u8>>, Vec<u8>);

/// Breaches of the rules that hold for every answer.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    breaches: Mutex<BTreeMap<&'static str, (u64, Vec<Finding>)>>,
    /// Answers of 429, each that looks different once.
    limited: Mutex<BTreeMap<Look, Answer>>,
    /// What was admitted, by key.
    pub(super) admissions: Admissions,
}

impl Trace {
    /// Looks at one answer. `secrets` are the keys that were sent or might be known to the target.
    pub(crate) fn record<'a>(
        &self,
        outgoing: &Outgoing,
        answer: &Answer,
        secrets: impl IntoIterator<Item = &'a ApiKey>,
    ) {
        let head = outgoing.method == http::Method::HEAD;
        if !head {
            self.keep(Review::StatusAndCodeAgree, code_breach(answer), outgoing);
            self.keep(Review::ErrorsAreJson, type_breach(answer), outgoing);
            self.keep_look(answer);
        }
        let echoed = secrets.into_iter().any(|secret| holds(answer, secret));
        let echo = echoed.then(|| Finding {
            what: "an answer holds the key it was asked with, or the key's random part".to_owned(),
            expected: "no key in any answer".to_owned(),
            actual: format!("status {}\n{}", answer.status, super::judge::excerpt(answer)),
        });
        self.keep(Review::NoKeyEchoed, echo, outgoing);
    }

    /// The breaches of a rule so far, with how many there were in all.
    pub(crate) fn breaches(&self, rule: Review) -> (u64, Vec<Finding>) {
        let breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        breaches.get(name(rule)).cloned().unwrap_or_default()
    }

    /// The answers of 429 so far, of those that look alike one.
    pub(crate) fn limited(&self) -> Vec<Answer> {
        self.limited.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn keep_look(&self, answer: &Answer) {
        if answer.status != 429 {
            return;
        }
        let lines = answer.headers.get_all(http::header::RETRY_AFTER).iter();
        let look: Look = (lines.map(|line| line.as_bytes().to_vec()).collect(), answer.body.to_vec());
        let mut limited = self.limited.lock().unwrap_or_else(PoisonError::into_inner);
        if limited.len() < MOST_LOOKS {
            limited.entry(look).or_insert_with(|| answer.clone());
        }
    }

    fn keep(&self, rule: Review, breach: Option<Finding>, outgoing: &Outgoing) {
        let Some(mut finding) = breach else { return };
        finding.what = format!("{} {}: {}", outgoing.method, outgoing.url, finding.what);
        let mut breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, kept) = breaches.entry(name(rule)).or_default();
        *count += 1;
        if kept.len() < MOST_KEPT {
            kept.push(finding);
        }
    }
}

fn name(rule: Review) -> &'static str {
    match rule {
        Review::StatusAndCodeAgree => "status-and-code-agree",
        Review::ErrorsAreJson => "errors-are-json",
        Review::NoKeyEchoed => "no-key-echoed",
        Review::TwoQuotasAMinute => "two-quotas-a-minute",
        Review::Every429 => "every-429",
    }
}

/// A status that goes with another code, or a code that goes with another status.
fn code_breach(answer: &Answer) -> Option<Finding> {
    let json = answer.json().ok();
    let code = json.as_ref().and_then(|json| json.pointer("/error/code")).and_then(|code| code.as_str());
    let by_status = ErrorCode::ALL.into_iter().find(|known| known.status() == answer.status);
    let by_code = ErrorCode::ALL.into_iter().find(|known| Some(known.as_str()) == code);
    if by_status == by_code {
        return None;
    }
    let wanted = by_status.or(by_code)?;
    Some(Finding {
        what: match code {
            Some(code) => format!("status {} comes with the code {code}", answer.status),
            None => format!("status {} comes without a code", answer.status),
        },
        expected: format!("status {} with the code {}", wanted.status(), wanted.as_str()),
        actual: format!("status {}\n{}", answer.status, super::judge::excerpt(answer)),
    })
}

/// An error that does not say that it is JSON.
fn type_breach(answer: &Answer) -> Option<Finding> {
    ErrorCode::ALL.into_iter().find(|known| known.status() == answer.status)?;
    let kind = answer.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return None;
    }
    Some(Finding {
        what: format!("status {} does not say that it is JSON", answer.status),
        expected: "Content-Type: application/json".to_owned(),
        actual: kind.map_or_else(|| "no Content-Type".to_owned(), |kind| format!("Content-Type: {kind}")),
    })
}

/// Whether an answer holds a key, or a key's random part.
fn holds(answer: &Answer, secret: &ApiKey) -> bool {
    let needle = memchr::memmem::Finder::new(secret.random_part().as_bytes());
    let found = |hay: &[u8]| needle.find(hay).is_some();
    found(&answer.body) || answer.headers.values().any(|value| found(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::clock::Moment;

    fn answer(status: u16, kind: &str, body: &str) -> Answer {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        let now = Moment::default();
        Answer { status, headers, body: body.to_owned().into(), sent: now, answered: now, done: now }
    }

    #[test]
    fn status_and_code_must_agree_both_ways() {
        let body = r#"{"error":{"code":"FORBIDDEN","message":""}}"#;
        assert!(code_breach(&answer(403, "application/json", body)).is_none());
        assert!(code_breach(&answer(401, "application/json", body)).is_some());
        assert!(code_breach(&answer(400, "application/json", body)).is_some());
        assert!(code_breach(&answer(429, "text/html", "<p>slow down</p>")).is_some());
        assert!(code_breach(&answer(404, "text/html", "")).is_none());
        assert!(
            code_breach(&answer(400, "application/json", r#"{"error":{"code":"VALIDATION_ERROR"}}"#))
                .is_none()
        );
    }

    #[test]
    fn of_the_429s_each_look_is_kept_once() {
        let trace = Trace::default();
        let limited = |wait: &str| {
            let mut answer = answer(429, "application/json", "{}");
            answer.headers.insert("retry-after", wait.parse().unwrap());
            answer
        };
        for wait in ["60", "0", "60", "59"] {
            trace.keep_look(&limited(wait));
        }
        trace.keep_look(&answer(200, "application/json", "{}"));
        let waits: Vec<_> = trace.limited().iter().map(Answer::retry_after).collect();
        let seconds = |count| Some(std::time::Duration::from_secs(count));
        assert_eq!(waits, [seconds(0), seconds(59), seconds(60)]);
    }

    #[test]
    fn an_error_says_that_it_is_json() {
        assert!(type_breach(&answer(401, "application/json; charset=utf-8", "")).is_none());
        assert!(type_breach(&answer(401, "application/problem+json", "")).is_none());
        assert!(type_breach(&answer(401, "text/plain", "")).is_some());
        assert!(type_breach(&answer(200, "text/plain", "")).is_none());
    }

    #[test]
    fn an_echo_is_found_in_body_and_header() {
        let secret = ApiKey::new("ct_live_abcdef123456").unwrap();
        assert!(holds(&answer(401, "application/json", "bad key abcdef123456!"), &secret));
        assert!(holds(&answer(401, "x/abcdef123456", ""), &secret));
        assert!(!holds(&answer(401, "application/json", "abcdef12345"), &secret));
    }
}
