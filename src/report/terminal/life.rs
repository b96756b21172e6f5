//! Signs of life where nothing is drawn: in a pipe, or in the log of a CI system.

use std::time::Duration;

use super::super::event::Event;
use crate::amounts::{count, time};

/// How often there is one.
pub(super) const EVERY: Duration = Duration::from_secs(30);
/// So many waits are named.
const NAMED: usize = 2;

/// What a run is doing. Times count from its beginning.
#[derive(Debug, Default)]
pub(super) struct Life {
    planned: Duration,
    played: usize,
    under_way: usize,
    waits: Vec<Wait>,
    told: Duration,
}

#[derive(Debug)]
struct Wait {
    id: String,
    keys: Vec<String>,
    what: String,
    until: Duration,
}

impl Life {
    /// Takes note of an event.
    pub(super) fn keep(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Planned(schedule) => self.planned = now + schedule.takes,
            Event::KeysLent { .. } => self.under_way += 1,
            Event::KeysBack { .. } => {
                self.under_way = self.under_way.saturating_sub(1);
                self.played += 1;
            }
            Event::Waiting { id, keys, what, how_long } => self.waits.push(Wait {
                id: id.clone(),
                keys: keys.clone(),
                what: what.clone(),
                until: now + *how_long,
            }),
            Event::Resumed { id, keys } => {
                self.waits.retain(|wait| wait.id != *id || wait.keys != *keys);
            }
            _ => {}
        }
    }

    /// What is going on, if it is time to say so.
    pub(super) fn sign(&mut self, now: Duration) -> Option<String> {
        if now < self.told + EVERY {
            return None;
        }
        self.told = now;
        let mut told = Vec::new();
        if self.played + self.under_way > 0 {
            let played = count(self.played as u64, "case");
            told.push(format!("{played} played, {} under way", self.under_way));
        }
        self.waits.sort_by_key(|wait| wait.until);
        let waits = || self.waits.iter().filter(|wait| wait.until > now);
        told.extend(
            waits()
                .take(NAMED)
                .map(|wait| format!("{} waits {} for {}", wait.id, time(wait.until - now), wait.what)),
        );
        match waits().count().saturating_sub(NAMED) {
            0 => {}
            more => told.push(format!("{} more", count(more as u64, "wait"))),
        }
        match self.planned.checked_sub(now) {
            Some(left) => told.push(format!("about {} left", time(left))),
            None if self.planned.is_zero() => {}
            None => told.push("longer than planned".to_owned()),
        }
        (!told.is_empty()).then(|| format!("{}: {}", time(now), told.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::key_schedule::KeySchedule;

    #[test]
    fn every_half_minute_it_is_said_what_is_waited_for_and_how_long_it_takes() {
        let seconds = Duration::from_secs;
        let schedule = KeySchedule { takes: seconds(90), lanes: Vec::new() };
        let mut life = Life::default();
        life.keep(&Event::Planned(schedule), seconds(1));
        let keys = vec!["K".to_owned()];
        let waiting = |id: &str, how_long: u64| Event::Waiting {
            id: id.to_owned(),
            keys: keys.clone(),
            what: "a promise".to_owned(),
            how_long: seconds(how_long),
        };
        for id in ["a", "b", "c"] {
            life.keep(&Event::KeysLent { id: id.to_owned(), keys: keys.clone() }, seconds(9));
        }
        for (id, how_long) in [("a", 50), ("b", 40), ("c", 99)] {
            life.keep(&waiting(id, how_long), seconds(10));
        }
        assert_eq!(life.sign(seconds(29)), None);
        assert_eq!(
            life.sign(seconds(31)).unwrap(),
            "31.0 s: 0 cases played, 3 under way; b waits 19.0 s for a promise; a waits 29.0 s for a promise; 1 wait more; about 1 min 0 s left"
        );
        assert_eq!(life.sign(seconds(40)), None);
        for id in ["b", "c"] {
            life.keep(&Event::Resumed { id: id.to_owned(), keys: keys.clone() }, seconds(50));
        }
        life.keep(&Event::KeysBack { keys: keys.clone() }, seconds(50));
        assert_eq!(
            life.sign(seconds(100)).unwrap(),
            "1 min 40 s: 1 case played, 2 under way; longer than planned"
        );
    }

    #[test]
    fn before_anything_is_played_only_what_is_waited_for_is_told() {
        let seconds = Duration::from_secs;
        let mut life = Life::default();
        assert_eq!(life.sign(seconds(30)), None);
        let waiting = Event::Waiting {
            id: "survey".to_owned(),
            keys: vec!["K".to_owned()],
            what: "an answer to list-sessions with K".to_owned(),
            how_long: seconds(29),
        };
        life.keep(&waiting, seconds(50));
        assert_eq!(
            life.sign(seconds(60)).unwrap(),
            "1 min 0 s: survey waits 19.0 s for an answer to list-sessions with K"
        );
    }
}
