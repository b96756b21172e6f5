//! Clients that mean no good, or know no better: everyone is answered or dropped by a rule, and nobody else notices.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trenchcheck::mock::MockOptions;

use crate::support::{BOTH, Mock, READ, WRITE, key};

async fn connect(mock: &Mock) -> TcpStream {
    TcpStream::connect(mock.server.url().trim_start_matches("http://")).await.unwrap()
}

/// Everything that is said until the connection ends, which must be soon.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await;
    // A reset is as much an end as a close.
    let _ = ended.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

fn impatient(short: Duration) -> MockOptions {
    MockOptions {
        header_timeout: short,
        body_timeout: short,
        idle_timeout: 2 * short,
        ..MockOptions::default()
    }
}

async fn open_connections(mock: &Mock) -> u64 {
    let metrics = mock.control(reqwest::Method::GET, "metrics", "").await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("trenchcheck_mock_connections ")).unwrap();
    line.parse().unwrap()
}

#[tokio::test]
async fn two_hundred_who_send_a_byte_at_a_time_are_cut_off_while_others_are_served() {
    let mock = Mock::with(impatient(Duration::from_millis(700))).await;
    let head = format!("POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n", key(WRITE));
    let slow = (0..200).map(|number| {
        let (mock, head) = (&mock, &head);
        async move {
            let mut stream = connect(mock).await;
            let body = format!("{head}Content-Length: 100000\r\n\r\n");
            // Half of them are slow with their headers, half with their bodies.
            if number % 2 == 0 {
                stream.write_all(body.as_bytes()).await.unwrap();
            }
            let mut sent = 0;
            while stream.write_all(b"x").await.is_ok() && sent < 1_000 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                sent += 1;
            }
            assert!(sent < 1_000, "it was cut off");
        }
    });
    let well_behaved = async {
        for _ in 0..60 {
            assert_eq!(mock.get("/api/v1/sessions", Some(READ)).await.status, 200);
        }
    };
    tokio::join!(join_all(slow), well_behaved);
}

#[tokio::test]
async fn two_thousand_idle_connections_disturb_nobody_and_nothing_stays_of_them() {
    let mock = Mock::start().await;
    let mut idle: Vec<TcpStream> = Vec::new();
    // By and by: whoever waits to be let in counts as connected for the system, and its queue has an end.
    for hundreds in 1..=20 {
        idle.extend(join_all((0..100).map(|_| connect(&mock))).await);
        until(&mock, |open| open >= hundreds * 100).await;
    }
    assert_eq!(mock.get("/api/v1/sessions", Some(READ)).await.status, 200);
    drop(idle);
    until(&mock, |open| open < 5).await;
}

