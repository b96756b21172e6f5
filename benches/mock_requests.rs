//! How many requests a second the mock answers, beside a server that does nearly nothing and beside wiremock; with one
//! key and with 100,000. All servers run in this process on one thread of their own, the client on another, in turns.
//!
//! `cargo bench --bench mock_requests`
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
use mock_support::{get, key, median, rate};
use tokio::net::TcpListener;
use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::mock::{KeySpec, MockOptions, MockServer, QuotaText, Quotas};

const CONNECTIONS: u64 = 32;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(2);
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
    let mut rates = vec![Vec::new(); subjects.len()];
    for _ in 0..ROUNDS {
        for ((_, address, request), rates) in subjects.iter().zip(&mut rates) {
            rates.push(client.block_on(rate(*address, CONNECTIONS, TIME, Arc::clone(request))));
        }
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    for ((name, ..), rate) in subjects.iter().zip(&rates) {
        println!("{name:<20} {rate:>9.0} requests a second");
    }
    println!("mock / bare hyper            {:.3}  (at least 0.8)", rates[0] / rates[3]);
    println!("mock / wiremock              {:.3}  (at least 1.5)", rates[0] / rates[4]);
    println!("100,000 keys / one key       {:.3}  (at least 0.9)", rates[2] / rates[0]);
    println!("one hot key / 64 keys        {:.3}  (at least 0.8)", rates[0] / rates[1]);
}

/// The mock with its limiter at work, which never refuses: nobody sends a million requests a second.
async fn mock() -> MockServer {
    let quota = "1000000/1s".parse::<QuotaText>().unwrap().quota(Tier::Standard);
    let quotas = Quotas::default().with(Tier::Standard, quota);
    let server = MockServer::start(MockOptions { quotas, ..MockOptions::default() }).await.unwrap();
    let engine = server.engine();
    for workspace in 0..KEYS / 5_000 {
        let settings = trenchcheck::mock::Settings::new(Vec::new(), None, quotas).unwrap();
        let workspace = engine.create_workspace(format!("ws_{workspace}"), settings).unwrap();
        for number in 0..5_000 {
            let number = workspace.id[3..].parse::<usize>().unwrap() * 5_000 + number;
            let spec = KeySpec {
                name: format!("key {number}"),
                scopes: vec![Scope::ReadAnalytics],
                plan: Tier::Standard,
            };
            let plaintext = ApiKey::new(key(number)).unwrap();
            engine.create_key(&workspace, format!("key_{number}"), spec, &plaintext, 0).unwrap();
        }
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
