//! Every answer of the run: how it looked, and what is true of all of them, whoever asked.

use std::collections::{BTreeMap, HashMap, HashSet};

use parking_lot::Mutex;

use super::evidence::{Answer, Look, RunWide};
use super::finding::Finding;
use super::instant::Instant;
use crate::client::{self, Outgoing};
use crate::contract::{ApiKey, ErrorCode};
use crate::scenario::model::Rule;

/// How many breaches of one rule are kept; the rest is counted.
const MOST_KEPT: usize = 5;

/// How many refusals are kept that look different.
const MOST_LOOKS: usize = 1_000;

/// An answer as the client brings it, on the time line of its environment.
pub(crate) type Message = client::Answer<Instant>;

/// What is kept of how an answer looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it.
    All,
    /// Of one that lets a request through, its status: of many requests, these are told by their number.
    Refusals,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    looks: Mutex<Looks>,
    wide: Mutex<RunWide>,
    /// What was admitted, by key.
    pub(super) admissions: super::admissions::Admissions,
    /// How often the server failed, by the status it answered with.
    faltered: Mutex<BTreeMap<u16, u64>>,
}

#[derive(Debug, Default)]
struct Looks {
    places: HashMap<Look, usize>,
    all: Vec<Look>,
    /// Of each look, whether it was the first of a 429 that judges see differently.
    limited: HashSet<(Vec<String>, String)>,
}

impl Looks {
    /// The place of a look, which is kept once.
    fn place_of(&mut self, look: Look) -> usize {
        if let Some(place) = self.places.get(&look) {
            return *place;
        }
        let place = self.all.len();
        self.all.push(look.clone());
        self.places.insert(look, place);
        place
    }
}

impl Trace {
    /// Looks at one answer and keeps it. `secrets` are the keys that were sent or might be known to the target; `refusal`
    /// is the status of a refusal for want of quota, where it was found to be another one than 429.
    pub(crate) fn record<'a>(
        &self,
        outgoing: &Outgoing,
        message: &Message,
        refusal: Option<u16>,
        secrets: impl IntoIterator<Item = &'a ApiKey>,
        keep_of_it: Keep,
    ) -> Answer {
        let mut look = look(message);
        let json = look.json().ok();
        let code = json.as_ref().and_then(|json| json.pointer("/error/code")).and_then(|code| code.as_str());
        let said = code == Some(ErrorCode::RateLimited.as_str());
        let limited =
            message.status == 429 || (said && message.status != 401) || Some(message.status) == refusal;
        let accepted = json.as_ref().and_then(|json| json.pointer("/data/accepted")?.as_u64());
        let head = outgoing.method == http::Method::HEAD;
        let echoed = secrets.into_iter().any(|secret| holds(message, secret));
        // To be told to wait for 0 s is no promise: the page says 1 to 60.
        let told = look.retry_after().filter(|wait| limited && !wait.is_zero());
        let promise = told.map(|wait| message.answered + wait);
        let mut answer = Answer {
            look: 0,
            status: message.status,
            limited,
            accepted: accepted.and_then(|count| u32::try_from(count).ok()),
            promise,
            sent: message.sent,
            answered: message.answered,
            done: message.done,
        };
        if answer.faltered() {
            *self.faltered.lock().entry(answer.status).or_default() += 1;
        }
        let mut wide = self.wide.lock();
        wide.answers += 1;
        if !head {
            keep(&mut wide, Rule::StatusAndCodeAgree, code_breach(message.status, code, &look), outgoing);
            keep(&mut wide, Rule::ErrorsAreJson, type_breach(&look), outgoing);
        }
        keep(&mut wide, Rule::NoKeyEchoed, echoed.then(|| echo(&look)), outgoing);
        if keep_of_it == Keep::Refusals && answer.admitted() {
            (look.headers, look.body) = (Vec::new(), String::new());
        }
        let mut looks = self.looks.lock();
        let lines = || look.lines("retry-after").map(str::to_owned).collect::<Vec<_>>();
        let is_new = message.status == 429
            && !head
            && wide.limited.len() < MOST_LOOKS
            && looks.limited.insert((lines(), look.body.clone()));
        answer.look = looks.place_of(look);
        if is_new {
            wide.limited.push(answer);
        }
        answer
    }

    /// How many answers there were.
    pub(crate) fn answers(&self) -> u64 {
        self.wide.lock().answers
    }

    /// How often the server failed, for people.
    pub(crate) fn told_of_failing(&self) -> Option<String> {
        let faltered = self.faltered.lock();
        let told: Vec<String> =
            faltered.iter().map(|(status, times)| format!("{times} × {status}")).collect();
        let all = crate::amounts::count(self.answers(), "answer");
        (!told.is_empty()).then(|| format!("server errors among {all}: {}", told.join(", ")))
    }

    /// How answers looked so far.
    pub(crate) fn looks(&self) -> Vec<Look> {
        self.looks.lock().all.clone()
    }

    /// How an answer looked.
    pub(crate) fn look(&self, place: usize) -> Option<Look> {
        self.looks.lock().all.get(place).cloned()
    }

    /// What holds of all answers so far.
    pub(crate) fn wide(&self) -> RunWide {
        RunWide { most: self.admissions.most(), ..self.wide.lock().clone() }
    }
}

