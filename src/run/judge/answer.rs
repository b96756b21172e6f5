//! One answer against one expectation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::body::{Holes, compare, drop_extra_members};
use super::header;
use crate::amounts::count;
use crate::run::evidence::Look;
use crate::run::finding::{Judgement, pretty};
use crate::scenario::model::{Expect, JsonExpect};
use crate::scenario::words::{StatusPattern, StatusSet};

/// What judging needs beside the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// Literal bodies by file name.
    pub(crate) fixtures: &'a BTreeMap<String, Value>,
    /// Whether the target file allows members that the page does not show.
    pub(crate) extra_members_allowed: bool,
    /// Whether the request was a HEAD, whose answer has no body.
    pub(crate) head: bool,
    /// Whether the answer refuses for want of quota, in whatever status: another check names that.
    pub(crate) limited: bool,
}

/// Judges an answer. Counts and relations between answers are judged elsewhere.
pub(crate) fn judge_answer(expect: &Expect, answer: &Look, rules: Rules<'_>) -> Judgement {
    let mut judgement = Judgement::default();
    if let Some(wanted) = &expect.status
        && !wanted.contains(answer.status)
        && !(rules.limited && wanted.contains(429))
    {
        let actual = format!("status {}\n{}", answer.status, answer.excerpt());
        let (what, expected) = match unwanted(wanted) {
            Some(unwanted) => {
                (format!("the status is {}", answer.status), format!("any status but {unwanted}"))
            }
            None => {
                let wanted = describe(wanted);
                (format!("the status is {}, not {wanted}", answer.status), format!("status {wanted}"))
            }
        };
        judgement.broke(what, expected, actual.trim_end());
    }
    let json = expect.json.as_ref().filter(|_| !rules.head);
    let holes = json.map_or_else(Holes::new, |json| judge_json(json, answer, rules, &mut judgement));
    for (name, wanted) in &expect.headers {
        header::judge(name, wanted, answer, &mut judgement);
    }
    if let Some(agree) = &expect.agree {
        let header = answer.lines(&agree.header).next();
        match (header, holes.get(agree.hole.as_str())) {
            (Some(header), Some(hole)) if !is_the_same_number(header, hole) => judgement.broke(
                format!("the number in the body is not the one in {}", agree.header),
                format!("{}: {header}, and {header} in the body", agree.header),
                format!("{}: {header}, and {hole} in the body", agree.header),
            ),
            (Some(_), Some(_)) => {}
            (None, _) => judgement.cannot(format!("no readable {} to compare with", agree.header)),
            (_, None) => judgement.cannot("the body holds no number to compare with"),
        }
    }
    judgement
}

/// Judges a body, and tells what stands where the literal one has holes.
fn judge_json(json: &JsonExpect, answer: &Look, rules: Rules<'_>, judgement: &mut Judgement) -> Holes {
    let Some(expected) = rules.fixtures.get(json.file.as_str()) else {
        judgement.cannot(format!("the fixture {} is not there", *json.file));
        return Holes::new();
    };
    let actual = match answer.json() {
        Ok(actual) => actual,
        Err(_) if json.only.is_some() => {
            judgement.cannot("the body is not JSON; the check of the whole body names that");
            return Holes::new();
        }
        Err(error) => {
            let what = format!("the body is not JSON ({error})");
            let body = if answer.body.is_empty() { "(no body)".to_owned() } else { answer.excerpt() };
            judgement.broke(what, pretty(expected), body);
            return Holes::new();
        }
    };
    let (expected, mut actual) = match json.only.as_deref().map(pointer) {
        Some(at) => (
            expected.pointer(&at).cloned().unwrap_or_default(),
            actual.pointer(&at).cloned().unwrap_or_default(),
        ),
        None => (expected.clone(), actual),
    };
    if rules.extra_members_allowed {
        drop_extra_members(&expected, &mut actual);
    }
    let outcome = compare(&expected, &actual, &json.holes);
    match (&outcome.differences[..], &json.only) {
        ([], _) => {}
        (_, Some(only)) => {
            judgement.cannot(format!("{only} is not as documented; the check of the whole body names that"));
        }
        ([what, others @ ..], None) => {
            let more = match others.len() {
                0 => String::new(),
                more => format!(" (and {})", count(more as u64, "more difference")),
            };
            let what = format!("the body is not the documented object: {what}{more}");
            judgement.broke(what, pretty(&expected), pretty(&actual));
        }
    }
    outcome.holes
}

/// `error.message` as a JSON pointer.
fn pointer(member: &str) -> String {
    format!("/{}", member.replace('.', "/"))
}

/// Whether two texts are the same number, however many zeros stand before it; else, whether they are the same text.
fn is_the_same_number(one: &str, other: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (one, other) = (one.trim(), other.trim());
    match digits(one) && digits(other) {
        true => one.trim_start_matches('0') == other.trim_start_matches('0'),
        false => one == other,
    }
}

/// Whether a refusal for want of quota is expected.
pub(super) fn wants_a_429(expect: Option<&Expect>) -> bool {
    expect.and_then(|expect| expect.status.as_ref()).is_some_and(|status| status.contains(429))
}

/// The statuses, for people.
pub(crate) fn describe(wanted: &StatusSet) -> String {
    let one = |pattern: &StatusPattern| match pattern {
        StatusPattern::Exact(status) => status.to_string(),
        StatusPattern::Class(class) => format!("{class}xx"),
    };
    match unwanted(wanted) {
        Some(unwanted) => format!("anything but {unwanted}"),
        None => wanted.0.iter().map(one).collect::<Vec<_>>().join(" or "),
    }
}

/// The statuses that will not do, where nearly every one will: that is shorter to say.
fn unwanted(wanted: &StatusSet) -> Option<String> {
    const USUAL: [u16; 7] = [400, 401, 403, 404, 405, 422, 429];
    let unwanted = USUAL.iter().filter(|status| !wanted.contains(**status)).map(u16::to_string);
    let takes_the_rest = [200, 301, 500].iter().all(|status| wanted.contains(*status));
    takes_the_rest.then(|| unwanted.collect::<Vec<_>>().join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::words::StatusPattern;

    #[test]
    fn where_nearly_every_status_will_do_it_is_said_which_will_not() {
        let (class, exact) = (StatusPattern::Class, StatusPattern::Exact);
        let nearly_all =
            [class(2), class(3), exact(400), exact(401), exact(404), exact(405), exact(422), class(5)];
        assert_eq!(describe(&StatusSet(nearly_all.into())), "anything but 403 and 429");
        assert_eq!(describe(&StatusSet(vec![class(2), exact(400)])), "2xx or 400");
    }

    #[test]
    fn numbers_agree_whatever_zeros_stand_before_them() {
        assert!(
            is_the_same_number("060", "60") && is_the_same_number(" 7", "7") && is_the_same_number("0", "00")
        );
        assert!(!is_the_same_number("60", "6") && !is_the_same_number("60.0", "60"));
        assert!(is_the_same_number("soon", "soon") && !is_the_same_number("", "0"));
    }
}
