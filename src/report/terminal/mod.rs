//! The report on a terminal, or in a pipe.

mod causes;
mod progress;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::ProgressDrawTarget;

use super::event::{Event, RunInfo, RunSummary};
use super::key_schedule::KeySchedule;
use super::page;
use super::page::{Page, Tone};
use super::results::causes as all_causes;
use super::sink::Reporter;
use super::verdict::{CheckResult, Verdict};
use crate::amounts::{count, time};
use progress::{Life, Progress};

/// A run that is over sooner needs no word about how long it takes.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// The causes that gate, and the last line.
    Quiet,
    /// Every cause, and the summary.
    #[default]
    Normal,
    /// Every check, every failure in full.
    Verbose,
    /// Every exchange besides, of which a whole run has thousands.
    Exchanges,
}

/// How the report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TerminalOptions {
    /// Whether progress is drawn, on standard error.
    pub interactive: bool,
    /// Whether colours are used.
    pub colour: bool,
    /// How much is told.
    pub verbosity: Verbosity,
}

/// Reports to people: the causes of what failed, then a summary; on request a line for each check before that.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    options: TerminalOptions,
    progress: Option<Progress>,
    /// What goes on, where nothing is drawn.
    life: Life,
    begun: Instant,
    info: Option<RunInfo>,
    results: Vec<CheckResult>,
    width: usize,
    /// Whether anything was told since the head of the report and the empty line below it.
    told: bool,
}

impl Terminal {
    /// Writes to `out`; progress, if any, goes to standard error.
    pub fn new(out: Box<dyn Write + Send>, options: TerminalOptions) -> Self {
        Self::drawing_on(out, options, ProgressDrawTarget::stderr())
    }

    fn drawing_on(out: Box<dyn Write + Send>, options: TerminalOptions, target: ProgressDrawTarget) -> Self {
        let progress = options.interactive.then(|| Progress::new(target));
        let (life, begun) = (Life::default(), Instant::now());
        Self { out, options, progress, life, begun, info: None, results: Vec::new(), width: 0, told: false }
    }

    fn show(&mut self, page: &Page) -> io::Result<()> {
        if page.is_empty() {
            return Ok(());
        }
        let (out, colour) = (&mut self.out, self.options.colour);
        let mut write = || page.write(out, colour).and_then(|()| out.flush());
        match &self.progress {
            Some(progress) => progress.above(write),
            None => write(),
        }
    }

    fn started(&mut self, info: &RunInfo) -> io::Result<()> {
        self.info = Some(info.clone());
        self.width = info.checks.iter().map(String::len).max().unwrap_or(0);
        let mut page = Page::default();
        if self.options.verbosity != Verbosity::Quiet {
            let clock = if info.virtual_time { "virtual time" } else { "real time" };
            let checks = count(info.checks.len() as u64, "check");
            let strict = if info.strict { ", --strict" } else { "" };
            let rfc = if info.rfc { ", --rfc" } else { "" };
            let header = format!("{checks}, keys: {}, {clock}{strict}{rfc}", info.keys);
            page.line(0, &[(Tone::Strong, &info.target), (Tone::Plain, "  "), (Tone::Plain, &header)]);
            page.gap();
        }
        self.show(&page)
    }

    fn planned(&mut self, schedule: &KeySchedule) -> io::Result<()> {
        let mut page = Page::default();
        if self.options.verbosity != Verbosity::Quiet && schedule.takes >= WORTH_TELLING {
            page.line(0, &[(Tone::Dim, &format!("expected to take {}", time(schedule.takes)))]);
            page.gap();
        }
        self.show(&page)
    }

    /// Says why the run gets longer than planned.
    fn again(&mut self, id: &str, why: &str) -> io::Result<()> {
        let mut page = Page::default();
        let virtual_time = self.info.as_ref().is_some_and(|info| info.virtual_time);
        if self.options.verbosity != Verbosity::Quiet && !virtual_time {
            page.wrapped(
                0,
                2,
                &[(Tone::Dim, "again: "), (Tone::Plain, id), (Tone::Dim, &format!(": {why}"))],
            );
        }
        self.say(&page)
    }

    /// Writes what is no part of the report to where progress is drawn.
    fn say(&self, page: &Page) -> io::Result<()> {
        if page.is_empty() {
            return Ok(());
        }
        let write = || page.write(&mut io::stderr(), self.options.colour);
        match &self.progress {
            Some(progress) => progress.above(write),
            None => write(),
        }
    }

    /// Whether a finished check gets a line of its own.
    fn tells(&self, result: &CheckResult) -> bool {
        match self.options.verbosity {
            Verbosity::Quiet => false,
            // The end of the report tells of the others together, by cause or by reason.
            Verbosity::Normal => matches!(result.verdict, Verdict::KnownDeviation | Verdict::UnexpectedPass),
            Verbosity::Verbose | Verbosity::Exchanges => true,
        }
    }

