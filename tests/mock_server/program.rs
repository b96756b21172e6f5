//! The command as a plugin author keeps it running: its configuration, its log, its health, its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::support::{READ, key, send};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_trenchcheck");

pub(crate) struct Program {
    child: Child,
    ready: Value,
    client: Client,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["mock", "--port", "0", "--json"])
            .args(arguments)
            .env("MOCK_TEST_KEY", "ct_live_fromTheEnvironmentOfThisTest")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_default();
        let client = Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        Self { child, ready, client }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url()))
    }

    async fn status(&self, key: &str) -> u16 {
        send(self.request(Method::GET, "/api/v1/sessions").header("X-API-Key", key)).await.status
    }

    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end; gives its exit code and what it said on standard error.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where it has ended already, there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until the answer is so, since the file is looked at a few times a second.
async fn until(program: &Program, key: &str, status: u16) {
    let end = Instant::now() + Duration::from_secs(20);
    while program.status(key).await != status {
        assert!(Instant::now() < end, "it never answered {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_configuration_is_followed_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.yaml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let keys = "keys:\n  - {env: MOCK_TEST_KEY, scopes: [read:analytics]}\n  - {env: MOCK_UNSET, scopes: [write:events]}\n";
    write(&format!("{keys}limits: {{standard: 2/1h}}\n"));
    let program = Program::start(&["--config", path.to_str().unwrap()]);
    let own = "ct_live_fromTheEnvironmentOfThisTest";
    assert!(!program.ready.to_string().contains(own), "what came from the environment is not shown");
    let made_up = program.ready["keys"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&made_up["variable"], &made_up["tier"]), (&"MOCK_UNSET".into(), &"ingestion".into()));
    assert_eq!(program.status(made_up["key"].as_str().unwrap()).await, 403);
    assert_eq!(
        [program.status(own).await, program.status(own).await, program.status(own).await],
        [200, 200, 429]
    );

    write(&format!("{keys}limits: {{standard: 2 per hour}}\n"));
    write(&format!("{keys}limits: {{standard: 2/1h}}\nfaults: [{{status: 503, first: 1}}]\n"));
    until(&program, own, 503).await;
    until(&program, own, 429).await;
    write(&format!("{keys}limit: {{}}\n"));
    // A bad file is known to have been read when the good one after it is in force.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(program.status(own).await, 429, "what was in force stays so");
    write("limits: {premium: none}\n");
    until(&program, own, 401).await;
    program.terminate();
    let (code, said) = program.ended();
    assert_eq!(code, Some(0));
    assert!(said.contains("mock.yaml:4:1") && said.contains("did you mean `limits`?"), "{said}");
    assert!(said.contains("read again, and in force"), "{said}");
}

#[test]
fn a_bad_configuration_keeps_it_from_starting_and_says_where_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.yaml");
    std::fs::write(&path, "limits: {standrad: 5/10s}\n").unwrap();
    let (code, said) = Program::start(&["--config", path.to_str().unwrap()]).ended();
    assert_eq!(code, Some(2));
    assert!(said.contains("mock.yaml:1:10") && said.contains("did you mean `standard`?"), "{said}");
    assert!(said.starts_with("error: no field"), "{said}");
    let (code, said) = Program::start(&["--config", "/no/such/file.yaml"]).ended();
    assert!(code == Some(2) && said.contains("cannot read /no/such/file.yaml"), "{said}");
}

#[tokio::test]
async fn limits_can_be_small_or_none_and_each_request_is_one_line() {
    let program = Program::start(&["--limit", "standard=1/10s", "--log"]);
    assert_eq!([program.status(key(READ)).await, program.status(key(READ)).await], [200, 429]);
    send(program.request(Method::GET, "/api/v1/a%0Ab?x=1")).await;
    program.terminate();
    let (code, said) = program.ended();
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].contains(" GET /api/v1/sessions 200 TRENCHCHECK_KEY_READ"), "{said}");
    assert!(lines[1].contains("429 TRENCHCHECK_KEY_READ: The key's requests are used up until "), "{said}");
    assert!(lines[2].contains("401: The request has no X-API-Key header."), "{said}");
    assert!(!said.contains(&key(READ)[8..]));

    let program = Program::start(&["--no-limits"]);
    for _ in 0..100 {
        assert_eq!(program.status(key(READ)).await, 200);
    }
}

