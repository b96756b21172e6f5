//! What is going on: drawn below the report while it goes on, and as signs of life where nothing is drawn: in a pipe, or in the log
//! of a CI system.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use parking_lot::Mutex;

use crate::amounts::{count, time};
use crate::report::event::Event;
use crate::report::key_schedule::{KeySchedule, PlannedLane};

/// So many waits are drawn; the others are counted.
const WAITS: usize = 6;
/// So many running checks are named.
const NAMED: usize = 3;
/// A run that is over sooner is not drawn key by key, nor is one with more keys than a small screen has lines.
const WORTH_DRAWING: Duration = Duration::from_secs(5);
const MOST_LANES: usize = 18;
/// How often a countdown is redrawn.
const TICK: Duration = Duration::from_millis(200);

/// A line for the whole run, and one for each wait with its countdown.
pub(super) struct Progress {
    lines: MultiProgress,
    run: ProgressBar,
    /// What each running check waits for, one entry for each of its cases that waits.
    running: BTreeMap<String, Vec<Option<ProgressBar>>>,
    /// What each key is used for, where the run was planned by keys.
    lanes: Option<Lanes>,
    virtual_time: bool,
}

impl Progress {
    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        let lines = MultiProgress::with_draw_target(target);
        let run =
            ProgressBar::no_length().with_style(style("{spinner} {pos}/{len} checks, {elapsed}  {wide_msg}"));
        Self { lines, run, running: BTreeMap::new(), lanes: None, virtual_time: false }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Started(info) => {
                self.virtual_time = info.virtual_time;
                self.run = self.lines.add(self.run.clone());
                self.run.set_length(info.checks.len() as u64);
                self.run.enable_steady_tick(TICK);
            }
            // A line for each key of a run that takes its time, unless they would fill the screen.
            Event::Planned(schedule) => {
                self.lanes = (schedule.takes >= WORTH_DRAWING && schedule.lanes.len() <= MOST_LANES)
                    .then(|| lanes(&self.lines, schedule));
            }
            Event::CheckStarted { id } => {
                self.running.entry(id.to_owned()).or_default();
                self.name_running();
            }
            Event::KeysLent { id, keys } => {
                self.change(keys, |state| state.checks.push(visible_line(id)));
            }
            Event::KeysBack { keys } => self.change(keys, |state| {
                // Who shares a key is soon over; which of them it was makes no difference to the line for long.
                if !state.checks.is_empty() {
                    state.checks.remove(0);
                }
            }),
            // Virtual waits are over before they could be read, so they are not drawn.
            Event::Waiting { id, keys, what, how_long } if !self.virtual_time => match &self.lanes {
                Some(_) => {
                    let until = Instant::now() + *how_long;
                    self.change(keys, |state| state.wait = Some((visible_line(id), until)));
                }
                None => self.waiting(id, what, *how_long),
            },
            Event::Resumed { id, keys } => match &self.lanes {
                Some(_) => self.change(keys, |state| state.wait = None),
                None => {
                    if let Some(wait) = self.running.get_mut(id).and_then(Vec::pop) {
                        self.remove(wait);
                    }
                    self.name_running();
                }
            },
            Event::CheckFinished(result) => {
                for wait in self.running.remove(&result.id).unwrap_or_default() {
                    self.remove(wait);
                }
                self.run.inc(1);
                self.name_running();
            }
            _ => {}
        }
    }

    /// Changes what is drawn of these keys.
    fn change(&self, keys: &[String], change: impl Fn(&mut State)) {
        let Some(lanes) = &self.lanes else { return };
        for (_, state) in keys.iter().filter_map(|key| lanes.get(key)) {
            change(&mut state.lock());
        }
    }

    fn waiting(&mut self, id: &str, what: &str, how_long: Duration) {
        let drawn = self.running.values().flatten().flatten().count();
        let line = (drawn < WAITS).then(|| {
            let left = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // A redraw that fails is drawn again at the next tick.
                let _ = out.write_str(&countdown(how_long.saturating_sub(state.elapsed())));
            };
            let line = self.lines.add(ProgressBar::new_spinner());
            line.set_style(style("  {prefix} waits {left} for {wide_msg}").with_key("left", left));
            line.set_prefix(visible_line(id));
            line.set_message(visible_line(what));
            line.enable_steady_tick(TICK);
            line
        });
        self.running.entry(id.to_owned()).or_default().push(line);
        self.name_running();
    }

    fn remove(&self, wait: Option<ProgressBar>) {
        if let Some(line) = wait {
            line.finish_and_clear();
            self.lines.remove(&line);
        }
    }

    fn name_running(&self) {
        let (waiting, busy): (Vec<_>, Vec<_>) = self.running.iter().partition(|(_, waits)| !waits.is_empty());
        let mut text = busy.iter().take(NAMED).map(|(id, _)| visible_line(id)).collect::<Vec<_>>().join(", ");
        if busy.len() > NAMED {
            text.push_str(&format!(" and {} more", busy.len() - NAMED));
        }
        let undrawn =
            waiting.iter().flat_map(|(_, waits)| waits.iter()).filter(|wait| wait.is_none()).count();
        if undrawn > 0 {
            text.push_str(&format!("; {undrawn} more wait"));
        }
        self.run.set_message(text);
    }

    /// Runs `write` with the drawing out of its way.
    pub(super) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        self.lines.suspend(write)
    }

    pub(super) fn clear(self) {
        for wait in self.running.values().flatten().cloned() {
            self.remove(wait);
        }
        for (line, _) in self.lanes.iter().flat_map(BTreeMap::values) {
            self.remove(Some(line.clone()));
        }
        self.run.finish_and_clear();
    }
}

