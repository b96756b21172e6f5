//! What is asked of an engine to see whether it is the reference.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as STANDARD_BASE64;

use crate::contract::{ApiKey, Endpoint, Scope, Tier};
use crate::mock::behaviour::Behaviour;
use crate::mock::engine::Engine;
use crate::mock::keys::KeySpec;
use crate::mock::reply::Reply;
use crate::mock::request::Request;

pub(super) const READ: &str = "ct_live_Aq3fT8mZr1LkW6xYc0PdVb5NsHj2GuEe";
const READ_2: &str = "ct_live_bT7yQ2wXk9RmZ4cLp6VnHs1JdGf8UaEo";
pub(super) const WRITE: &str = "ct_live_Zx5cVb8nMq2wEr4tYu6iOp1aSd3fGh7j";
const WRITE_2: &str = "ct_live_Pl9oKm8iJn7uHb6yGv5tFc4rDx3eSz2w";
const BOTH: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";
const BOTH_REVERSED: &str = "ct_live_M7n8B9v0C1x2Z3l4K5j6H7g8F9d0S1a2";
const PREMIUM: &str = "ct_live_U2i3O4p5A6s7D8f9G0h1J2k3L4z5X6c7";
const PREMIUM_2: &str = "ct_live_V8b9N0m1Q2w3E4r5T6y7U8i9O0p1A2s3";

/// An hour after 1970 and a bit, so that nothing is aligned by chance.
const EPOCH: i64 = 3_617_345;

/// An engine, the time, and everything it answered.
pub(super) struct Script {
    pub(super) engine: Engine,
    pub(super) now: u64,
    pub(super) said: String,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'a str, &'a [u8])],
    pub(super) body: &'a str,
    pub(super) connection: u64,
    pub(super) http2: bool,
}

impl Script {
    pub(super) fn new(behaviour: &Behaviour) -> Self {
        let engine = Engine::new(behaviour.clone(), EPOCH);
        let workspace = engine.default_workspace();
        let (read, write) = (Scope::ReadAnalytics, Scope::WriteEvents);
        for (number, (plaintext, scopes, plan)) in [
            (READ, vec![read], Tier::Standard),
            (READ_2, vec![read], Tier::Standard),
            (WRITE, vec![write], Tier::Standard),
            (WRITE_2, vec![write], Tier::Standard),
            (BOTH, vec![read, write], Tier::Standard),
            (BOTH_REVERSED, vec![write, read], Tier::Standard),
            (PREMIUM, vec![read], Tier::Premium),
            (PREMIUM_2, vec![read], Tier::Premium),
        ]
        .into_iter()
        .enumerate()
        {
            let spec = KeySpec { name: plaintext.to_owned(), scopes, plan };
            let key = ApiKey::new(plaintext).unwrap();
            engine.create_key(&workspace, format!("key_{number}"), spec, &key, 0).unwrap();
        }
        Self { engine, now: 1_234, said: String::new() }
    }