#[tokio::test]
async fn a_health_check_needs_no_other_program() {
    let program = Program::start(&[]);
    let url = program.url().to_owned();
    let port = url.rsplit(':').next().unwrap();
    let check = |place: [&str; 2]| {
        Command::new(PROGRAM).args(["mock", "healthcheck"]).args(place).output().unwrap().status.code()
    };
    assert_eq!([check(["--url", &url]), check(["--port", port])], [Some(0); 2]);
    drop(program);
    assert_eq!([check(["--url", &url]), check(["--port", port])], [Some(3); 2]);
}

#[tokio::test]
async fn sigterm_under_load_answers_what_is_under_way_and_refuses_what_is_new() {
    let program = Program::start(&["--no-limits", "--grace", "5"]);
    let slow = r#"{"latency_ms":700,"path":"/api/v1/sessions"}"#;
    let made = send(program.request(Method::POST, "/_mock/workspaces/default/faults").body(slow)).await;
    assert_eq!(made.status, 201);
    let under_way: Vec<_> = (0..50)
        .map(|_| {
            let request = program.request(Method::GET, "/api/v1/sessions").header("X-API-Key", key(READ));
            tokio::spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) })
        })
        .collect();
    // Every one of them has arrived when so many connections are open and have asked.
    let counted = "/_mock/metrics";
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let metrics = send(program.request(Method::GET, counted)).await.body;
        let open = metrics.lines().find_map(|line| line.strip_prefix("trenchcheck_mock_connections "));
        if open.unwrap().parse::<u64>().unwrap() >= 50 {
            break;
        }
        assert!(Instant::now() < end);
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    program.terminate();
    let begun = Instant::now();
    let url = program.url().to_owned();
    let refused = async {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        while client.get(format!("{url}/_mock/health")).send().await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(5), refused).await.expect("new connections are refused");
    for answer in under_way {
        assert_eq!(answer.await.unwrap().unwrap(), 200);
    }
    assert_eq!(program.ended().0, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// A container runtime kills what has not ended ten seconds after it was asked to.
#[tokio::test]
async fn it_ends_within_three_seconds_whatever_is_still_open() {
    let (plain, told) =
        tokio::join!(stopped_with_requests_open(&[]), stopped_with_requests_open(&["--grace", "0"]));
    assert!(plain < Duration::from_secs(3), "{plain:?}");
    assert!(told < Duration::from_secs(1), "{told:?}");
}

/// How long the mock takes to end while a request is half sent, one is answered in half a minute, one waits for
/// the journal, and two follow it.
async fn stopped_with_requests_open(arguments: &[&str]) -> Duration {
    let program = Program::start(arguments);
    let late = r#"{"latency_ms":30000,"path":"/api/v1/sessions"}"#;
    let made = send(program.request(Method::POST, "/_mock/workspaces/default/faults").body(late)).await;
    assert_eq!(made.status, 201);
    let late = program.request(Method::GET, "/api/v1/sessions").header("X-API-Key", key(READ));
    let waiting = program.request(Method::GET, "/_mock/workspaces/default/journal/wait?count=9");
    let open = [tokio::spawn(late.send()), tokio::spawn(waiting.send())];
    let mut streams = Vec::new();
    for stream in ["/_mock/workspaces/default/journal/stream", "/_mock/page/stream"] {
        let mut stream = program.request(Method::GET, stream).send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        streams.push(stream);
    }
    let mut half_sent = std::net::TcpStream::connect(program.url().trim_start_matches("http://")).unwrap();
    half_sent.write_all(b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    program.terminate();
    let (code, _) = tokio::task::spawn_blocking(|| program.ended()).await.unwrap();
    assert_eq!(code, Some(0));
    let taken = begun.elapsed();
    // The late answer was cut off, so it was under way.
    assert!(open.into_iter().next().unwrap().await.unwrap().is_err());
    taken
}
