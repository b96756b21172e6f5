//! Files that somebody has tampered with: refused, or judged, but never the end of the program.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trenchcheck::run::Recording;

use crate::kept::path;
use crate::playing::{SUITE, judged};

/// The places of numbers and lists, one of each kind.
fn places(value: &Value, at: &str, kind: &str, found: &mut Vec<String>, kinds: &mut BTreeSet<String>) {
    let mut here = |is_wanted: bool| {
        if is_wanted && kinds.insert(kind.to_owned()) {
            found.push(at.to_owned());
        }
    };
    match value {
        Value::Number(_) => here(true),
        Value::Array(list) => {
            here(true);
            // Pairs and triples have numbers of different kinds.
            let of_a_kind = list.len() > 3;
            for (place, value) in list.iter().enumerate() {
                let kind = if of_a_kind { format!("{kind}/*") } else { format!("{kind}/{place}") };
                places(value, &format!("{at}/{place}"), &kind, found, kinds);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{at}/{name}"), &format!("{kind}/{name}"), found, kinds);
            }
        }
        _ => {}
    }
}

#[test]
fn no_number_and_no_list_brings_the_judge_down() {
    for name in ["reference.json", "sliding-log.json"] {
        let whole: Value = serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap();
        let mut found = Vec::new();
        places(&whole, "", "", &mut found, &mut BTreeSet::new());
        assert!(found.len() > 40, "{found:?}");
        let mut judged_all_the_same = 0;
        for place in &found {
            for other in [json!(0), json!(u32::MAX), json!(u64::MAX), json!([])] {
                let mut changed = whole.clone();
                let value = changed.pointer_mut(place).unwrap();
                if value.is_array() != other.is_array() {
                    continue;
                }
                *value = other;
                if let Ok(recording) = serde_json::from_value::<Recording>(changed) {
                    judged(&SUITE, &recording, &recording.checks_in(&SUITE));
                    judged_all_the_same += 1;
                }
            }
        }
        assert!(judged_all_the_same > found.len(), "most can be judged: {judged_all_the_same}");
    }
}
