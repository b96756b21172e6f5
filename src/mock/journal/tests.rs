use super::*;
use crate::mock::reply::Summary;
use crate::mock::request::{Presented, Request};

const KEY: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";

fn entry(request: &Request<'_>, status: u16) -> JournalEntry {
    JournalEntry {
        id: 0,
        at: i64::from(status),
        status,
        summary: Summary::default(),
        ended: None,
        took_us: 0,
        kept: Kept::of(request, Presented::of(request), Some(b"{}")),
    }
}

fn journal(entries: usize) -> Journal {
    Journal::new(Arc::new(Room::new(entries)))
}

fn ids(found: &Found) -> Vec<u64> {
    found.entries.iter().map(|entry| entry.id).collect()
}

fn filter(query: &str) -> Filter {
    Filter::of(&Request { query, ..Request::default() }).unwrap()
}

#[test]
fn it_holds_so_many_and_says_how_many_it_lost() {
    let journal = journal(3);
    for status in 200..210 {
        journal.push(entry(&Request::default(), status));
    }
    let found = journal.all(&Filter::default(), 4);
    assert_eq!((ids(&found), found.next, found.missed), (vec![7, 8, 9], 10, 3));
    assert_eq!(ids(&journal.all(&Filter::default(), 8)), [8, 9]);
    assert_eq!(ids(&journal.newest(&Filter::default(), 0, 2)), [8, 9]);
    assert_eq!(journal.newest(&Filter::default(), 0, 2).total, 3);
    let status = |id| journal.entry(id).map(|entry| entry.status);
    assert_eq!([6, 7, 9, 10].map(status), [None, Some(207), Some(209), None]);
    journal.clear();
    assert!(journal.entry(9).is_none());
    let found = journal.all(&Filter::default(), 4);
    assert_eq!((found.entries.len(), found.next, found.missed), (0, 10, 0), "what was cleared is not missed");
}

#[test]
fn all_journals_together_hold_so_many_bytes() {
    let room = Arc::new(Room::new(usize::MAX));
    let journals = [Journal::new(Arc::clone(&room)), Journal::new(Arc::clone(&room))];
    let body = vec![b'x'; 2_048];
    let request = Request { body: &body, ..Request::default() };
    for _ in 0..30_000 {
        journals[0].push(entry(&request, 200));
    }
    assert!(room.taken.load(Ordering::Relaxed) <= ROOM);
    for _ in 0..30_000 {
        journals[1].push(entry(&request, 200));
    }
    assert!(room.taken.load(Ordering::Relaxed) <= ROOM + 4_096);
    assert!(journals[1].len() >= 1, "the latest is always there");
    drop(journals);
    assert_eq!(room.taken.load(Ordering::Relaxed), 0);
}

#[test]
fn filters_agree_with_looking_at_each_entry() {
    let journal = journal(1_000);
    let mut all = Vec::new();
    for method in ["GET", "POST"] {
        for path in ["/api/v1/events", "/w/ws_1/api/v1/events", "/api/v1/sessions"] {
            for status in [200_u16, 404, 429] {
                journal.push(entry(&Request { method, path, ..Request::default() }, status));
                all.push((method, path, status));
            }
        }
    }
    type Condition = fn(&(&str, &str, u16)) -> bool;
    let cases: [(&str, Condition); 6] = [
        ("method=POST", |(method, _, _)| *method == "POST"),
        ("status=429", |(_, _, status)| *status == 429),
        ("status=4xx", |(_, _, status)| *status >= 400),
        ("path=/api/v1/events", |(_, path, _)| path.ends_with("events")),
        ("path=/w/ws_1/*", |(_, path, _)| path.starts_with("/w/")),
        ("path=/api/*&status=2xx", |(_, _, status)| *status == 200),
    ];
    for (query, condition) in cases {
        let expected: Vec<u64> =
            (0..).zip(&all).filter(|(_, entry)| condition(entry)).map(|(id, _)| id).collect();
        assert_eq!(ids(&journal.all(&filter(query), 0)), expected, "{query}");
    }
    assert!(Filter::of(&Request { query: "status=6xx", ..Request::default() }).is_err());
    assert!(Filter::of(&Request { query: "since=yesterday", ..Request::default() }).is_err());
}

#[test]
fn no_key_is_kept_wherever_it_was_sent() {
    let path = format!("/api/v1/{KEY}");
    let query = format!("api_key={KEY}&x={KEY}");
    let body = format!(r#"{{"key":"{KEY}"}}"#);
    let basic = format!("Basic {}", &KEY[8..]);
    let cookie = format!("session={KEY}");
    let headers: &[(&str, &[u8])] = &[
        ("x-api-key", KEY.as_bytes()),
        ("authorization", basic.as_bytes()),
        ("cookie", cookie.as_bytes()),
        ("user-agent", KEY.as_bytes()),
    ];
    let request = Request {
        method: KEY,
        path: &path,
        query: &query,
        headers,
        body: body.as_bytes(),
        ..Request::default()
    };
    let kept = Kept::of(&request, Presented::of(&request), Some(body.as_bytes()));
    for text in kept.parts() {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains(&KEY[8..12]), "{text}");
    }
}

