//! Every entry, switched on alone, changes some answer of a script that the reference answers as well.

mod scenes;

use std::collections::HashSet;

use super::*;
use scenes::{Ask, READ, SCENES, Script, WRITE, play};

#[test]
fn every_entry_changes_an_answer() {
    let reference: Vec<String> =
        SCENES.iter().map(|(_, scene)| play(*scene, &Behaviour::default())).collect();
    let mut silent = Vec::new();
    for entry in catalogue() {
        let behaviour = behaviour(&[entry.name], None).unwrap();
        let differs =
            SCENES.iter().zip(&reference).any(|((_, scene), said)| play(*scene, &behaviour) != *said);
        if !differs {
            silent.push(entry.name);
        }
    }
    assert!(silent.is_empty(), "these change nothing: {silent:?}");
}

#[test]
fn a_change_that_changes_nothing_would_be_noticed() {
    for (name, scene) in SCENES.iter().take(7) {
        assert_eq!(play(*scene, &Behaviour::default()), play(*scene, &Behaviour::default()), "{name}");
    }
}

#[test]
fn names_are_unique_and_in_kebab_case() {
    let mut seen = HashSet::new();
    for entry in catalogue() {
        assert!(seen.insert(entry.name), "{}", entry.name);
        let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(entry.name.bytes().all(kebab), "{}", entry.name);
        assert!(entry.about.ends_with('.') && !entry.about.contains('\n'), "{}", entry.name);
        if let Nature::Deviation { checks, .. } = entry.nature {
            assert!(!checks.is_empty(), "{}", entry.name);
        }
    }
}

#[test]
fn deviations_compose() {
    let behaviour = behaviour(&["accept-bearer", "no-challenge", "unauthorized-flat"], None).unwrap();
    let mut script = Script::new(&behaviour);
    let bearer = format!("Bearer {READ}");
    let get = Ask { method: "GET", path: "/api/v1/sessions", ..Ask::default() };
    assert_eq!(script.reply(Ask { headers: &[("authorization", bearer.as_bytes())], ..get }).status, 200);
    script.now += 1;
    let refused = script.reply(get);
    assert_eq!(refused.text(), r#"{"code":"UNAUTHORIZED","message":"Missing or invalid API key."}"#);
    assert_eq!(refused.header("www-authenticate"), None);
}

#[test]
fn who_insists_on_seq_takes_only_what_published_clients_write() {
    let uuid = "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11";
    let at = "1970-01-01T00:00:00Z";
    let documented = format!(r#"{{"event_type":"error","session_id":"{uuid}","timestamp":"{at}"}}"#);
    let bare = format!(r#"{{"event":"error","session_id":"s","ts":"{at}"}}"#);
    let numbered = format!(r#"{{"event":"error","session_id":"s","ts":"{at}","seq":0}}"#);
    let status = |changes: &[&str], event: &str| {
        let script = Script::new(&behaviour(changes, None).unwrap());
        let body = format!(r#"{{"events":[{event}]}}"#);
        let headers: &[_] = &[("x-api-key", WRITE.as_bytes())];
        let path = "/api/v1/events";
        let reply = script.reply(Ask { method: "POST", path, headers, body: &body, ..Ask::default() });
        assert_eq!(reply.status == 400, reply.text().contains("VALIDATION_ERROR"), "{}", reply.text());
        reply.status
    };
    for event in [&documented, &bare] {
        assert_eq!((status(&[], event), status(&["insists-on-seq"], event)), (200, 400), "{event}");
    }
    assert_eq!(status(&["insists-on-seq"], &numbered), 200);
}

#[test]
fn an_unknown_name_gets_the_nearest() {
    assert_eq!(find("standard-limit-60").unwrap_err().nearest, Some("standard-limit-61"));
    assert_eq!(find("nosuch").unwrap_err().nearest, None);
}