    pub(super) fn reply(&self, ask: Ask<'_>) -> Reply {
        let request = Request {
            method: ask.method,
            path: ask.path,
            query: ask.query,
            headers: ask.headers,
            body: ask.body.as_bytes(),
            body_too_large: false,
            connection: ask.connection,
            http2: ask.http2,
            peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        self.engine.handle(&request, self.now)
    }

    fn ask(&mut self, ask: Ask<'_>) {
        let mut reply = self.reply(ask);
        if let Some(on_leave) = reply.on_leave.take() {
            on_leave();
        }
        writeln!(self.said, "{reply:?}").unwrap();
    }

    fn get(&mut self, key: &str, path: &str) {
        self.ask(Ask { method: "GET", path, headers: &[("X-API-Key", key.as_bytes())], ..Ask::default() });
    }

    fn post(&mut self, key: &str, body: &str) {
        let headers: &[_] = &[("x-api-key", key.as_bytes())];
        self.ask(Ask { method: "POST", path: "/api/v1/events", headers, body, ..Ask::default() });
    }
}

pub(super) fn batch(first: usize, count: usize) -> String {
    let events: Vec<String> = (first..first + count)
        .map(|number| {
            let (minute, second, ms) = (number / 60_000, number / 1_000 % 60, number % 1_000);
            let session = if number < 100_000 { "s" } else { "t" };
            format!(r#"{{"event":"tool_use","session_id":"{session}","ts":"1970-01-01T00:{minute:02}:{second:02}.{ms:03}Z"}}"#)
        })
        .collect();
    format!(r#"{{"events":[{}]}}"#, events.join(","))
}

/// An event in each way of writing one.
fn envelopes(script: &mut Script) {
    let documented =
        r#""event_type":"error","session_id":"0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11","timestamp""#;
    let wire = r#""event":"error","session_id":"s","ts""#;
    for (event, seq) in [(documented, ""), (wire, ""), (wire, r#","seq":0"#)] {
        script.post(WRITE, &format!(r#"{{"events":[{{{event}:"1970-01-01T00:00:00Z"{seq}}}]}}"#));
    }
}

/// Other spellings of a path, and other places to come from.
fn elsewhere(script: &mut Script) {
    let get = Ask { method: "GET", path: "/api/v1/sessions/", ..Ask::default() };
    script.ask(get);
    script.ask(Ask { headers: &[("X-API-Key", WRITE.as_bytes())], ..get });
    script.ask(Ask { path: "/api/v1/sessions", headers: &[("X-Forwarded-For", b"127.0.0.1")], ..get });
}

fn credentials(script: &mut Script) {
    let basic = format!("Basic {}", STANDARD_BASE64.encode(format!("user:{BOTH}")));
    let bearer = format!("Bearer {BOTH}");
    let in_query = format!("key={BOTH}");
    let schemed = format!("ApiKey {BOTH}");
    let cookie = format!("a=b; api_key={BOTH}");
    let in_body = format!(r#"{{"api_key":"{BOTH}","events":[]}}"#);
    let swapped = format!("{}#", &BOTH[..39]);
    let longer = format!("{BOTH}x");
    let half = format!("{}{}", &BOTH[..24], "0".repeat(16));
    let other_prefix = format!("ct_test_{}", &BOTH[8..]);
    let unknown = format!("ct_live_{}", "Q7".repeat(16));
    let huge = "k".repeat(8_192);
    let quoted = format!("\"{BOTH}\"");
    let bad: &[u8] = b"ct_live_bad";
    for endpoint in Endpoint::ALL {
        let (method, path) = (endpoint.method(), endpoint.path());
        let one = Ask { method, path, ..Ask::default() };
        script.ask(Ask { headers: &[], ..one });
        script.ask(Ask { headers: &[("X-API-Key", b"")], ..one });
        script.ask(Ask { headers: &[("X-API-Key", BOTH.as_bytes())], ..one });
        script.ask(Ask { headers: &[("X-API-Key", BOTH.as_bytes()), ("X-API-Key", b"other")], ..one });
        script.ask(Ask { headers: &[("X-API-Key", b"other"), ("X-API-Key", BOTH.as_bytes())], ..one });
        script.ask(Ask {
            headers: &[("X-API-Key", BOTH.as_bytes()), ("Authorization", b"Bearer junk")],
            ..one
        });
        script.ask(Ask { headers: &[("X-API-Key", b"k\xf6y")], ..one });
        script.ask(Ask { headers: &[("Authorization", bearer.as_bytes())], ..one });
        script.ask(Ask { query: &in_query, ..one });
    }
    let path = "/api/v1/sessions";
    let get = Ask { method: "GET", path, ..Ask::default() };
    for (name, value) in [
        ("Authorization", &basic),
        ("Authorization", &bearer),
        ("Authorization", &schemed),
        ("Cookie", &cookie),
        ("Api-Key", &BOTH.to_owned()),
        ("X-Auth-Token", &BOTH.to_owned()),
    ] {
        script.ask(Ask { headers: &[(name, value.as_bytes())], ..get });
        script.ask(Ask { headers: &[(name, value.as_bytes()), ("X-API-Key", bad)], ..get });
    }
    for name in ["api_key", "key", "token", "x-api-key"] {
        let query = format!("{name}={BOTH}");
        script.ask(Ask { query: &query, ..get });
        script.ask(Ask { query: &query, headers: &[("X-API-Key", bad)], ..get });
    }
    script.ask(Ask { body: &in_body, ..get });
    let lower = BOTH.to_ascii_lowercase();
    let prefixed = ["ct_live_", &BOTH[8..], &lower, &swapped, &BOTH[..39], &longer, &half, &other_prefix];
    for key in prefixed.into_iter().chain([&*unknown, &bearer, &huge, &quoted, "ct_live_bad"]) {
        script.get(key, path);
    }
    script.ask(Ask { method: "HEAD", ..get });
    script.ask(Ask { method: "OPTIONS", ..get });
    script.ask(Ask { path: "/api/v1/nowhere", ..get });
    script.post("nobody", "{");
    let workspace = script.engine.default_workspace();
    assert!(workspace.revoke("key_0", script.now));
    script.now += 10_000;
    script.get(READ, path);
}

fn scopes(script: &mut Script) {
    for key in [READ, WRITE, BOTH, BOTH_REVERSED] {
        for endpoint in Endpoint::ALL {
            let headers: &[_] = &[("X-API-Key", key.as_bytes())];
            let body = batch(7, 2);
            for body in [&*body, "{"] {
                let (method, path) = (endpoint.method(), endpoint.path());
                script.ask(Ask { method, path, headers, body, ..Ask::default() });
            }
        }
    }
    script.get(READ, "/api/v1/sessions");
}

fn forbidden_batch(script: &mut Script) {
    script.post(READ, &batch(0, 3));
    script.get(READ, "/api/v1/sessions");
}

fn mixed_use(script: &mut Script) {
    for _ in 0..30 {
        script.post(READ, &batch(0, 1));
    }
    for _ in 0..59 {
        script.get(READ, "/api/v1/sessions");
    }
    script.post(READ, "");
    script.get(READ, "/api/v1/sessions");
    script.post(READ, "");
}

fn bursts(script: &mut Script) {
    for _ in 0..20 {
        script.get("ct_live_bad", "/api/v1/sessions");
    }
    for (key, most) in [(READ, 60), (PREMIUM, 300), (WRITE, 1_000)] {
        for number in 0..most + 100 {
            if key == WRITE {
                script.post(key, "{}")
            } else {
                script.get(key, "/api/v1/sessions")
            }
            script.now += u64::from(number % 16 == 0);
        }
    }
    let get = Ask { method: "GET", path: "/api/v1/sessions", ..Ask::default() };
    let key: (&str, &[u8]) = ("X-API-Key", READ.as_bytes());
    script.ask(Ask { method: "HEAD", headers: &[key], ..get });
    script.ask(Ask { path: "/api/v1/sessions/", headers: &[key], ..get });
    script.ask(Ask { path: Endpoint::Tools.path(), headers: &[key], ..get });
    script.ask(Ask { path: Endpoint::Overview.path(), headers: &[key], ..get });
    script.ask(Ask { query: "limit=1", headers: &[key], ..get });
    script.ask(Ask {
        method: "POST",
        path: Endpoint::Scores.path(),
        headers: &[("X-API-Key", WRITE.as_bytes())],
        ..Ask::default()
    });
    script.ask(Ask { connection: 5, headers: &[key], ..get });
    script.ask(Ask { http2: true, headers: &[key], ..get });
    script.ask(Ask { headers: &[key, ("X-Forwarded-For", b"10.0.0.1")], ..get });
    script.ask(Ask { headers: &[key, ("User-Agent", b"other")], ..get });
    script.get("ct_live_bad", "/api/v1/sessions");
    script.get(READ, "/api/v1/sessions");
    script.get(READ_2, "/api/v1/sessions");
}

fn windows(script: &mut Script) {
    for step in [0, 15_000, 14_567, 30_000, 400, 200, 400, 61_000, 61_000] {
        script.now += step;
        for _ in 0..65 {
            script.get(READ, "/api/v1/sessions");
        }
    }
}

fn spread(script: &mut Script) {
    for (step, count) in [(0, 30), (20_000, 40), (40_000, 40), (500, 65)] {
        script.now += step;
        for _ in 0..count {
            script.get(READ, "/api/v1/sessions");
        }
    }
}

fn neighbours(script: &mut Script) {
    for _ in 0..301 {
        script.get(PREMIUM, "/api/v1/sessions");
    }
    script.get(PREMIUM_2, "/api/v1/sessions");
    for number in 0..1_001 {
        script.post(WRITE, &batch(number, 1));
    }
    script.post(WRITE_2, &batch(0, 1));
}

fn paced(script: &mut Script) {
    for _ in 0..130 {
        script.get(READ, "/api/v1/sessions");
        script.now += 1_000;
    }
}

fn events(script: &mut Script) {
    for number in 0..99 {
        script.post(WRITE, &batch(number * 1_000, 1_000));
    }
    script.post(WRITE, &batch(99_000, 999));
    script.post(WRITE, &batch(99_999, 2));
    script.post(WRITE, &batch(99_999, 1));
    script.post(WRITE, &batch(100_000, 1));
    script.post(WRITE_2, &batch(200_000, 1));
    script.get(READ, "/api/v1/sessions");
    script.now += 61_000;
    script.post(WRITE, &batch(300_000, 1));
}

fn events_and_reads(script: &mut Script) {
    script.post(BOTH, r#"{"events":[{}]}"#);
    for number in 0..100 {
        script.post(BOTH, &batch(number * 1_000, 1_000));
    }
    script.post(BOTH, &batch(100_000, 1));
    script.get(BOTH, "/api/v1/sessions");
}

fn many_small_posts(script: &mut Script) {
    for number in 0..1_001 {
        script.post(WRITE, &batch(number, 1));
    }
}

/// Requests that are all under way together.
fn together(script: &mut Script) {
    let headers: &[_] = &[("X-API-Key", READ.as_bytes())];
    let get = Ask { method: "GET", path: "/api/v1/sessions", headers, ..Ask::default() };
    let replies: Vec<Reply> = (0..100).map(|connection| script.reply(Ask { connection, ..get })).collect();
    for reply in &replies {
        writeln!(script.said, "{reply:?}").unwrap();
    }
    for on_leave in replies.into_iter().filter_map(|reply| reply.on_leave) {
        on_leave();
    }
    script.get(READ, "/api/v1/sessions");
}

pub(super) type Scene = fn(&mut Script);

/// The cheap scenes first: an entry is done with as soon as one of them differs.
pub(super) const SCENES: &[(&str, Scene)] = &[
    ("credentials", credentials),
    ("elsewhere", elsewhere),
    ("envelopes", envelopes),
    ("scopes", scopes),
    ("forbidden batch", forbidden_batch),
    ("mixed use", mixed_use),
    ("windows", windows),
    ("spread", spread),
    ("neighbours", neighbours),
    ("paced", paced),
    ("together", together),
    ("bursts", bursts),
    ("many small posts", many_small_posts),
    ("events and reads", events_and_reads),
    ("events", events),
];

pub(super) fn play(scene: Scene, behaviour: &Behaviour) -> String {
    let mut script = Script::new(behaviour);
    scene(&mut script);
    script.said
}