#[test]
fn long_texts_are_cut_and_a_key_at_the_cut_is_not_halved() {
    for before in 2_000..2_060 {
        let body = format!("{}{KEY}{}", "x".repeat(before), "y".repeat(9_000));
        let headers: &[(&str, &[u8])] = &[("x-api-key", &KEY.as_bytes()[8..])];
        let request = Request { headers, body: body.as_bytes(), ..Request::default() };
        let kept = Kept::of(&request, Presented::of(&request), None);
        assert!(kept.parts()[4].len() <= 2_048 && kept.body_bytes == body.len());
        assert!(!String::from_utf8_lossy(kept.parts()[4]).contains(&KEY[8..12]), "{before}");
    }
}

#[test]
fn every_text_is_found_again_in_its_place() {
    let request = Request {
        method: "POST",
        path: "/p",
        query: "q=1",
        headers: &[("host", b"h"), ("accept", b"*/*")],
        body: b"body",
        ..Request::default()
    };
    let mut kept = Kept::of(&request, Presented::Missing, Some(b"answer"));
    let texts = |kept: &Kept| kept.parts().map(|text| String::from_utf8_lossy(text).into_owned());
    assert_eq!(texts(&kept), ["POST", "/p", "q=1", "host: h\naccept: */*\n", "body", "answer"]);
    kept.answered_otherwise(b"else");
    assert_eq!((texts(&kept)[4].as_str(), texts(&kept)[5].as_str(), kept.answer_bytes), ("body", "else", 4));
}

#[test]
fn an_outcome_is_filtered_by_the_word_it_is_shown_with() {
    for outcome in JournalOutcome::ALL {
        assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.word());
    }
    let journal = journal(9);
    let mut fault = entry(&Request::default(), 202);
    fault.summary.injected = true;
    journal.push(fault);
    journal.push(entry(&Request::default(), 200));
    assert_eq!(ids(&journal.all(&filter("outcome=fault"), 0)), [0]);
    assert_eq!(ids(&journal.all(&filter("outcome=ok"), 0)), [1]);
    let wrong = Request { query: "outcome=fine", ..Request::default() };
    assert!(Filter::of(&wrong).unwrap_err().starts_with("`outcome` is one of ok, "));
}

#[test]
fn a_timeline_has_every_request_in_its_part() {
    assert_eq!(serde_json::to_value(Arrivals::of(&[])).unwrap()["parts"], serde_json::json!([]));
    let at = |at: i64, status| Arc::new(JournalEntry { at, ..entry(&Request::default(), status) });
    let line = Arrivals::of(&[at(59_999, 429), at(1_000, 200), at(0, 200), at(59_000, 200), at(999, 429)]);
    let line = serde_json::to_value(line).unwrap();
    let part = |place: u32, requests: u32, limited: u32| serde_json::json!({"place": place, "requests": requests, "limited": limited});
    assert_eq!(line["parts"], serde_json::json!([part(0, 2, 1), part(1, 1, 0), part(59, 2, 1)]));
    assert_eq!((&line["requests"], &line["limited"], &line["most"]), (&5.into(), &2.into(), &2.into()));
    assert_eq!(
        (&line["from"], &line["to"]),
        (&"1970-01-01T00:00:00.000Z".into(), &"1970-01-01T00:00:59.999Z".into())
    );
}

#[test]
fn an_archive_has_what_developer_tools_ask_for_and_no_key() {
    let headers: &[(&str, &[u8])] =
        &[("host", b"localhost:4010"), ("content-type", b"application/json"), ("x-api-key", KEY.as_bytes())];
    let (method, path, query) = ("POST", "/api/v1/events", "a=1&b");
    let request = Request { method, path, query, headers, body: b"{\"events\":[]}", ..Request::default() };
    let archive = har(&[EntryView::from(&entry(&request, 400))]);
    let log = &archive["log"];
    assert_eq!((&log["version"], &log["creator"]["name"]), (&"1.2".into(), &"trenchcheck".into()));
    let sent = &log["entries"][0]["request"];
    assert_eq!(sent["url"], "http://localhost:4010/api/v1/events?a=1&b");
    assert_eq!(
        sent["queryString"],
        serde_json::json!([{"name": "a", "value": "1"}, {"name": "b", "value": ""}])
    );
    assert_eq!(
        sent["postData"],
        serde_json::json!({"mimeType": "application/json", "text": "{\"events\":[]}"})
    );
    assert_eq!(log["entries"][0]["response"]["content"]["text"], "{}");
    assert!(!archive.to_string().contains(&KEY[8..]));
    // What HAR 1.2 demands of every entry, request and response.
    for (of, members) in [
        (&log["entries"][0], "startedDateTime time request response cache timings"),
        (sent, "method url httpVersion cookies headers queryString headersSize bodySize"),
        (
            &log["entries"][0]["response"],
            "status statusText httpVersion cookies headers content redirectURL headersSize bodySize",
        ),
    ] {
        assert!(members.split(' ').all(|member| !of[member].is_null()), "{members}: {of}");
    }
}
