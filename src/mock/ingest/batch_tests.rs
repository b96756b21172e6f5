use super::*;

const UUID: &str = "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11";

fn problems(body: &str) -> Vec<(String, String)> {
    let invalid = parse_events(body.as_bytes()).unwrap_err();
    assert_eq!(invalid.message, "Request body is invalid.");
    invalid.details.into_iter().map(|detail| (detail.field, detail.message)).collect()
}

#[test]
fn both_envelopes_are_read_also_mixed() {
    let body = format!(
        r#"{{"events":[
            {{"event_type":"tool_use","session_id":"{UUID}","timestamp":"1970-01-01T00:00:01Z",
              "data":{{"tool_name":"Bash","correlation_id":"c\u0031","nested":{{"deep":[1,2]}}}}}},
            {{"event":"prompt_submit","session_id":"any","ts":"1970-01-01T00:00:02+00:00","seq":7,"data":null}}
        ]}}"#
    );
    let batch = parse_events(body.as_bytes()).unwrap();
    assert_eq!(batch.events.len(), 2);
    assert_eq!(batch.events[0].kind, EventType::TOOL_USE);
    assert_eq!(batch.events[0].tool.as_deref(), Some("Bash"));
    assert_eq!(batch.events[0].correlation_id.as_deref(), Some("c1"));
    assert_eq!(batch.events[1].session_id, "any");
    assert_eq!(batch.events[1].at, 2_000);
}

#[test]
fn the_first_event_written_in_each_way_is_known() {
    let documented = format!(
        r#"{{"event_type":"error","session_id":"{UUID}","timestamp":"1970-01-01T00:00:00Z","seq":3}}"#
    );
    let wire =
        |seq: &str| format!(r#"{{"event":"error","session_id":"s","ts":"1970-01-01T00:00:00Z"{seq}}}"#);
    let numbered = wire(r#","seq":3"#);
    for (second, firsts) in [
        (&numbered, [None, None, Some(0)]),
        (&wire(""), [None, Some(1), Some(0)]),
        (&wire(r#","seq":null"#), [None, Some(1), Some(0)]),
        (&documented, [Some(1), None, Some(0)]),
    ] {
        let body = format!(r#"{{"events":[{numbered},{second},{second}]}}"#);
        assert_eq!(parse_events(body.as_bytes()).unwrap().firsts, firsts, "{second}");
    }
}

#[test]
fn a_tool_failed_if_its_result_says_so_in_any_of_the_three_ways() {
    for (data, failed) in [
        (r#"{"is_error":true}"#, true),
        (r#"{"error":"boom"}"#, true),
        (r#"{"success":false}"#, true),
        (r#"{"is_error":false,"error":null,"success":true}"#, false),
        (r#"{}"#, false),
    ] {
        let body = format!(
            r#"{{"events":[{{"event":"tool_result","session_id":"s","ts":"1970-01-01T00:00:00Z","data":{data}}}]}}"#
        );
        assert_eq!(parse_events(body.as_bytes()).unwrap().events[0].failed, failed, "{data}");
    }
}

#[test]
fn every_wrong_member_is_named_with_its_place() {
    let body = r#"{"events":[
        {"event_type":"nap","session_id":"no-uuid","timestamp":5,"data":[]},
        7,
        {"event":"error","session_id":"","ts":"soon","seq":-1},
        {}
    ]}"#;
    let fields: Vec<String> = problems(body).into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        [
            "events[0].event_type",
            "events[0].session_id",
            "events[0].timestamp",
            "events[0].data",
            "events[1]",
            "events[2].session_id",
            "events[2].ts",
            "events[2].seq",
            "events[3].event_type",
            "events[3].session_id",
            "events[3].timestamp",
        ]
    );
}

#[test]
fn what_is_no_batch_is_refused() {
    assert_eq!(problems("[]")[0].0, "body");
    assert_eq!(problems("{")[0].0, "body");
    assert_eq!(problems("{} trailing")[0].0, "body");
    assert_eq!(problems("{}"), [("events".to_owned(), "is required".to_owned())]);
    assert_eq!(problems(r#"{"events":{}}"#)[0].1, "must be an array");
    assert_eq!(problems(r#"{"events":[]}"#)[0].1, "must hold at least one event");
}

#[test]
fn more_than_a_thousand_have_a_sentence_of_their_own() {
    let event = r#"{"event":"error","session_id":"s","ts":"1970-01-01T00:00:00Z"}"#;
    let body = |count: usize| format!(r#"{{"events":[{}]}}"#, vec![event; count].join(","));
    assert_eq!(parse_events(body(1_000).as_bytes()).unwrap().events.len(), 1_000);
    let invalid = parse_events(body(1_001).as_bytes()).unwrap_err();
    assert_eq!(invalid.message, "Batch size exceeds limit of 1000 events per request.");
    assert!(invalid.details.is_empty());
}
