//! How far promised instants lie apart, as far as that is certain.

use std::time::Duration;

use crate::run::clock::Moment;
use crate::run::message::Answer;

/// How far the instants promised by 429s certainly lie apart. Each promise was made at some time between the
/// request leaving and the answer arriving, so slow answers alone never make a spread.
/// `None` where fewer than two promises can be read, or where all of them are the page's own constant 60.
pub(crate) fn spread(answers: &[Answer]) -> Option<Duration> {
    let promises: Vec<(Moment, Moment, Duration)> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .filter_map(|answer| {
            answer.retry_after().map(|wait| (answer.sent + wait, answer.answered + wait, wait))
        })
        .collect();
    let constant = promises.iter().all(|(_, _, wait)| *wait == Duration::from_secs(60));
    if promises.len() < 2 || constant {
        return None;
    }
    let latest_start = promises.iter().map(|promise| promise.0).max()?;
    let earliest_end = promises.iter().map(|promise| promise.1).min()?;
    Some(latest_start - earliest_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(sent_ms: u64, answered_ms: u64, retry_after: &str) -> Answer {
        let at = |ms| Moment(Duration::from_millis(ms));
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", retry_after.parse().unwrap());
        Answer {
            status: 429,
            headers,
            body: bytes::Bytes::new(),
            sent: at(sent_ms),
            answered: at(answered_ms),
            done: at(answered_ms),
        }
    }

    #[test]
    fn a_promise_that_runs_with_the_clock_does_not_move() {
        let steady = [limited(0, 5, "60"), limited(1_100, 1_105, "59"), limited(9_000, 9_900, "51")];
        assert!(spread(&steady).unwrap() < Duration::from_secs(1));
        let moving = [limited(0, 5, "30"), limited(5_000, 5_005, "30")];
        assert!(spread(&moving).unwrap() > Duration::from_secs(4));
    }

    #[test]
    fn the_pages_constant_is_no_moving_promise() {
        assert_eq!(spread(&[limited(0, 5, "60"), limited(5_000, 5_005, "60")]), None);
    }
}
