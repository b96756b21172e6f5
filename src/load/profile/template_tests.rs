use super::*;

const TWO: &str = r#"{
  "events": [
    {"event_type": "session_start", "session_id": "s-1", "timestamp": "2026-01-01T00:00:00Z", "data": {"n": 1.50}},
    {"timestamp": "2026-01-01T01:00:02.250+01:00", "session_id": "s-1", "event_type": "error"}
  ], "more": true
}
"#;

fn newest() -> DateTime<Utc> {
    "2026-09-21T12:00:10.500Z".parse().unwrap()
}

fn sent(template: &Template) -> serde_json::Value {
    serde_json::from_slice(&template.body(newest())).unwrap()
}

#[test]
fn events_go_out_as_they_are_written_with_fresh_sessions_and_times() {
    let template = Template::read("two.json", TWO).unwrap();
    assert_eq!(template.events(), 2);
    let body = String::from_utf8(template.body(newest()).to_vec()).unwrap();
    let session = sent(&template)["events"][0]["session_id"].as_str().unwrap().len();
    assert_eq!(session, 36);
    let start = body.find("\"session_id\": \"").unwrap() + 15;
    let session = body[start..start + 36].to_owned();
    let expected = TWO
        .trim_end()
        .replace("s-1", &session)
        .replace("2026-01-01T00:00:00Z", "2026-09-21T12:00:08.250Z")
        .replace("2026-01-01T01:00:02.250+01:00", "2026-09-21T13:00:10.500+01:00");
    assert_eq!(body, expected);
}

#[test]
fn no_two_requests_share_a_session_and_sessions_of_one_request_stay_apart() {
    let two = TWO.replacen("\"s-1\", \"event_type\"", "\"s-2\", \"event_type\"", 1);
    let template = Template::read("two.json", &two).unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..10 {
        for event in sent(&template)["events"].as_array().unwrap() {
            assert!(seen.insert(event["session_id"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(seen.len(), 20);
}

#[test]
fn an_envelope_the_target_does_not_take_is_refused_at_its_event() {
    let wire = TWO.replacen("event_type", "event", 1).replacen("timestamp", "ts", 1);
    let template = Template::read("two.json", &wire).unwrap();
    assert!(template.suits(Envelope::Auto).is_ok());
    let place = |envelope| {
        let problem = template.suits(envelope).unwrap_err();
        (problem.at.line, problem.at.column, problem.what)
    };
    let what = "this event is in the wire envelope, and the target takes the documented one";
    assert_eq!(place(Envelope::Documented), (3, 5, what.to_owned()));
    assert_eq!(place(Envelope::Wire).0, 4);
    assert!(Template::read("two.json", TWO).unwrap().suits(Envelope::Documented).is_ok());
}

#[test]
fn a_body_is_one_that_can_be_sent() {
    let event = r#"{"event":"error","session_id":"s","ts":"2026-01-01T00:00:00Z"}"#;
    let of = |count: usize| {
        let events: Vec<String> = (0..count)
            .map(|nth| event.replace("00:00Z", &format!("{:02}:{:02}Z", nth / 60, nth % 60)))
            .collect();
        Template::read("many.json", &format!("{{\"events\":[{}]}}", events.join(",\n")))
    };
    assert_eq!(of(1_000).unwrap().events(), 1_000);
    let error = of(1_001).unwrap_err().to_string();
    assert!(error.contains("1001 events are over what the API takes"), "{error}");
    assert!(error.contains("many.json:1001:1"), "{error}");
    assert!(of(0).unwrap_err().to_string().contains("there are no events in it"));
}
