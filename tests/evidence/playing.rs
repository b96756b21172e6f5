//! Recording runs, and judging them again.

use std::sync::{Arc, LazyLock};

use tokio::sync::{mpsc, watch};
use trenchcheck::deployment::Target;
use trenchcheck::report::{Event, ExitCode, RunSummary};
use trenchcheck::run::{Options, Recording, judge_recording, record};
use trenchcheck::scenario::{Source, Suite};

/// The suite that is compiled into the program.
pub(crate) static SUITE: LazyLock<Arc<Suite>> =
    LazyLock::new(|| Arc::new(Suite::load(&Source::Builtin).expect("the shipped suite is sound")));

/// The places of these checks; of all, where none is named.
pub(crate) fn places(suite: &Suite, ids: &[&str]) -> Vec<usize> {
    let places = suite.checks.iter().enumerate();
    let wanted = places.filter(|(_, check)| ids.is_empty() || ids.contains(&check.id.as_str()));
    let wanted: Vec<usize> = wanted.map(|(place, _)| place).collect();
    assert!(ids.is_empty() || wanted.len() == ids.len(), "the suite lacks some of {ids:?}");
    wanted
}

fn options() -> Options {
    // Few at once: a burst that shares the machine with many others takes so long that windows end inside it.
    Options { strict: true, rfc: true, jobs: 2, ..Options::default() }
}

/// What was told of a run: of its beginning, of each check and of its end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) lines: Vec<String>,
    pub(crate) summary: Option<RunSummary>,
}

impl Told {
    fn of(mut events: mpsc::UnboundedReceiver<Event>) -> Self {
        let mut told = Self::default();
        while let Ok(event) = events.try_recv() {
            if let Event::Started(_) | Event::CheckFinished(_) | Event::Finished(_) = &event {
                told.lines.push(format!("{event:#?}"));
            }
            if let Event::Finished(summary) = event {
                told.summary = Some(summary);
            }
        }
        told
    }
}

/// Plays the checks at these places, with everything gating that can gate.
pub(crate) async fn recorded(
    suite: &Arc<Suite>,
    target: Target,
    places: &[usize],
) -> (Told, ExitCode, Recording) {
    let (sender, events) = mpsc::unbounded_channel();
    // The run takes a dropped sender for Ctrl-C.
    let (_alive, interrupted) = watch::channel(false);
    let (_, exit, recording) =
        record(Arc::clone(suite), Arc::new(target), places, options(), sender, interrupted).await.unwrap();
    (Told::of(events), exit, recording)
}

/// Judges by a recording.
pub(crate) fn judged(suite: &Suite, recording: &Recording, places: &[usize]) -> (Told, ExitCode) {
    let (sender, events) = mpsc::unbounded_channel();
    let (_, exit) = judge_recording(suite, recording, places, &options(), &sender);
    (Told::of(events), exit)
}
