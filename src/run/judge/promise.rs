//! What the instants promised by 429s say about each other, as far as that is certain.

use std::time::Duration;

use crate::run::evidence::Answer;
use crate::run::instant::Instant;

/// How long the page's own 429 says to wait, whenever it is sent.
const CONSTANT: Duration = Duration::from_secs(60);

/// How far the instants promised by refusals certainly lie apart. Each promise was made at some time between the
/// request leaving and the answer arriving, so slow answers alone never make a spread, and neither does the page's own
/// constant 60. `None` where fewer than two promises can be read.
pub(crate) fn spread(answers: &[Answer]) -> Option<Duration> {
    let promises: Vec<(Instant, Instant, Duration)> = answers
        .iter()
        .filter_map(|answer| {
            let wait = answer.promise? - answer.answered;
            Some((answer.sent + wait, answer.answered + wait, wait))
        })
        .collect();
    if promises.len() < 2 {
        return None;
    }
    if promises.iter().all(|(_, _, wait)| *wait == CONSTANT) {
        return Some(Duration::ZERO);
    }
    let latest_start = promises.iter().map(|promise| promise.0).max()?;
    let earliest_end = promises.iter().map(|promise| promise.1).min()?;
    Some(latest_start - earliest_end)
}

/// By how much a promise must have been moved forward before it is taken for a better knowledge of the same window.
const FORWARD: Duration = Duration::from_secs(5);

/// The first refusal that breaks an earlier one's promise, with that promise. The answers are those of one key, one after
/// the other, and nothing of it was admitted in between.
///
/// A client that asks again has not waited, and a limiter may count that: its promises move on and on. One that was moved
/// clearly forward is no such promise. Whatever is asked meanwhile, it has to be kept.
pub(crate) fn broken_promise(answers: &[Answer]) -> Option<(Instant, Answer)> {
    let mut latest: Option<Instant> = None;
    let mut forward: Option<Instant> = None;
    for answer in answers {
        if let Some(promise) = forward.filter(|promise| answer.sent >= *promise) {
            return Some((promise, *answer));
        }
        let Some(promise) = answer.promise else { continue };
        // Made at some time between the two, so slow answers alone move nothing forward.
        let soonest = answer.sent + (promise - answer.answered);
        if latest.is_some_and(|latest| promise + FORWARD < latest) {
            forward = Some(forward.map_or(promise, |earlier| earlier.min(promise)));
        }
        latest = latest.max(Some(soonest));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(sent_ms: u64, answered_ms: u64, retry_after: &str) -> Answer {
        let at = |ms| Instant(Duration::from_millis(ms));
        let answered = at(answered_ms);
        Answer {
            look: 0,
            status: 429,
            limited: true,
            accepted: None,
            promise: retry_after.parse().ok().map(|seconds| answered + Duration::from_secs(seconds)),
            sent: at(sent_ms),
            answered,
            done: answered,
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
    fn a_promise_that_was_moved_forward_is_kept() {
        let all = |made: &[(u64, u64, &str)]| {
            let answers: Vec<Answer> =
                made.iter().map(|(sent, done, wait)| limited(*sent, *done, wait)).collect();
            broken_promise(&answers).map(|(promise, answer)| (promise.0.as_secs(), answer.sent.0.as_secs()))
        };
        assert_eq!(all(&[(0, 5, "60"), (20_000, 20_005, "20"), (41_000, 41_005, "10")]), Some((40, 41)));
        let early = [(0, 5, "60"), (20_000, 20_005, "20"), (40_000, 40_005, "10")];
        assert_eq!(all(&early), None, "asked before the promised instant");
        let counts_refusals =
            [(0, 5, "60"), (20_000, 20_005, "60"), (70_000, 70_005, "60"), (125_000, 125_005, "60")];
        assert_eq!(all(&counts_refusals), None);
        let slow = [(0, 9_000, "60"), (9_000, 9_100, "60"), (9_100, 9_300, "60"), (69_200, 69_300, "60")];
        assert_eq!(all(&slow), None, "the first promise may have been made at once");
        let herd = [(0, 5, "75"), (20_000, 20_005, "40"), (59_000, 59_005, "9")];
        assert_eq!(all(&herd), None, "later than needed is conforming");
        assert_eq!(all(&[(0, 5, "60"), (20_000, 20_005, "soon"), (61_000, 61_005, "1")]), None);
    }

    #[test]
    fn the_pages_constant_is_no_moving_promise() {
        assert_eq!(spread(&[limited(0, 5, "60"), limited(5_000, 5_005, "60")]), Some(Duration::ZERO));
    }

    #[test]
    fn fewer_than_two_promises_say_nothing() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[limited(0, 5, "30"), limited(5_000, 5_005, "soon")]), None);
    }
}
