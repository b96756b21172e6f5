use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::mock::control::ControlToken;
use crate::mock::engine::Engine;
use crate::mock::gateway::Gateway;
use crate::mock::keys::WELL_KNOWN_KEYS;
use crate::mock::settings::Settings;

const HERE: &str = "localhost:4010";
const HOSTILE: &str = "<script>alert('x')</script>\"&<b>";

/// A mock without a server.
struct Mock {
    gateway: Arc<Gateway>,
    control: Control,
    /// The server's time in milliseconds.
    now: Cell<u64>,
}

impl Mock {
    fn new(token: Option<&str>) -> Self {
        let engine = Arc::new(Engine::new(Settings::default(), 1_769_860_800_000));
        let gateway = Arc::new(Gateway::new(engine, None, None));
        let token = token.and_then(ControlToken::new);
        Self { control: Control::new(Arc::clone(&gateway), token), gateway, now: Cell::new(1_000) }
    }

    /// Sends a request to the product API.
    fn send(&self, path: &str, query: &str, headers: &[(&str, &[u8])], body: &[u8]) -> u16 {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let request = Request { method, path, query, headers, body, ..Request::default() };
        let delivery = self.gateway.take(&request, self.now.get(), Instant::now());
        delivery.pending.answered();
        delivery.reply.unwrap().status
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let peer = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (headers, body) = (headers.as_slice(), body.as_bytes());
        let request = Request { method, path, query, headers, body, peer, ..Request::default() };
        match handle(&self.control, &request, self.now.get()) {
            Answer::Reply(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[("host", HERE)], "")
    }

    fn see(&self, path: &str) -> String {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.text().into_owned()
    }

    /// Sends a form as the page does.
    fn post(&self, section: &str, body: &str) -> Reply {
        let origin = format!("http://{HERE}");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let headers = [("host", HERE), ("origin", origin.as_str()), kind, ("sec-fetch-site", "same-origin")];
        self.ask("POST", &format!("/_mock/page/{section}"), &headers, body)
    }

    /// Sends a form that works; gives what is seen where it leads.
    fn done(&self, section: &str, body: &str) -> String {
        let reply = self.post(section, body);
        assert_eq!(reply.status, 303, "{body}: {}", reply.text());
        self.see(reply.header("location").unwrap())
    }

    /// Makes a key over the page; gives its plaintext.
    fn key(&self, fields: &str) -> String {
        let made = self.post("keys", &format!("do=create&{fields}"));
        assert_eq!(made.status, 200, "{}", made.text());
        let (_, rest) =
            made.text().split_once("ct_live_").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!("ct_live_{}", &rest[..32])
    }
}

fn well_formed(page: &str) {
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
    for tag in ["section", "table", "form", "tr", "td", "ul", "li", "label", "p", "details", "main"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag} in {page}");
    }
}

