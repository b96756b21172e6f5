//! Deviations that only a real server can show.

use futures_util::future::join_all;
use reqwest::Method;
use trenchcheck::mock::MockOptions;

use crate::support::{Mock, STANDARD, key, send};

async fn deviating(name: &str) -> Mock {
    Mock::with(MockOptions { deviations: vec![name.to_owned()], ..MockOptions::default() }).await
}

/// How many of so many requests, all sent together, are admitted.
async fn admitted_together(mock: &Mock, count: usize) -> usize {
    let request = || mock.request(Method::GET, "/api/v1/sessions").header("X-API-Key", key(STANDARD));
    let answers = join_all((0..count).map(|_| send(request()))).await;
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn the_reference_admits_exactly_the_limit() {
    assert_eq!(admitted_together(&Mock::start().await, 160).await, 60);
}

#[tokio::test]
async fn a_racy_counter_admits_too_many() {
    assert!(admitted_together(&deviating("racy-counter").await, 160).await > 60);
}

#[tokio::test]
async fn one_at_a_time_admits_too_few() {
    assert!(admitted_together(&deviating("one-at-a-time").await, 160).await < 60);
}

#[tokio::test]
async fn a_count_for_each_connection_admits_too_many() {
    let mock = deviating("per-connection").await;
    assert!(admitted_together(&mock, 160).await > 60);
}

#[tokio::test]
async fn close_after_answer_closes() {
    let mock = deviating("close-after-answer").await;
    let answer = mock.get("/api/v1/sessions", Some(STANDARD)).await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
}

#[tokio::test]
async fn slow_answers_are_slow() {
    let mock = deviating("slow-answers").await;
    let begun = std::time::Instant::now();
    mock.get("/api/v1/sessions", Some(STANDARD)).await;
    assert!(begun.elapsed().as_millis() >= 300);
}
