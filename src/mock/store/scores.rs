//! Scores: one value for each session and metric, as many as there is room for.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::mock::ingest::Score;

/// A session and a metric.
type Pair = Arc<(String, String)>;

/// The scores of a workspace.
#[derive(Debug, Default)]
pub(super) struct Scores {
    values: HashMap<Pair, f64>,
    /// Oldest first.
    order: VecDeque<Pair>,
    bytes: usize,
}

impl Scores {
    /// Takes a score in: a second one of a session and metric replaces the first. The oldest pairs make room, so that
    /// there are at most `most` of them with at most `most_bytes`.
    pub(super) fn take(&mut self, score: Score, most: usize, most_bytes: usize) {
        let pair = Arc::new((score.session_id, score.metric));
        if let Some(value) = self.values.get_mut(&pair) {
            *value = score.value;
            return;
        }
        self.bytes += weight(&pair);
        self.values.insert(Arc::clone(&pair), score.value);
        self.order.push_back(pair);
        while self.order.len() > most || self.bytes > most_bytes && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= weight(&oldest);
            self.values.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

fn weight(pair: &Pair) -> usize {
    size_of::<(String, String)>() + 64 + pair.0.len() + pair.1.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(number: usize, value: f64) -> Score {
        Score { session_id: number.to_string(), metric: "quality".to_owned(), value }
    }

    #[test]
    fn the_oldest_pair_makes_room_and_a_second_score_replaces_the_first() {
        let mut scores = Scores::default();
        for number in 0..10 {
            scores.take(score(number, 0.0), 4, usize::MAX);
            scores.take(score(number, 1.0), 4, usize::MAX);
        }
        let mut kept: Vec<_> = scores.values.iter().map(|(pair, value)| (pair.0.as_str(), *value)).collect();
        kept.sort_unstable_by(|a, b| a.0.cmp(b.0));
        assert_eq!(kept, [("6", 1.0), ("7", 1.0), ("8", 1.0), ("9", 1.0)]);
    }

    #[test]
    fn they_take_so_many_bytes() {
        let mut scores = Scores::default();
        for number in 0..1_000 {
            let long = Score { session_id: format!("{number}{}", "x".repeat(1_000)), ..score(0, 0.0) };
            scores.take(long, usize::MAX, 100_000);
        }
        assert!(scores.bytes <= 100_000 && (80..100).contains(&scores.len()), "{}", scores.len());
    }
}