#[test]
fn every_section_is_a_whole_page_and_its_part_is_in_it() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=write%3Aevents&scope=read%3Aanalytics&plan=premium");
    let event = r#"{"events":[{"event":"session_start","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#;
    assert_eq!(mock.send("/api/v1/events", "", &[("x-api-key", key.as_bytes())], event.as_bytes()), 200);
    mock.done("faults", "do=add&what=latency&latency_ms=5&seconds=60");
    for section in Section::ALL {
        let link = section.link("default", &[]);
        let page = mock.see(&link);
        well_formed(&page);
        assert!(page.contains(&format!(
            "<h1>{}",
            if section == Section::Keys { "API Keys".to_owned() } else { section.title() }
        )));
        assert!(!page.contains(&key[8..]), "{link}: a key is shown once");
        let part = mock.see(&format!("{link}&part=1"));
        let first = part.lines().next().unwrap();
        assert!(!part.contains("<main") && page.contains(first), "{part}");
    }
    well_formed(&mock.see("/_mock/page/requests/0"));
    assert!(mock.see("/_mock/page/requests/0?part=1").starts_with("<article"));
    assert_eq!(mock.get("/_mock").header("location"), Some("/_mock/"));
    for (path, status) in [
        ("/_mock/page/nothing", 404),
        ("/_mock/page/requests/9", 404),
        ("/_mock/page/requests/..", 404),
        ("/_mock/page/requests/", 404),
        ("/_mock/?workspace=nowhere", 404),
        ("/_mock/?workspace=default%2Fkeys", 404),
        ("/_mock/?status=soon", 400),
    ] {
        let reply = mock.get(path);
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.text().contains("role=\"alert\""), "{path}");
    }
    assert_eq!(
        mock.ask("PUT", "/_mock/", &[("host", HERE), ("origin", "http://localhost:4010")], "").status,
        405
    );
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_is_kept() {
    let mock = Mock::new(None);
    for path in ["/_mock/", "/_mock/page/script.js", "/_mock/page/style.css", "/_mock/page/nothing"] {
        let reply = mock.get(path);
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    let files: Vec<&str> = FILES.iter().map(|(_, _, text)| *text).collect();
    let pages = Section::ALL.map(|section| mock.see(&section.link("default", &[]))).concat();
    for text in [files[0], files[1], &pages] {
        for elsewhere in ["https://", "src=\"//", "url(", "@import", "style=\"", " onclick", "javascript:"] {
            assert!(!text.contains(elsewhere), "{elsewhere}");
        }
    }
}

#[test]
fn what_a_client_sends_is_never_more_than_text() {
    let mock = Mock::new(None);
    let key = mock.key("name=%3Cscript%3Ealert('x')%3C%2Fscript%3E%22%26%3Cb%3E&scope=write%3Aevents");
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes()), ("user-agent", HOSTILE.as_bytes())];
    let body =
        format!(r#"{{"events":[{{"event":"{0}","session_id":"{0}"}}]}}"#, HOSTILE.replace('"', "\\\""));
    assert_eq!(mock.send("/api/v1/events", "<script>alert(1)</script>", headers, body.as_bytes()), 400);
    assert_eq!(mock.send("/<script>alert(1)</script>", "", headers, b""), 404);
    let event =
        body.replace(r#""event":"#, r#""ts":"2026-01-01T00:00:00Z","seq":1,"event":"session_start","data":"#);
    let event = event.replace(r#""data":"<"#, r#""data":{},"x":"<"#);
    assert_eq!(mock.send("/api/v1/events", "", headers, event.as_bytes()), 200, "{event}");
    mock.done("faults", "do=add&what=status&status=500&path=%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    let mut pages: Vec<String> = Section::ALL.map(|section| mock.see(&section.link("default", &[]))).into();
    pages.extend((0..3).map(|number| mock.see(&format!("/_mock/page/requests/{number}"))));
    pages.push(mock.see("/_mock/?path=%3Cscript%3Ealert(1)%3C%2Fscript%3E&said=%3Cscript%3E"));
    pages.push(
        mock.post("faults", "do=add&what=latency&latency_ms=<script>&path=<script>").text().into_owned(),
    );
    pages.push(mock.post("keys", "do=create&name=<script>&scope=<script>").text().into_owned());
    for page in &pages {
        well_formed(page);
        assert!(!page.contains("<script>") && !page.contains("alert('x')"), "{page}");
    }
    let shown = pages.iter().filter(|page| page.contains("&lt;script&gt;")).count();
    assert_eq!(shown, pages.len(), "it is everywhere, as text");
}

#[test]
fn a_key_is_made_shown_once_used_and_revoked() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=read%3Aanalytics&plan=premium");
    let table = mock.see("/_mock/page/keys");
    assert!(table.contains("laptop") && table.contains("premium") && table.contains("never"), "{table}");
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes())];
    assert_eq!(mock.send("/api/v1/sessions", "", headers, b""), 200);
    let table = mock.see("/_mock/page/keys");
    assert!(!table.contains(&key[8..]) && !table.contains("never"), "{table}");
    let id = table.split("id=\"key_").nth(1).unwrap().split('"').next().unwrap();
    let said = mock.done("keys", &format!("do=revoke&id=key_{id}"));
    assert!(said.contains("it gets 401") && said.contains("revoked"), "{said}");
    assert_eq!(mock.send("/api/v1/sessions", "", headers, b""), 401);
    assert!(mock.see("/_mock/").contains("The key has been revoked."));

    let refused = mock.post("keys", "do=create&name=none+at+all&plan=premium");
    assert_eq!(refused.status, 400);
    let again = refused.text();
    assert!(
        again.contains("a key has one or more scopes") && again.contains("value=\"none at all\""),
        "{again}"
    );
    assert!(again.contains("value=\"premium\" selected"), "what was filled in stays");
    assert_eq!(mock.post("keys", "do=revoke&id=key_nobody").status, 404);
    assert_eq!(mock.post("keys", "do=revoke&id=a%2Fb").status, 404);
    assert_eq!(mock.post("keys", "do=nonsense").status, 400);
}

