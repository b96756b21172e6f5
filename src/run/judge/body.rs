//! JSON bodies with named holes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::model::Hole;

/// What stood in the holes, by name.
pub(super) type Holes = BTreeMap<String, String>;

/// How a body differs from the expected one.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// One sentence each, naming the member.
    pub(super) differences: Vec<String>,
    /// What stood in the holes.
    pub(super) holes: Holes,
}

/// Compares by value: the order of members and white space mean nothing in JSON.
pub(super) fn compare(expected: &Value, actual: &Value, holes: &BTreeMap<String, Hole>) -> Comparison {
    let mut comparison = Comparison::default();
    Comparing { holes, into: &mut comparison }.value("", expected, actual);
    comparison
}

/// Takes away what a body holds beside the expected members, for deployments that may say more than the page.
pub(super) fn drop_extra_members(expected: &Value, actual: &mut Value) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            actual.retain(|name, _| expected.contains_key(name));
            for (name, actual) in actual {
                drop_extra_members(&expected[name], actual);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.iter().zip(actual).for_each(|(expected, actual)| drop_extra_members(expected, actual));
        }
        _ => {}
    }
}

struct Comparing<'a> {
    holes: &'a BTreeMap<String, Hole>,
    into: &'a mut Comparison,
}

impl Comparing<'_> {
    fn differs(&mut self, path: &str, what: impl std::fmt::Display) {
        let path = if path.is_empty() { "the whole body" } else { path };
        self.into.differences.push(format!("{path} {what}"));
    }

    fn value(&mut self, path: &str, expected: &Value, actual: &Value) {
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                for (name, expected) in expected {
                    let path = join(path, name);
                    match actual.get(name) {
                        Some(actual) => self.value(&path, expected, actual),
                        None => self.differs(&path, "is missing"),
                    }
                }
                for name in actual.keys().filter(|name| !expected.contains_key(*name)) {
                    self.differs(&join(path, name), "is not on the page");
                }
            }
            (Value::Array(expected), Value::Array(actual)) => {
                if expected.len() != actual.len() {
                    self.differs(path, format!("has {} entries, not {}", actual.len(), expected.len()));
                }
                for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                    self.value(&format!("{path}[{index}]"), expected, actual);
                }
            }
            (Value::String(expected), Value::String(actual)) => self.text(path, expected, actual),
            _ if expected == actual => {}
            _ => self.differs(path, format!("is {}, not {}", kind(actual), kind(expected))),
        }
    }

    fn text(&mut self, path: &str, expected: &str, actual: &str) {
        let Some((before, name, after)) = hole_in(expected) else {
            if expected != actual {
                self.differs(path, format!("is {actual:?}"));
            }
            return;
        };
        let inside = actual.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let Some(inside) = inside else {
            self.differs(path, format!("is {actual:?}"));
            return;
        };
        match self.holes.get(name) {
            Some(hole) => match misfit(hole, inside) {
                Some(why) => self.differs(path, format!("is {actual:?}: {why}")),
                None => {
                    self.into.holes.insert(name.to_owned(), inside.to_owned());
                }
            },
            None => self.differs(path, format!("has a hole {{{name}}} that nothing is said about")),
        }
    }
}

/// The first `{name}` in a text, with what stands around it.
fn hole_in(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find('{')?;
    let close = open + text[open..].find('}')?;
    Some((&text[..open], &text[open + 1..close], &text[close + 1..]))
}

/// Why `inside` may not stand in a hole.
fn misfit(hole: &Hole, inside: &str) -> Option<String> {
    let range = match hole {
        Hole::Text(text) => {
            return (text != inside).then(|| format!("{text:?} belongs where {inside:?} stands"));
        }
        Hole::Integer(range) => range,
    };
    if inside.is_empty() || !inside.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("a whole number belongs where {inside:?} stands"));
    }
    let number = inside.parse::<u64>().unwrap_or(u64::MAX);
    let least = range.min.unwrap_or(0);
    let most = range.max.unwrap_or(u64::MAX);
    (number < least || number > most).then(|| format!("{inside} is not between {least} and {most}"))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scenario::model::IntegerRange;

    fn differences(expected: &Value, actual: &Value) -> Vec<String> {
        let holes = BTreeMap::from([(
            "seconds".to_owned(),
            Hole::Integer(IntegerRange { min: Some(1), max: Some(60) }),
        )]);
        compare(expected, actual, &holes).differences
    }

    #[test]
    fn order_means_nothing_and_every_other_difference_is_named() {
        let page = json!({"error": {"code": "A", "message": "B"}});
        assert!(differences(&page, &json!({"error": {"message": "B", "code": "A"}})).is_empty());
        let other = json!({"error": {"code": "a", "details": []}, "status": 401});
        assert_eq!(
            differences(&page, &other),
            [
                r#"error.code is "a""#,
                "error.message is missing",
                "error.details is not on the page",
                "status is not on the page"
            ]
        );
    }

    #[test]
    fn what_is_allowed_beside_the_page_is_gone_and_what_is_wrong_stays() {
        let page = json!({"error": {"code": "A", "message": "B"}, "list": [{"a": 1}]});
        let mut body = json!({
            "error": {"code": "a", "details": []}, "list": [{"a": 1, "b": 2}, {"b": 3}], "status": 401
        });
        drop_extra_members(&page, &mut body);
        assert_eq!(body, json!({"error": {"code": "a"}, "list": [{"a": 1}, {"b": 3}]}));
        assert_eq!(differences(&page, &body).len(), 3);
    }

    #[test]
    fn a_hole_takes_what_it_is_told_to_and_nothing_else() {
        let page = json!("Retry after {seconds} seconds.");
        assert!(differences(&page, &json!("Retry after 7 seconds.")).is_empty());
        for wrong in [
            "Retry after 0 seconds.",
            "Retry after 61 seconds.",
            "Retry after  seconds.",
            "Retry after 1.5 seconds.",
            "Retry after -1 seconds.",
            "retry after 7 seconds.",
            "Retry after 7 s.",
        ] {
            assert_eq!(differences(&page, &json!(wrong)).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn what_a_hole_held_is_kept() {
        let holes = BTreeMap::from([("n".to_owned(), Hole::Integer(IntegerRange::default()))]);
        let comparison = compare(&json!("in {n} s"), &json!("in 42 s"), &holes);
        assert_eq!(comparison.holes["n"], "42");
    }
}