fn look(message: &Message) -> Look {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Look {
        status: message.status,
        headers: message
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: String::from_utf8_lossy(&message.body).into_owned(),
        garbled: std::str::from_utf8(&message.body).is_err(),
        compressed: message.compressed,
        alike: 0,
    }
}

fn keep(wide: &mut RunWide, rule: Rule, breach: Option<Finding>, outgoing: &Outgoing) {
    let Some(mut finding) = breach else { return };
    finding.what = format!("{} {}: {}", outgoing.method, outgoing.url, finding.what);
    let (count, kept) = wide.breaches.entry(rule).or_default();
    *count += 1;
    if kept.len() < MOST_KEPT {
        kept.push(finding);
    }
}

/// A status that goes with another code, or a code that goes with another status.
fn code_breach(status: u16, code: Option<&str>, look: &Look) -> Option<Finding> {
    let by_status = ErrorCode::ALL.into_iter().find(|known| known.status() == status);
    let by_code = ErrorCode::ALL.into_iter().find(|known| Some(known.as_str()) == code);
    if by_status == by_code {
        return None;
    }
    let wanted = by_status.or(by_code)?;
    Some(Finding {
        what: match code {
            Some(code) => format!("status {status} comes with the code {code}"),
            None => format!("status {status} comes without a code"),
        },
        expected: format!("status {} with the code {}", wanted.status(), wanted.as_str()),
        actual: format!("status {status}\n{}", look.excerpt()),
    })
}

/// An error that does not say that it is JSON.
fn type_breach(look: &Look) -> Option<Finding> {
    ErrorCode::ALL.into_iter().find(|known| known.status() == look.status)?;
    let kind = look.lines("content-type").next();
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return None;
    }
    Some(Finding {
        what: format!("status {} does not say that it is JSON", look.status),
        expected: "Content-Type: application/json".to_owned(),
        actual: kind.map_or_else(|| "no Content-Type".to_owned(), |kind| format!("Content-Type: {kind}")),
    })
}

/// Whether an answer holds a key, or a key's random part.
fn echo(look: &Look) -> Finding {
    Finding {
        what: "an answer holds the key it was asked with, or the key's random part".to_owned(),
        expected: "no key in any answer".to_owned(),
        actual: format!("status {}\n{}", look.status, look.excerpt()),
    }
}