#[test]
fn a_used_up_window_says_why_and_when_it_frees_and_the_clock_frees_it() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=read%3Aanalytics");
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes())];
    mock.done("limits", "do=set&standard=2%2F60s&limiter=anchored");
    let statuses = [(); 3].map(|()| mock.send("/api/v1/sessions", "", headers, b""));
    assert_eq!(statuses, [200, 200, 429]);
    let page = mock.see("/_mock/");
    assert!(page.contains("<b>requests</b> used up; frees in 60 s, at 12:01:01.000"), "{page}");
    mock.now.set(2_000);
    for link in ["/_mock/", "/_mock/page/limits"] {
        let page = mock.see(link);
        assert!(page.contains("<progress max=\"2\" value=\"2\" class=\"full\""), "{page}");
        assert!(page.contains("frees in <b class=\"countdown\">59 s</b>"), "a second has gone by: {page}");
    }
    let page = mock.done("limits", "do=advance&seconds=60&back=requests");
    assert!(page.contains("The clock is set.") && !page.contains("countdown"), "{page}");
    assert_eq!(mock.send("/api/v1/sessions", "", headers, b""), 200);
    assert!(mock.done("limits", "do=freeze").contains("and stands still"));
    assert!(!mock.done("limits", "do=unfreeze").contains("and stands still"));
    let wrong = mock.post("limits", "do=set&standard=5+parsecs");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("is no limit; write") && wrong.text().contains("value=\"5 parsecs\""));
    assert!(mock.done("sessions", "do=reset").contains("forgotten"));
    assert!(mock.see("/_mock/").contains("No requests"));
}

#[test]
fn to_say_what_is_so_already_begins_no_window_anew() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=read%3Aanalytics");
    mock.send("/api/v1/sessions", "", &[("x-api-key", key.as_bytes())], b"");
    let said = "standard=60%2F60s&premium=300%2F60s&ingestion=1000%2C100000%2F60s&limiter=anchored";
    let form = mock.see("/_mock/page/limits");
    assert!(
        ["60/60s", "300/60s", "1000,100000/60s"]
            .iter()
            .all(|text| form.contains(&text.replace('/', "&#x2f;")) || form.contains(text)),
        "{form}"
    );
    assert!(mock.done("limits", &format!("do=set&{said}")).contains("1 of 60"));
    assert!(
        mock.done("limits", &format!("do=set&{said}").replace("anchored", "sliding")).contains("0 of 60")
    );
}

