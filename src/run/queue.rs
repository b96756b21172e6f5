//! Gateways that let requests wait for quota, in the place of refusing what is over the limit.

use std::collections::BTreeSet;
use std::time::Duration;

use super::limiters::WINDOW;
use crate::amounts::time;

/// What is to be said of such a gateway, in the same words for every tier.
pub(crate) const QUEUED: &str = "requests wait in a queue until there is quota, even a rested key's, in the place of a 429 for what is over the limit";

/// How long each answer to a key took, where every request left when the one before was answered.
#[derive(Debug)]
pub(super) struct Turns {
    /// The key's limit: requests a minute.
    pub(super) limit: u32,
    /// In the order of the requests.
    pub(super) took: Vec<Duration>,
}

impl Turns {
    /// How long it takes until there is quota for one more, if that is how long each answer took but the first.
    fn pace(&self) -> Option<Duration> {
        let pace = WINDOW / self.limit.max(1);
        let after_the_first = self.took.get(1..).filter(|took| took.len() > 1)?;
        after_the_first.iter().all(|took| took.abs_diff(pace) <= pace / 10).then_some(pace)
    }
}

/// How often a key is let through, for people, where its requests wait in a queue: keys of at least two limits have to wait so
/// long as the limit of each has it, which no server does that is slow.
pub(super) fn queue(keys: &[Turns]) -> Option<String> {
    let paces: BTreeSet<Duration> = keys.iter().filter_map(Turns::pace).collect();
    let told: Vec<String> = paces.iter().rev().map(|pace| time(*pace)).collect();
    (paces.len() > 1).then(|| format!("a key is let through once in {}, by its limit", told.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(limit: u32, took: &[u64]) -> Turns {
        Turns { limit, took: took.iter().copied().map(Duration::from_millis).collect() }
    }

    #[test]
    fn who_waits_as_long_as_each_limit_has_it_waits_in_a_queue() {
        let standard = || turns(60, &[3, 998, 1_001, 1_000]);
        let premium = || turns(300, &[2, 199, 200, 201]);
        let told = queue(&[standard(), premium(), turns(1_000, &[4, 5])]);
        assert_eq!(told.as_deref(), Some("a key is let through once in 1.0 s or 200 ms, by its limit"));
        assert_eq!(queue(&[standard(), standard()]), None, "one limit: it may be slow");
        assert_eq!(queue(&[standard(), turns(300, &[2, 1_000, 1_000])]), None, "slow for everybody");
        assert_eq!(queue(&[standard(), turns(300, &[2, 200])]), None, "seen once");
        assert_eq!(queue(&[standard(), turns(300, &[200, 200, 2, 200])]), None);
    }
}