fn holds(message: &Message, secret: &ApiKey) -> bool {
    let needle = memchr::memmem::Finder::new(secret.random_part().as_bytes());
    let found = |hay: &[u8]| needle.find(hay).is_some();
    found(&message.body) || message.headers.values().any(|value| found(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::Content;

    fn message(status: u16, kind: &str, body: &str) -> Message {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        let now = Instant::default();
        let body = body.to_owned().into();
        Message { status, headers, body, compressed: false, sent: now, answered: now, done: now }
    }

    fn limited(wait: &str) -> Message {
        let mut message = message(429, "application/json", r#"{"error":{"code":"RATE_LIMITED"}}"#);
        message.headers.insert("retry-after", wait.parse().unwrap());
        message
    }

    fn get() -> Outgoing {
        let url = "http://127.0.0.1/api/v1/sessions".to_owned();
        let (headers, body) = (Vec::new(), None::<Content>);
        Outgoing { method: http::Method::GET, url, headers, body, spelled: None, http: None }
    }

    fn recorded(trace: &Trace, message: &Message) -> Answer {
        trace.record(&get(), message, None, [], Keep::All)
    }

    fn breach(status: u16, body: &str) -> Option<Finding> {
        let look = look(&message(status, "application/json", body));
        let json = look.json().unwrap_or_default();
        code_breach(status, json.pointer("/error/code").and_then(|code| code.as_str()), &look)
    }

    #[test]
    fn of_many_that_were_let_in_no_answer_takes_room_for_what_is_its_own() {
        let trace = Trace::default();
        let record = |mut message: Message, nth: usize| {
            message.headers.insert("x-request-id", nth.to_string().parse().unwrap());
            trace.record(&get(), &message, None, [], Keep::Refusals).look
        };
        let let_in: Vec<usize> =
            (0..3).map(|nth| record(message(200, "application/json", "{}"), nth)).collect();
        let refused: Vec<usize> = (0..3).map(|nth| record(limited("60"), nth)).collect();
        assert_eq!((let_in, refused), (vec![0, 0, 0], vec![1, 2, 3]));
    }

    #[test]
    fn status_and_code_must_agree_both_ways() {
        let body = r#"{"error":{"code":"FORBIDDEN","message":""}}"#;
        assert!(breach(403, body).is_none());
        assert!(breach(401, body).is_some());
        assert!(breach(400, body).is_some());
        assert!(breach(429, "<p>slow down</p>").is_some());
        assert!(breach(404, "").is_none());
        assert!(breach(400, r#"{"error":{"code":"VALIDATION_ERROR"}}"#).is_none());
    }

    #[test]
    fn of_the_429s_each_look_is_kept_once() {
        let trace = Trace::default();
        for wait in ["60", "0", "60", "59"] {
            recorded(&trace, &limited(wait));
        }
        recorded(&trace, &message(200, "application/json", "{}"));
        let wide = trace.wide();
        let wait = |answer: &Answer| trace.look(answer.look).unwrap().retry_after().unwrap().as_secs();
        let mut waits: Vec<u64> = wide.limited.iter().map(wait).collect();
        waits.sort_unstable();
        assert_eq!((waits, wide.answers, trace.looks().len()), (vec![0, 59, 60], 5, 4));
    }

    #[test]
    fn a_refusal_is_one_in_whatever_status_once_that_is_known() {
        let trace = Trace::default();
        let of = |status: u16, body: &str, refusal: Option<u16>| {
            let answer =
                trace.record(&get(), &message(status, "application/json", body), refusal, [], Keep::All);
            (answer.limited, answer.admitted())
        };
        let said = r#"{"error":{"code":"RATE_LIMITED"}}"#;
        assert_eq!(of(429, "<p>slow down</p>", None), (true, false));
        assert_eq!(of(503, said, None), (true, false));
        assert_eq!(of(200, said, None), (true, false));
        assert_eq!(of(503, "", None), (false, false));
        assert_eq!(of(503, "", Some(503)), (true, false));
        assert_eq!(of(401, said, None), (false, false));
        assert_eq!(of(200, "{}", None), (false, true));
    }

    #[test]
    fn only_a_refusal_promises() {
        let trace = Trace::default();
        let in_ten_seconds = Some(Instant(Duration::from_secs(10)));
        assert_eq!(recorded(&trace, &limited("10")).promise, in_ten_seconds);
        for unread in ["soon", "1.5", "-1", ""] {
            assert_eq!(recorded(&trace, &limited(unread)).promise, None, "{unread}");
        }
        let mut twice = limited("10");
        twice.headers.append("retry-after", "10".parse().unwrap());
        assert_eq!(recorded(&trace, &twice).promise, None);
        let mut busy = message(503, "text/plain", "");
        busy.headers.insert("retry-after", "10".parse().unwrap());
        assert_eq!(recorded(&trace, &busy).promise, None);
    }

    #[test]
    fn how_many_events_were_accepted_is_read_where_it_is_said() {
        let trace = Trace::default();
        let accepted = |body: &str| recorded(&trace, &message(200, "application/json", body)).accepted;
        assert_eq!(accepted(r#"{"data":{"accepted":100,"rejected":300}}"#), Some(100));
        for unsaid in ["{}", "queued", r#"{"data":{"accepted":-1}}"#] {
            assert_eq!(accepted(unsaid), None, "{unsaid}");
        }
    }

    #[test]
    fn an_error_says_that_it_is_json() {
        let breach = |status: u16, kind: &str| type_breach(&look(&message(status, kind, "")));
        assert!(breach(401, "application/json; charset=utf-8").is_none());
        assert!(breach(401, "application/problem+json").is_none());
        assert!(breach(401, "text/plain").is_some());
        assert!(breach(200, "text/plain").is_none());
    }

    #[test]
    fn an_echo_is_found_in_body_and_header() {
        let secret = ApiKey::new("ct_live_abcdef123456").unwrap();
        assert!(holds(&message(401, "application/json", "bad key abcdef123456!"), &secret));
        assert!(holds(&message(401, "x/abcdef123456", ""), &secret));
        assert!(!holds(&message(401, "application/json", "abcdef12345"), &secret));
    }

    #[test]
    fn what_breaks_a_rule_is_counted_and_the_first_ones_are_kept() {
        let trace = Trace::default();
        let secret = ApiKey::new("ct_live_abcdef123456").unwrap();
        for _ in 0..MOST_KEPT + 2 {
            let echo = message(401, "text/plain", "no such key: abcdef123456");
            trace.record(&get(), &echo, None, [&secret], Keep::All);
        }
        let breaches = trace.wide().breaches;
        for rule in [Rule::StatusAndCodeAgree, Rule::ErrorsAreJson, Rule::NoKeyEchoed] {
            let (count, kept) = &breaches[&rule];
            assert_eq!((*count, kept.len()), (MOST_KEPT as u64 + 2, MOST_KEPT), "{rule:?}");
            assert!(kept[0].what.starts_with("GET http://127.0.0.1/"), "{}", kept[0].what);
        }
    }
}
