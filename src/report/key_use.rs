//! When which key was really used, and when the run waited with it.

use std::time::Duration;

use serde::Serialize;

use super::event::Event;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct KeyLane {
    pub(super) key: String,
    /// Its place among the keys.
    pub(super) row: usize,
    /// Its uses, by their beginnings.
    pub(super) uses: Vec<KeyUse>,
}

/// One experiment's use of a key, or a wait in it. Times are seconds since the run began.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct KeyUse {
    /// The experiment; of a wait, what is waited for.
    pub(super) what: String,
    pub(super) from: f64,
    /// Its end; nothing while it lasts.
    pub(super) until: Option<f64>,
    /// When it does nothing but wait.
    pub(super) waits: Vec<KeyUse>,
}

/// Follows the keys of a run.
#[derive(Debug, Default)]
pub(super) struct KeyUses {
    /// The keys that were used, by their variables.
    pub(super) lanes: Vec<KeyLane>,
}

impl KeyUses {
    /// Takes note of an event that came so long after the run began.
    pub(super) fn keep(&mut self, event: &Event, at: Duration) {
        let at = at.as_secs_f64();
        let begun = |what: &str| KeyUse { what: what.to_owned(), from: at, until: None, waits: Vec::new() };
        match event {
            Event::KeysLent { id, keys } => {
                for key in keys {
                    self.lane(key).uses.push(begun(id));
                }
            }
            Event::Waiting { id, keys, what, .. } => {
                for open in self.open(keys).filter(|open| open.what == *id) {
                    open.waits.push(begun(what));
                }
            }
            Event::Resumed { id, keys } => {
                for open in self.open(keys).filter(|open| open.what == *id) {
                    open.waits.last_mut().map(|wait| wait.until.get_or_insert(at));
                }
            }
            Event::KeysBack { keys } => {
                for key in keys {
                    if let Some(open) = self.lane(key).uses.iter_mut().find(|one| one.until.is_none()) {
                        open.end(at);
                    }
                }
            }
            Event::Finished(_) => {
                let uses = self.lanes.iter_mut().flat_map(|lane| &mut lane.uses);
                uses.filter(|one| one.until.is_none()).for_each(|open| open.end(at));
            }
            _ => {}
        }
    }

    fn lane(&mut self, key: &str) -> &mut KeyLane {
        let place = self.lanes.iter().position(|lane| lane.key == key).unwrap_or_else(|| {
            let row = self.lanes.len();
            self.lanes.push(KeyLane { key: key.to_owned(), row, uses: Vec::new() });
            row
        });
        &mut self.lanes[place]
    }

    fn open<'a>(&'a mut self, keys: &'a [String]) -> impl Iterator<Item = &'a mut KeyUse> {
        let lanes = self.lanes.iter_mut().filter(|lane| keys.contains(&lane.key));
        lanes.flat_map(|lane| &mut lane.uses).filter(|one| one.until.is_none())
    }
}

impl KeyUse {
    fn end(&mut self, at: f64) {
        self.until = Some(at);
        self.waits.iter_mut().for_each(|wait| {
            wait.until.get_or_insert(at);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_and_waits_are_followed_for_each_key() {
        let (a, b) = (vec!["A".to_owned()], vec!["A".to_owned(), "B".to_owned()]);
        let id = |text: &str| text.to_owned();
        let wait = |keys: &[String]| Event::Waiting {
            id: id("windows"),
            keys: keys.to_vec(),
            what: "a promise".to_owned(),
            how_long: Duration::from_secs(9),
        };
        let events = [
            (0, Event::KeysLent { id: id("short"), keys: a.clone() }),
            (1, Event::KeysBack { keys: a.clone() }),
            (2, Event::KeysLent { id: id("windows"), keys: b.clone() }),
            (3, wait(&b)),
            (5, Event::Resumed { id: id("windows"), keys: b.clone() }),
            (6, wait(&b)),
            (8, Event::KeysBack { keys: b }),
        ];
        let mut uses = KeyUses::default();
        for (at, event) in events {
            uses.keep(&event, Duration::from_secs(at));
        }
        let told = |lane: &KeyLane| {
            let one = |one: &KeyUse| {
                let waits: Vec<_> = one.waits.iter().map(|wait| (wait.from, wait.until)).collect();
                (one.what.clone(), one.from, one.until, waits)
            };
            lane.uses.iter().map(one).collect::<Vec<_>>()
        };
        let windows = (id("windows"), 2.0, Some(8.0), vec![(3.0, Some(5.0)), (6.0, Some(8.0))]);
        let [a, b] = &uses.lanes[..] else { panic!("{uses:?}") };
        assert_eq!(told(a), [(id("short"), 0.0, Some(1.0), Vec::new()), windows.clone()]);
        assert_eq!((told(b), b.row), (vec![windows], 1));
    }
}