#[test]
fn faults_and_deviations_are_switched_on_shown_and_taken_away() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=read%3Aanalytics");
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes())];
    let page = mock.see("/_mock/page/faults");
    let id = page.split("<option value=\"key_").nth(1).unwrap().split('"').next().unwrap();
    let page =
        mock.done("faults", &format!("do=add&what=status&status=503&retry_after=2&key=key_{id}&seconds=90"));
    assert!(
        page.contains("answers 503, Retry-After 2 s") && page.contains("<b class=\"countdown\">90 s</b>"),
        "{page}"
    );
    assert!(page.contains("This is not the reference now") && page.contains("1 fault"), "{page}");
    assert_eq!(mock.send("/api/v1/sessions", "", headers, b""), 503);
    assert!(mock.see("/_mock/").contains("met fault_1"));
    for (form, words) in [
        ("what=latency&latency_ms=400&spread_ms=100&first=3", "answers 400 ms late, give or take 100 ms"),
        ("what=reset&reset=after&every=2", "cuts the connection after the effect"),
        ("what=truncate&truncate=7&percent=25", "breaks answers off after 7 bytes"),
        ("what=slow&slow_body_ms=5000&path=%2Fapi%2F*", "bodies take 5 s"),
        ("what=deviate&deviate=leak&seconds=30", "decides otherwise: <code>leak</code>"),
    ] {
        assert!(mock.done("faults", &format!("do=add&{form}")).contains(words), "{words}");
    }
    let page = mock.see("/_mock/page/faults");
    for words in ["the first 3", "one in 2", "25.0 %", "6 faults"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!mock.done("faults", "do=remove&id=fault_1").contains("fault_1<"));
    assert!(mock.done("faults", "do=clear").contains("No fault is switched on"));
    for (form, words) in [
        ("what=latency&latency_ms=soon", "`latency_ms` is a whole number, not `soon`"),
        ("what=status&status=99", "`status` is 200 to 599"),
        ("what=everything", "Choose what goes wrong."),
    ] {
        let refused = mock.post("faults", &format!("do=add&{form}"));
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(words), "{}", refused.text());
    }

    let page = mock.done("faults", "do=deviate&deviation=no-challenge&deviation=accept-bearer");
    assert!(page.contains("2 deviations") && page.contains("value=\"accept-bearer\" checked"), "{page}");
    let bearer = format!("Bearer {key}");
    let as_bearer: &[(&str, &[u8])] = &[("authorization", bearer.as_bytes())];
    assert_eq!(mock.send("/api/v1/sessions", "", as_bearer, b""), 200);
    assert_eq!(mock.post("faults", "do=deviate&deviation=accept-baerer").status, 400);
    let page = mock.done("faults", "do=deviate");
    assert!(
        !page.contains("This is not the reference") && !page.contains("checkbox\" role=\"switch\" checked")
    );
    assert_eq!(mock.send("/api/v1/sessions", "", as_bearer, b""), 401);
}

#[test]
fn a_request_is_sent_again_with_another_key_by_form_or_by_curl() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=read%3Aanalytics");
    mock.key("name=plugin&scope=write%3Aevents");
    let event = r#"{"events":[{"event":"error","session_id":"it's","ts":"2026-01-01T00:00:00Z"}]}"#;
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes()), ("content-type", b"application/json")];
    assert_eq!(mock.send("/api/v1/events", "", headers, event.as_bytes()), 403);
    let shown = mock.see("/_mock/page/requests/0?part=1");
    let command =
        shown.split("<pre id=\"curl\" tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap();
    let command = command.replace("&#x27;", "'").replace("&quot;", "\"").replace("&#x2f;", "/");
    assert_eq!(
        command,
        format!(
            "curl -X POST -H \"X-API-Key: $TRENCHCHECK_KEY\" -H 'Content-Type: application/json' --data-binary '{}' http://{HERE}/api/v1/events",
            event.replace('\'', r"'\''")
        )
    );
    let plugin = shown.split("<option value=\"key_").nth(1).unwrap().split('"').next().unwrap();
    let page = mock.done("requests", &format!("do=again&id=0&key=key_{plugin}"));
    assert!(page.contains("It was sent again") && page.contains("1 accepted"), "{page}");
    assert!(mock.see("/_mock/page/requests/1").contains("plugin"));
    assert_eq!(mock.post("requests", "do=again&id=0&key=nobody").status, 404);

    let long = format!("{}{}", event, " ".repeat(3_000));
    assert_eq!(mock.send("/api/v1/events", "", headers, long.as_bytes()), 403);
    let page = mock.see("/_mock/page/requests/2");
    assert!(
        page.contains("Only the beginning of its body is kept") && !page.contains("Send again"),
        "{page}"
    );
    assert_eq!(mock.post("requests", &format!("do=again&id=2&key=key_{plugin}")).status, 400);
}

