//! Every entry, switched on alone, changes some answer of a script that the reference answers as well.

mod scenes;

use std::collections::HashSet;

use super::*;
use scenes::{Ask, READ, SCENES, Script, WRITE, batch, play};

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
        assert_eq!(entry.checks.is_empty(), entry.breach.is_none(), "{}", entry.name);
    }
}

#[test]
fn every_single_deviation_changes_an_aspect_and_nothing_else_does() {
    for entry in catalogue() {
        let single = entry.breach.is_some() && entry.group != Group::Composed;
        assert_eq!(!entry.changes.is_empty(), single, "{}", entry.name);
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
fn each_kind_of_deployment_takes_its_own_events_and_names_what_is_missing() {
    let uuid = "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11";
    let at = "1970-01-01T00:00:00Z";
    let documented = format!(r#"{{"event_type":"error","session_id":"{uuid}","timestamp":"{at}"}}"#);
    let bare = format!(r#"{{"event":"error","session_id":"s","ts":"{at}"}}"#);
    let numbered = format!(r#"{{"event":"error","session_id":"s","ts":"{at}","seq":0}}"#);
    let missing = |change: &str, event: &str| {
        let script = Script::new(&behaviour(&[change], None).unwrap());
        let body = format!(r#"{{"events":[{numbered},{event}]}}"#);
        let body =
            if change.starts_with("documented") { body.replacen(&numbered, &documented, 1) } else { body };
        let headers: &[_] = &[("x-api-key", WRITE.as_bytes())];
        let path = "/api/v1/events";
        let reply = script.reply(Ask { method: "POST", path, headers, body: &body, ..Ask::default() });
        assert_eq!(reply.status == 400, reply.text().contains("VALIDATION_ERROR"), "{}", reply.text());
        let text = reply.text().into_owned();
        text.split("events[1].").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned())
    };
    for (change, wanted) in [
        ("created-on-ingest", ["", "", ""]),
        ("insists-on-seq", ["event", "seq", ""]),
        ("wire-envelope-only", ["event", "", ""]),
        ("documented-envelope-only", ["", "event_type", "event_type"]),
        ("as-deployed", ["event", "seq", ""]),
    ] {
        let said = [&documented, &bare, &numbered].map(|event| missing(change, event).unwrap_or_default());
        assert_eq!(said, wanted, "{change}");
    }
}

#[test]
fn as_deployed_is_strict_in_all_that_the_page_leaves_open() {
    let script = Script::new(&behaviour(&["as-deployed"], None).unwrap());
    let headers: &[_] = &[("x-api-key", WRITE.as_bytes())];
    let ask = |method, path, body| script.reply(Ask { method, path, headers, body, ..Ask::default() });
    let probe = ask("GET", "/api/v1/events", "");
    assert_eq!((probe.status, &*probe.body, probe.header("content-type")), (405, &b""[..], None));
    assert!(ask("GET", "/api/v1/nowhere", "").text().contains("<h1>"));
    let numbered = batch(0, 1).replace("\"}", "\",\"seq\":0}");
    assert_eq!(ask("POST", "/api/v1/events", &numbered).status, 201);
    let invalid = ask("POST", "/api/v1/events", "{}");
    let body: serde_json::Value = serde_json::from_slice(&invalid.body).unwrap();
    assert_eq!((invalid.status, &body["error"]["request_id"]), (400, &"req_3".into()), "{body}");
}

#[test]
fn an_unknown_name_gets_the_nearest() {
    assert_eq!(find("standard-limit-60").unwrap_err().nearest, Some("standard-limit-61"));
    assert_eq!(find("nosuch").unwrap_err().nearest, None);
}

#[test]
fn who_hides_another_does_not_get_along_with_it() {
    for (one, other, along) in [
        ("accept-bearer", "accept-cookie", true),
        ("premium-limit-299", "unauthorized-flat", true),
        ("standard-limit-61", "retry-after-missing", true),
        ("accept-bearer", "tools-accept-bearer", false),
        ("window-10s", "retry-after-late-half", false),
        ("no-limit", "limited-flat", false),
        ("per-connection", "window-30s", false),
        ("any-key-opens", "half-key-opens", false),
        ("events-unlimited", "straddle-partly-stored", false),
        ("unauthorized-flat", "unauthorized-empty", false),
        ("open-events", "accept-bearer", false),
        ("lax-startup", "accept-bearer", false),
        ("jitter", "accept-bearer", false),
    ] {
        let (one, other) = (find(one).unwrap(), find(other).unwrap());
        let said = get_along(one, other);
        assert_eq!(said.is_ok(), along, "{said:?}");
        assert_eq!(get_along(other, one).is_ok(), along, "{} and {}", one.name, other.name);
        assert!(get_along(one, one).is_err(), "{}", one.name);
    }
}
