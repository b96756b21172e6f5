//! Slow senders, idle connections, and how the server stops.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trenchcheck::mock::{MockOptions, MockServer};

use crate::support::{Mock, READ, STANDARD, key};

fn impatient() -> MockOptions {
    let short = Duration::from_millis(150);
    MockOptions {
        header_timeout: short,
        body_timeout: short,
        idle_timeout: 2 * short,
        ..MockOptions::default()
    }
}

async fn connect(server: &MockServer) -> TcpStream {
    TcpStream::connect(server.url().trim_start_matches("http://")).await.unwrap()
}

/// Everything the server still says before it closes the connection, which it must do within a few seconds.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await;
    // A reset is as closed as an end.
    let _ = closed.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn who_sends_nothing_or_half_a_request_is_cut_off() {
    let server = MockServer::start(impatient()).await.unwrap();
    for beginning in
        ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\nX-"]
    {
        let mut stream = connect(&server).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        rest(&mut stream).await;
    }
}

#[tokio::test]
async fn who_sends_a_body_slowly_is_told_and_cut_off() {
    let server = MockServer::start(impatient()).await.unwrap();
    let mut stream = connect(&server).await;
    let head = "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way_and_takes_nothing_new() {
    let options = MockOptions { deviations: vec!["slow-answers".to_owned()], ..MockOptions::default() };
    let server = MockServer::start(options).await.unwrap();
    let mut stream = connect(&server).await;
    let mut idle = connect(&server).await;
    let head = format!("GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", key(READ));
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_deadline_ends_what_takes_too_long() {
    let options = MockOptions { stop_deadline: Duration::from_millis(100), ..MockOptions::default() };
    let server = MockServer::start(options).await.unwrap();
    let mut stream = connect(&server).await;
    let head = "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    rest(&mut stream).await;
}

#[tokio::test]
async fn dropping_it_frees_the_port() {
    let mock = Mock::start().await;
    assert_eq!(mock.get("/api/v1/sessions", Some(STANDARD)).await.status, 200);
    let address = mock.server.url().trim_start_matches("http://").to_owned();
    drop(mock.server);
    let freed = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), freed).await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let mock = Mock::start().await;
    let port = mock.server.url().rsplit(':').next().unwrap().parse().unwrap();
    let error = MockServer::start(MockOptions { port, ..MockOptions::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port}:")), "{error}");
}