/// Waits until the number of open connections is as it should be.
async fn until(mock: &Mock, wanted: impl Fn(u64) -> bool) {
    let give_up = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let open = open_connections(mock).await;
        if wanted(open) {
            return;
        }
        assert!(std::time::Instant::now() < give_up, "{open} connections are open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn headers_without_end_end() {
    let mock = Mock::start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let line = format!("X-More: {}\r\n", "x".repeat(1_000));
    let mut sent = 0;
    while sent < 10_000_000 && stream.write_all(line.as_bytes()).await.is_ok() {
        sent += line.len();
    }
    assert!(sent < 10_000_000, "it took {sent} bytes of headers");
    assert_eq!(mock.get("/api/v1/sessions", Some(READ)).await.status, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mock = Mock::start().await;
    let mut stream = connect(&mock).await;
    let mut all = String::new();
    for number in 0..100 {
        let end = if number == 99 { "Connection: close\r\n" } else { "" };
        let path = if number % 2 == 0 { "sessions" } else { "nowhere" };
        all.push_str(&format!(
            "GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{end}\r\n",
            key(BOTH)
        ));
    }
    stream.write_all(all.as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    let statuses: Vec<&str> = said.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses.len(), 100);
    assert!(statuses.chunks(2).all(|pair| pair == ["200", "404"]), "{statuses:?}");
}

#[tokio::test]
async fn half_closed_sockets_are_let_go() {
    let mock = Mock::start().await;
    let halves = join_all((0..50).map(|number| {
        let mock = &mock;
        async move {
            let mut stream = connect(mock).await;
            if number % 2 == 0 {
                stream.write_all(b"GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            }
            stream.shutdown().await.unwrap();
            rest(&mut stream).await
        }
    }));
    halves.await;
    until(&mock, |open| open < 5).await;
}

#[tokio::test]
async fn ten_thousand_guessed_keys_find_nothing_and_cost_nobody_anything() {
    let mock = Mock::start().await;
    let guess = |number: usize| {
        format!("GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\nX-API-Key: ct_live_guess{number:032}\r\n\r\n")
    };
    let mut stream = connect(&mock).await;
    let (mut said, mut answers) = (Vec::new(), 0);
    for round in 0..100 {
        let requests: String = (0..100).map(|number| guess(round * 100 + number)).collect();
        stream.write_all(requests.as_bytes()).await.unwrap();
        while answers < (round + 1) * 100 {
            assert_ne!(stream.read_buf(&mut said).await.unwrap(), 0);
            answers = String::from_utf8_lossy(&said).matches("HTTP/1.1 401").count();
        }
    }
    let text = String::from_utf8(said).unwrap();
    assert_eq!(text.matches("HTTP/1.1 ").count(), text.matches("HTTP/1.1 401").count());
    for _ in 0..60 {
        assert_eq!(mock.get("/api/v1/sessions", Some(READ)).await.status, 200);
    }
    let count = mock.control(reqwest::Method::GET, "workspaces/default/journal?limit=10000", "").await.json();
    assert_eq!(count["data"]["total"], 1_000, "the journal did not grow");
}

#[tokio::test]
async fn bodies_that_try_parsers_are_answered() {
    let mock = Mock::start().await;
    let event = |data: &str| {
        format!(
            r#"{{"events":[{{"event":"error","session_id":"s","ts":"2026-01-01T00:00:00Z","data":{data}}}]}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let open = "[".repeat(100_000);
    let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    for (body, conforming) in [
        (deep.clone(), &[400][..]),
        (open, &[400]),
        (objects, &[400]),
        (event(&format!(r#"{{"x":{deep}}}"#)), &[200, 400]),
        (format!(r#"{{"scores":{deep}}}"#), &[400]),
        (event(r#"{"x":1e999}"#), &[200, 400]),
        (event(r#"{"x":"\ud800"}"#), &[200, 400]),
        (
            r#"{"events":[{"event":"\ud800","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#.to_owned(),
            &[400],
        ),
        (
            r#"{"events":[{"event":"error","session_id":"s","ts":"2026-01-01T00:00:00Z","seq":1e999}]}"#
                .to_owned(),
            &[400],
        ),
        (
            format!(r#"{{"events":[{{"event":"error","session_id":"s","ts":"{}"}}]}}"#, "9".repeat(100_000)),
            &[400],
        ),
        ("\u{0}".repeat(1_000), &[400]),
    ] {
        for path in ["/api/v1/events", "/api/v1/evals/scores"] {
            let answer = mock.post(path, Some(WRITE), &body).await;
            let conforming = if path.ends_with("scores") { &[400][..] } else { conforming };
            assert!(conforming.contains(&answer.status), "{} to {path}: {}", answer.status, &body[..60]);
        }
    }
    for value in ["1e999", "-1e999", "NaN", "1e308"] {
        let body = format!(r#"{{"scores":[{{"session_id":"s","metric":"m","value":{value}}}]}}"#);
        let status = mock.post("/api/v1/evals/scores", Some(WRITE), &body).await.status;
        assert_eq!(status, if value == "1e308" { 201 } else { 400 }, "{value}");
    }
}