/// A countdown shows what is left rounded up, and so never stands at 0 while it still waits.
fn countdown(left: Duration) -> String {
    format!("{} s", left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

fn visible_line(text: &str) -> String {
    text.chars().filter(|mark| !mark.is_control()).collect()
}

/// The templates are literals of this file; the tests draw each of them.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

const COLUMNS: usize = 32;
/// Where the run stands.
const NOW: char = '│';

/// The lines of a planned run, by key.
type Lanes = BTreeMap<String, (ProgressBar, Arc<Mutex<State>>)>;

/// What a key is used for now.
#[derive(Debug, Default)]
struct State {
    /// The checks that have it.
    checks: Vec<String>,
    /// Who waits, and until when.
    wait: Option<(String, Instant)>,
}

impl State {
    fn text(&self, now: Instant) -> String {
        match (&self.wait, self.checks.as_slice()) {
            (Some((id, until)), _) => {
                format!("{id} waits {}", countdown(until.saturating_duration_since(now)))
            }
            (None, []) => String::new(),
            (None, [only]) => only.clone(),
            (None, [first, others @ ..]) => format!("{first} and {} more", others.len()),
        }
    }
}

fn lanes(lines: &MultiProgress, schedule: &KeySchedule) -> Lanes {
    // What all names begin with says nothing.
    let short =
        |key: &str| key.strip_prefix(crate::deployment::KEY_VARIABLE_PREFIX).unwrap_or(key).to_owned();
    let width = schedule.lanes.iter().map(|lane| short(&lane.key).chars().count()).max().unwrap_or(0);
    let line = |lane: &PlannedLane| {
        let state = Arc::new(Mutex::new(State::default()));
        let (drawn, takes, shown) = (lane.drawn(schedule.takes, COLUMNS), schedule.takes, Arc::clone(&state));
        let begun = Instant::now();
        let bar = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A redraw that fails is drawn again at the next tick.
            let _ = out.write_str(&at(&drawn, begun.elapsed(), takes));
        };
        let doing = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&shown.lock().text(Instant::now()));
        };
        let line = lines.add(ProgressBar::new_spinner());
        line.set_style(
            style("  {prefix} {bar_of_key} {doing}").with_key("bar_of_key", bar).with_key("doing", doing),
        );
        line.set_prefix(visible_line(&format!("{:width$}", short(&lane.key))));
        line.enable_steady_tick(TICK);
        (lane.key.clone(), (line, state))
    };
    schedule.lanes.iter().map(line).collect()
}

/// The drawn lane with a mark where the run stands.
fn at(drawn: &str, elapsed: Duration, takes: Duration) -> String {
    let share = elapsed.as_secs_f64() / takes.as_secs_f64().max(f64::MIN_POSITIVE);
    let now = ((share * COLUMNS as f64) as usize).min(COLUMNS);
    let mut marks: Vec<char> = format!("{drawn:COLUMNS$} ").chars().collect();
    marks[now] = NOW;
    marks.into_iter().collect()
}

/// How often there is one.
const EVERY: Duration = Duration::from_secs(30);
/// So many waits are named.
const NAMED_WAITS: usize = 2;

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
                .take(NAMED_WAITS)
                .map(|wait| format!("{} waits {} for {}", wait.id, time(wait.until - now), wait.what)),
        );
        match waits().count().saturating_sub(NAMED_WAITS) {
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
    fn the_mark_moves_from_the_beginning_to_the_end_and_stays_there() {
        let minute = Duration::from_secs(60);
        assert!(at("█──", Duration::ZERO, minute).starts_with("│──"));
        let half = at("█──", minute / 2, minute);
        assert_eq!(half.chars().position(|mark| mark == NOW), Some(COLUMNS / 2));
        assert_eq!(at("", 3 * minute, minute).chars().last(), Some(NOW));
    }

    #[test]
    fn a_line_says_who_has_the_key_and_how_long_it_waits() {
        let now = Instant::now();
        let mut state = State::default();
        assert_eq!(state.text(now), "");
        state.checks = vec!["auth.missing".to_owned(), "auth.empty".to_owned()];
        assert_eq!(state.text(now), "auth.missing and 1 more");
        state.wait = Some(("rate.standard".to_owned(), now + Duration::from_secs(42)));
        assert_eq!(state.text(now), "rate.standard waits 42 s");
    }

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