#[test]
fn what_is_filtered_is_in_the_address_in_the_picture_and_in_the_archive() {
    let mock = Mock::new(None);
    let key = mock.key("name=laptop&scope=read%3Aanalytics");
    mock.done("limits", "do=set&standard=2%2F60s");
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes())];
    for _ in 0..3 {
        mock.send("/api/v1/sessions", "", headers, b"");
    }
    mock.send("/api/v1/sessions", "", &[], b"");
    let page = mock.see("/_mock/");
    assert!(page.contains("4 requests from 12:00:01") && page.contains("1 answered 429\""), "{page}");
    assert_eq!(page.matches("<rect").count(), 2, "one part, and its 429s");
    let page = mock.see("/_mock/?outcome=rate-limited&key=laptop&path=%2Fapi%2F*");
    assert!(page.contains("1 request from") && page.matches("<td class=\"request\">").count() == 1, "{page}");
    assert!(page.contains("selected value=\"rate-limited\"") && page.contains("value=\"laptop\""), "{page}");
    let link =
        page.split("href=\"").find(|link| link.contains("journal.har")).unwrap().split('"').next().unwrap();
    let link = link.replace("&#x2f;", "/").replace("&amp;", "&");
    let archive = mock.get(&link);
    let body: serde_json::Value = serde_json::from_slice(&archive.body).unwrap();
    assert_eq!(body["log"]["entries"].as_array().unwrap().len(), 1);
    assert!(archive.header("content-disposition").unwrap().contains("journal.har"));
    assert_eq!(mock.get("/_mock/?outcome=fine").status, 400);
}

#[test]
fn every_list_has_an_end_and_the_newest_comes_first() {
    let mock = Mock::new(None);
    for number in 0..120 {
        mock.key(&format!("name=number-{number}.&scope=read%3Aanalytics"));
        mock.send(&format!("/{number}."), "", &[], b"");
        mock.send(&format!("/{number}."), "", &[], b"");
    }
    let page = mock.see("/_mock/page/keys");
    assert!(page.find("number-119.").unwrap() < page.find("number-118.").unwrap());
    assert!(page.contains("number-70.") && !page.contains("number-69."));
    assert!(page.contains("Older") && !page.contains("Newer"));
    let page = mock.see("/_mock/page/keys?offset=100");
    assert!(page.contains("number-0.") && page.contains("number-19.") && !page.contains("number-20."));
    assert!(!page.contains("Older") && page.contains("Newer"));
    assert_eq!(mock.see("/_mock/page/limits").matches("<td class=\"name\">").count(), 50);
    assert!(mock.see("/_mock/page/limits?offset=100").contains("number-119."));
    let rows = mock.see("/_mock/");
    assert_eq!(rows.matches("<td class=\"request\">").count(), 200, "of 240");
    assert!(!rows.contains(" &#x2f;0.<") && !rows.contains(" /0.<"));
    let choices = mock.see("/_mock/page/faults");
    assert_eq!(choices.matches("<option value=\"key_").count(), 100);
    assert!(choices.contains("number-119.") && !choices.contains("number-19."));
}

#[test]
fn a_page_that_is_open_is_told_rows_and_one_that_is_older_than_the_mock_begins_anew() {
    let mock = Mock::new(None);
    for _ in 0..300 {
        mock.send("/api/v1/sessions", "", &[("user-agent", HOSTILE.as_bytes())], b"");
    }
    let follow = |query: &str, headers: &[(&str, &[u8])]| {
        let headers = [&[("host", HERE.as_bytes())], headers].concat();
        let peer = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let path = "/_mock/page/stream";
        let request = Request { method: "GET", path, query, headers: &headers, peer, ..Request::default() };
        let Answer::Follow(asked) = handle(&mock.control, &request, 0) else { panic!("{query}") };
        let found = asked.workspace.journal.newest(&asked.filter, asked.from, asked.format.most);
        let mut text = String::new();
        (asked.format.write)(&mut text, &asked.workspace, &found);
        (asked.format.greeting, text)
    };
    let (greeting, text) = follow("after=297", &[]);
    assert!(greeting.starts_with(": "));
    assert!(text.starts_with("event: rows\nid: 299\ndata: \"") && text.ends_with("\"\n\n"), "{text}");
    assert_eq!((text.matches("<tr").count(), text.lines().count()), (2, 4));
    assert_eq!(follow("after=299", &[]).1, "");
    let (_, all) = follow("", &[]);
    assert_eq!(all.matches("<td class=\\\"request").count(), 100);
    assert!(all.contains("200 more came too fast"), "{all}");
    assert_eq!(follow("after=0&status=200", &[]).1, "");
    let (greeting, text) = follow("after=5", &[("last-event-id", b"298")]);
    assert!(greeting.starts_with(": ") && text.matches("<tr").count() == 1);
    let (greeting, text) = follow("after=5000", &[]);
    assert!(greeting.starts_with("event: anew\n") && text.contains("id: 299\n"));
}