    fn finished(&mut self, result: &CheckResult) -> io::Result<()> {
        let mut page = Page::default();
        if self.tells(result) {
            verdict_line(&mut page, result, self.width, self.options.verbosity >= Verbosity::Verbose);
            self.told = true;
        }
        self.results.push(result.clone());
        self.show(&page)
    }

    fn ended(&mut self, run: &RunSummary) -> io::Result<()> {
        if let Some(progress) = self.progress.take() {
            progress.clear();
        }
        let (quiet, verbose) =
            (self.options.verbosity == Verbosity::Quiet, self.options.verbosity >= Verbosity::Verbose);
        let mut causes = all_causes(&self.results, self.info.as_ref(), run);
        let mut page = Page::default();
        if quiet {
            causes.retain(|cause| cause.gates);
            causes::causes(&mut page, &causes, &self.results);
            if !causes.is_empty() {
                page.gap();
            }
        } else {
            if !causes.is_empty() {
                page.gap();
                causes::causes(&mut page, &causes, &self.results);
            }
            for result in self.results.iter().filter(|result| verbose && !result.failures.is_empty()) {
                page.gap();
                page::check_in_full(&mut page, result);
            }
            let untold: &[CheckResult] = if verbose { &[] } else { &self.results };
            causes::observed(&mut page, untold, run, !causes.is_empty());
            causes::clauses(&mut page, &self.results);
            causes::open(&mut page, &self.results, &causes, run);
            causes::counts(&mut page, &self.results, run, verbose);
            if !self.told {
                page.without_first_gap();
            }
        }
        causes::last_line(&mut page, run);
        self.show(&page)
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.life.keep(event, self.begun.elapsed());
        if let Some(progress) = &mut self.progress {
            progress.event(event);
        }
        match event {
            Event::Started(info) => self.started(info),
            Event::Planned(schedule) => self.planned(schedule),
            Event::PlayedAgain { id, why } => self.again(id, why),
            Event::Exchange { id, exchange } => {
                let mut page = Page::default();
                page.line(0, &[(Tone::Dim, id)]);
                page::exchange(&mut page, 2, exchange);
                self.show(&page)
            }
            Event::CheckFinished(result) => self.finished(result),
            Event::Finished(run) => self.ended(run),
            _ => Ok(()),
        }
    }

    fn wants_exchanges(&self) -> bool {
        self.options.verbosity == Verbosity::Exchanges
    }

    fn tick(&mut self) -> io::Result<()> {
        if self.progress.is_some() || self.options.verbosity == Verbosity::Quiet {
            return Ok(());
        }
        let Some(sign) = self.life.sign(self.begun.elapsed()) else { return Ok(()) };
        let mut page = Page::default();
        page.wrapped(0, usize::MAX, &[(Tone::Dim, &sign)]);
        self.say(&page)
    }
}

/// `PASS    auth.no-query  (12 ms)`, and below it what a list says of it; where all is told, also what was observed.
fn verdict_line(page: &mut Page, result: &CheckResult, width: usize, full: bool) {
    let (word, tone) = match result.verdict {
        Verdict::Pass => ("PASS   ", Tone::Good),
        Verdict::Fail => ("FAIL   ", Tone::Bad),
        Verdict::Advisory => ("NOTE   ", Tone::Warn),
        Verdict::Explained(_) => ("BROKEN ", Tone::Warn),
        Verdict::Skipped(_) => ("SKIP   ", Tone::Dim),
        Verdict::Blocked(_) => ("BLOCKED", Tone::Warn),
        Verdict::Inconclusive(_) => ("UNSURE ", Tone::Warn),
        Verdict::KnownDeviation if result.is_expired() => ("STALE  ", Tone::Bad),
        Verdict::KnownDeviation => ("KNOWN  ", Tone::Dim),
        Verdict::UnexpectedPass => ("STALE  ", Tone::Bad),
    };
    let id = format!(" {:width$}  ", result.id);
    let tail = match (&result.verdict, &result.cause) {
        (Verdict::Explained(_), Some(cause)) => format!("(explained by {cause})"),
        (Verdict::Blocked(_), Some(cause)) => format!("(by {cause})"),
        (verdict, _) => verdict.reason().map_or_else(|| format!("({})", time(result.took)), str::to_owned),
    };
    page.line(0, &[(tone, word), (Tone::Plain, &id), (Tone::Dim, &tail)]);
    if let Some(known) = &result.known {
        let passed =
            if result.verdict == Verdict::UnexpectedPass { "it passed, and is listed as " } else { "" };
        page.block(8, Tone::Plain, &format!("{passed}{known}"));
    }
    if !full {
        return;
    }
    if let (Some(_), Some(reason)) = (&result.cause, result.verdict.reason()) {
        page.block(8, Tone::Dim, reason);
    }
    for fact in &result.facts {
        page.block(8, Tone::Dim, fact);
    }
    for case in &result.not_played {
        page.block(8, Tone::Dim, &format!("not played: {case}"));
    }
}

#[cfg(test)]
mod tests;
