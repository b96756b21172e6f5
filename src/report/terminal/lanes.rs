//! The plan, drawn while it is played: a line for each key, with what has it now and how long that waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState};

use super::super::timeline::{Lane, Timeline};
use super::progress::{TICK, countdown, style, visible_line};

/// Columns of the timeline.
const COLUMNS: usize = 32;
/// Where the run stands.
const NOW: char = '│';

/// The lines of a planned run.
pub(super) struct Lanes {
    lines: MultiProgress,
    by_key: BTreeMap<String, (ProgressBar, Arc<Mutex<State>>)>,
}

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

impl Lanes {
    pub(super) fn new(lines: &MultiProgress, timeline: &Timeline) -> Self {
        // What all names begin with says nothing.
        let short =
            |key: &str| key.strip_prefix(crate::deployment::KEY_VARIABLE_PREFIX).unwrap_or(key).to_owned();
        let width = timeline.lanes.iter().map(|lane| short(&lane.key).chars().count()).max().unwrap_or(0);
        let line = |lane: &Lane| {
            let state = Arc::new(Mutex::new(State::default()));
            let (drawn, takes, shown) =
                (lane.drawn(timeline.takes, COLUMNS), timeline.takes, Arc::clone(&state));
            let begun = Instant::now();
            let bar = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                // A redraw that fails is drawn again at the next tick.
                let _ = out.write_str(&at(&drawn, begun.elapsed(), takes));
            };
            let doing = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = out.write_str(&locked(&shown).text(Instant::now()));
            };
            let line = lines.add(ProgressBar::new_spinner());
            line.set_style(
                style("  {prefix} {bar_of_key} {doing}").with_key("bar_of_key", bar).with_key("doing", doing),
            );
            line.set_prefix(visible_line(&format!("{:width$}", short(&lane.key))));
            line.enable_steady_tick(TICK);
            (lane.key.clone(), (line, state))
        };
        Self { lines: lines.clone(), by_key: timeline.lanes.iter().map(line).collect() }
    }

    pub(super) fn lent(&self, id: &str, keys: &[String]) {
        self.change(keys, |state| state.checks.push(visible_line(id)));
    }

    pub(super) fn back(&self, keys: &[String]) {
        self.change(keys, |state| {
            // Who shares a key is soon over; which of them it was makes no difference to the line for long.
            if !state.checks.is_empty() {
                state.checks.remove(0);
            }
        });
    }

    pub(super) fn waiting(&self, id: &str, keys: &[String], how_long: Duration) {
        let until = Instant::now() + how_long;
        self.change(keys, |state| state.wait = Some((visible_line(id), until)));
    }

    pub(super) fn resumed(&self, keys: &[String]) {
        self.change(keys, |state| state.wait = None);
    }

    fn change(&self, keys: &[String], change: impl Fn(&mut State)) {
        for (_, state) in keys.iter().filter_map(|key| self.by_key.get(key)) {
            change(&mut locked(state));
        }
    }

    /// Ends the drawing.
    pub(super) fn clear(self) {
        for (line, _) in self.by_key.into_values() {
            line.finish_and_clear();
            self.lines.remove(&line);
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panic elsewhere leaves nothing half-written here.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The drawn lane with a mark where the run stands.
fn at(drawn: &str, elapsed: Duration, takes: Duration) -> String {
    let share = elapsed.as_secs_f64() / takes.as_secs_f64().max(f64::MIN_POSITIVE);
    let now = ((share * COLUMNS as f64) as usize).min(COLUMNS);
    let mut marks: Vec<char> = format!("{drawn:COLUMNS$} ").chars().collect();
    marks[now] = NOW;
    marks.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