#[test]
fn forms_of_other_sites_and_other_machines_are_refused() {
    let mock = Mock::new(None);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let post =
        |headers: &[(&str, &str)]| mock.ask("POST", "/_mock/page/requests", headers, "do=clear").status;
    let (host, own) = (("host", HERE), ("origin", "http://localhost:4010"));
    assert_eq!(post(&[host, own, kind]), 303);
    assert_eq!(post(&[host, kind, ("sec-fetch-site", "same-origin")]), 303);
    for headers in [
        &[host, kind][..],
        &[host, kind, ("origin", "null")],
        &[host, kind, ("origin", "https://evil.example")],
        &[host, kind, ("origin", "http://localhost:3000")],
        &[host, kind, ("sec-fetch-site", "cross-site")],
        &[host, kind, ("sec-fetch-site", "same-site")],
        &[host, kind, own, ("sec-fetch-site", "same-site")],
        &[("host", "evil.example"), ("origin", "http://evil.example"), kind],
        &[kind, own],
    ] {
        assert_eq!(post(headers), 403, "{headers:?}");
    }
    assert_eq!(post(&[host, own]), 400, "a script of another site can send text, but no form");
    assert_eq!(mock.ask("GET", "/_mock/", &[("host", "evil.example")], "").status, 403);
    assert_eq!(mock.ask("GET", "/_mock/page/style.css", &[("host", "evil.example")], "").status, 403);
    let peer = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let headers: &[(&str, &[u8])] = &[("host", HERE.as_bytes())];
    let elsewhere = Request { method: "GET", path: "/_mock/", headers, peer, ..Request::default() };
    assert!(matches!(handle(&mock.control, &elsewhere, 0), Answer::Reply(reply) if reply.status == 403));
}

#[test]
fn with_a_token_a_browser_is_asked_for_it() {
    // `anybody:open sesame`, and the same with another word.
    let (right, wrong) = ("Basic YW55Ym9keTpvcGVuIHNlc2FtZQ==", "Basic YW55Ym9keTpvcGVuIGJhcmxleQ==");
    let mock = Mock::new(Some("open sesame"));
    let host = ("host", "mock.example");
    let asked = mock.ask("GET", "/_mock/", &[host], "");
    assert_eq!(asked.status, 401);
    assert!(asked.header("www-authenticate").unwrap().starts_with("Basic "));
    assert_eq!(mock.ask("GET", "/_mock/", &[host, ("authorization", wrong)], "").status, 401);
    assert_eq!(mock.ask("GET", "/_mock/", &[host, ("authorization", "Basic !")], "").status, 401);
    assert_eq!(mock.ask("GET", "/_mock/", &[host, ("authorization", right)], "").status, 200);
    assert_eq!(mock.ask("GET", "/_mock/", &[host, ("authorization", "Bearer open sesame")], "").status, 200);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let post = |origin| {
        let headers = [host, kind, ("authorization", right), ("origin", origin)];
        mock.ask("POST", "/_mock/page/requests", &headers, "do=clear").status
    };
    // A browser sends the password with forms of other sites, too.
    assert_eq!([post("https://mock.example"), post("https://evil.example")], [303, 403]);
    // And so the control API itself does not take it.
    let headers: &[(&str, &[u8])] = &[("authorization", right.as_bytes())];
    let health = Request { method: "GET", path: "/_mock/health", headers, ..Request::default() };
    assert!(matches!(mock.control.handle(&health, 0), Answer::Reply(reply) if reply.status == 401));
}

#[test]
fn well_known_keys_are_never_shown() {
    let mock = Mock::new(None);
    for known in WELL_KNOWN_KEYS {
        mock.send("/api/v1/sessions", known.plaintext, &[("x-api-key", known.plaintext.as_bytes())], b"");
    }
    let pages = Section::ALL.map(|section| mock.see(&section.link("default", &[]))).concat();
    assert!(WELL_KNOWN_KEYS.iter().all(|key| !pages.contains(&key.plaintext[8..])));
}
