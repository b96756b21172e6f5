//! How many requests a second the mock answers, beside a server that does nearly nothing and beside wiremock; with one
//! key and with 100,000. All servers run in this process on one thread of their own, the client on another, in turns.
//! Each ratio is told twice: of rates, and of the processor time a request costs the server, where the client and the
//! rest of the machine do not count.
//!
//! `cargo bench --bench mock_requests`, or one of them: `… -- 'bare hyper'`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]
#![allow(dead_code, reason = "each bench uses its part of what they share")]

mod mock_support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mock_support::{Pace, get, key, median, pace};
use tokio::net::TcpListener;
use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::mock::{KeySpec, MockOptions, MockServer, Quota, Quotas, Settings};

const CONNECTIONS: u64 = 32;
const ROUNDS: usize = 7;
const TIME: Duration = Duration::from_secs(1);
const KEYS: usize = 100_000;
const BODY: &str = r#"{"data":{"sessions":[],"total":0,"limit":50,"offset":0}}"#;

fn main() {
    let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mock, bare, stubs) = servers
        .block_on(async { tokio::spawn(async { (mock().await, bare().await, stubs().await) }).await })
        .unwrap();
    let at = |url: &str| url.trim_start_matches("http://").parse::<SocketAddr>().unwrap();
    let one: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> = Arc::new(|_| get(&key(0)));
    let few: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> = Arc::new(|number| get(&key(number as usize % 64)));
    let all: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> =
        // A stride that is prime to the number of keys, so that neighbours in time are none in memory.
        Arc::new(|number| get(&key((number as usize * 7_919) % KEYS)));
    let subjects = [
        ("mock, one key", at(&mock.url()), &one),
        ("mock, 64 keys", at(&mock.url()), &few),
        ("mock, 100,000 keys", at(&mock.url()), &all),
        ("bare hyper", bare, &one),
        ("wiremock", at(&stubs.uri()), &one),
    ];
    let wanted = std::env::args().find_map(|word| subjects.iter().position(|(name, ..)| *name == word));
    let mut paces: Vec<Vec<Pace>> = vec![Vec::new(); subjects.len()];
    for _ in 0..ROUNDS {
        for (place, (_, address, request)) in subjects.iter().enumerate() {
            if wanted.is_none_or(|wanted| wanted == place) {
                let pace = pace(*address, CONNECTIONS, TIME, Arc::clone(request));
                paces[place].push(client.block_on(pace));
            }
        }
    }
    for ((name, ..), paces) in subjects.iter().zip(&paces).filter(|(_, paces)| !paces.is_empty()) {
        let of = |value: fn(&Pace) -> f64| median(paces.iter().map(value).collect());
        println!(
            "{name:<20} {:>9.0} requests a second, {:>6.2} µs each",
            of(|pace| pace.rate),
            of(|pace| pace.cost)
        );
    }
    if wanted.is_some() {
        return;
    }
    println!("                         by the clock  by processor time");
    for (name, one, other, least) in [
        ("mock / bare hyper", 0, 3, 0.8),
        ("mock / wiremock", 0, 4, 1.5),
        ("100,000 keys / one key", 2, 0, 0.9),
        ("one hot key / 64 keys", 0, 1, 0.8),
    ] {
        // Round by round, since what else the machine does changes from round to round.
        let pairs = || paces[one].iter().zip(&paces[other]);
        let clock = median(pairs().map(|(one, other)| one.rate / other.rate).collect());
        let cost = median(pairs().map(|(one, other)| other.cost / one.cost).collect());
        println!("{name:<24} {clock:>12.3} {cost:>18.3}  (at least {least})");
    }
}

/// The mock with its limiter at work, which never refuses: nobody sends a million requests a second.
async fn mock() -> MockServer {
    let quota = Quota::read("1000000/1s", Tier::Standard).unwrap();
    let quotas = Quotas::default().with(Tier::Standard, quota);
    let server = MockServer::start(MockOptions { quotas, ..MockOptions::default() }).await.unwrap();
    let engine = server.engine();
    // All in one workspace, as the one key: what is measured is the keys, and not so many journals.
    let settings = Settings::new(Vec::new(), None, quotas).unwrap();
    let workspace = engine.create_workspace("ws_bench".to_owned(), settings).unwrap();
    for number in 0..KEYS {
        let spec = KeySpec {
            name: format!("key {number}"),
            scopes: vec![Scope::ReadAnalytics],
            plan: Tier::Standard,
        };
        let plaintext = ApiKey::new(key(number)).unwrap();
        engine.create_key(&workspace, format!("key_{number}"), spec, &plaintext, 0).unwrap();
    }
    server
}

/// A server that looks at one header and answers as many bytes.
async fn bare() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let service = |request: Request<Incoming>| async move {
            assert!(request.headers().contains_key("x-api-key"));
            let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
            let headers = response.headers_mut();
            headers.insert("content-type", "application/json".parse().unwrap());
            headers.insert("access-control-allow-origin", "*".parse().unwrap());
            headers.insert("access-control-expose-headers", "Retry-After".parse().unwrap());
            Ok::<_, Infallible>(response)
        };
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let protocol = auto::Builder::new(TokioExecutor::new());
                let service = hyper::service::service_fn(service);
                let _ = protocol.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// The same routes, stubbed.
async fn stubs() -> wiremock::MockServer {
    use wiremock::matchers::{header_exists, method, path};
    let server = wiremock::MockServer::builder().disable_request_recording().start().await;
    for route in ["/api/v1/analytics/overview", "/api/v1/analytics/tools", "/api/v1/sessions"] {
        let answer = wiremock::ResponseTemplate::new(200).set_body_raw(BODY, "application/json");
        let stub = wiremock::Mock::given(method("GET")).and(path(route)).and(header_exists("x-api-key"));
        stub.respond_with(answer).mount(&server).await;
    }
    server
}
