//! A hunt for people: a row for each group, and whatever is not as it should be.

use std::io::{self, Write};
use std::time::Duration;

use super::hunt::Hunt;
use super::judge::{Examined, Held, Outcome};
use super::summary::{Failing, GroupCount, Summary};
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};
use crate::report::page::{count, time};

/// Writes the table. `every` gives each mutant its row.
///
/// # Errors
/// Those of `out`.
pub fn print(
    hunt: &Hunt,
    summary: &Summary,
    every: bool,
    colour: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::default();
    rows(&mut page, hunt, every);
    groups(&mut page, hunt, summary);
    idle(&mut page, summary);
    last_lines(&mut page, hunt, summary);
    page.write(out, colour)
}

fn rows(page: &mut Page, hunt: &Hunt, every: bool) {
    let shown = |one: &&Examined| every || !one.outcome.is_in_order() || !one.missed_by.is_empty();
    let width = hunt.examined.iter().filter(shown).map(|one| one.mutant.name.len()).max().unwrap_or(0);
    for one in hunt.examined.iter().filter(shown) {
        let tone = match &one.outcome {
            Outcome::Passed | Outcome::Caught => Tone::Good,
            Outcome::Foreign | Outcome::Weak | Outcome::Undecided(_) => Tone::Warn,
            Outcome::Accused | Outcome::Survived => Tone::Bad,
        };
        let word = format!("{:9}", one.outcome.word());
        let name = format!("  {:width$}  ", one.mutant.name);
        page.line(0, &[(tone, &word), (Tone::Plain, &name), (Tone::Dim, &one.caught_by.join(", "))]);
        if !one.outcome.is_in_order() {
            page.line(11, &[(Tone::Dim, one.mutant.about)]);
        }
        if let Outcome::Undecided(why) = &one.outcome {
            page.line(11, &[(Tone::Plain, why)]);
        }
        if !one.missed_by.is_empty() {
            page.line(11, &[(Tone::Warn, "not caught by "), (Tone::Plain, &one.missed_by.join(", "))]);
        }
        let told = |held: &&Held| !matches!(held.verdict, "advisory" | "explained");
        for held in one.foreign.iter().chain(&one.held).filter(told) {
            let line = format!("{} {}: {}", held.check, held.verdict, held.says);
            page.line(11, &[(Tone::Dim, &line)]);
        }
    }
    if !page.is_empty() {
        page.gap();
    }
}

const HEADS: [&str; 8] =
    ["deviations", "caught", "foreign", "weak", "survived", "conforming", "passed", "undecided"];

fn groups(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let numbers = |of: &GroupCount| {
        [of.deviations, of.caught, of.foreign, of.weak, of.survived, of.conforming, of.passed, of.undecided]
    };
    let cells = |numbers: [usize; 8]| {
        let cells = numbers.iter().zip(HEADS).map(|(number, head)| {
            let width = head.len() + 2;
            if *number == 0 { format!("{:>width$}", ".") } else { format!("{number:>width$}") }
        });
        cells.collect::<String>()
    };
    let width = summary.groups.iter().map(|count| count.group.to_string().len()).max().unwrap_or(0).max(5);
    let heads: String = HEADS.iter().map(|head| format!("  {head}")).collect();
    page.line(0, &[(Tone::Strong, &format!("{:width$}{heads}", "Group"))]);
    let mut all = [0; 8];
    for group in &summary.groups {
        let numbers = numbers(group);
        for (sum, number) in all.iter_mut().zip(numbers) {
            *sum += number;
        }
        let name = group.group.to_string();
        page.line(0, &[(Tone::Plain, &format!("{name:width$}{}", cells(numbers)))]);
    }
    page.line(0, &[(Tone::Strong, &format!("{:width$}{}", "all", cells(all)))]);
    if let Some(reference) = hunt.examined.iter().find(|one| one.mutant.group.is_none()) {
        page.line(0, &[(Tone::Plain, &format!("The reference {}.", reference.outcome.word()))]);
    }
    if let Some(failing) = &summary.failing {
        page.line(0, &[(Tone::Plain, &failing_line(failing, "deviation"))]);
    }
}

/// How many checks fail because of one of these.
pub(super) fn failing_line(failing: &Failing, of: &str) -> String {
    let Failing { mean, median, most } = failing;
    format!("Failing checks a {of}: {mean:.2} on average, {median} in the middle, {most} at most.")
}

fn idle(page: &mut Page, summary: &Summary) {
    let Some(idle) = &summary.idle else { return };
    for check in idle {
        let tone = if check.why.is_some() { Tone::Dim } else { Tone::Bad };
        let why = check.why.map(|why| format!(": {why}")).unwrap_or_default();
        page.line(0, &[(tone, &format!("{} catches nothing{why}", check.check))]);
    }
    if idle.is_empty() {
        page.line(0, &[(Tone::Plain, "Every gating check catches something.")]);
    }
}

fn last_lines(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let ending = Ending {
        what: count(hunt.examined.len() as u64, "mutant"),
        requests: hunt.examined.iter().map(|one| one.requests).sum(),
        took: hunt.took,
        virtual_time: hunt.virtual_time,
        exit: summary.exit,
        conforms: "nothing wrong passes, and nothing conforming fails",
        undecided: "some mutants came to no verdict",
        failed: "the suite has a gap",
    };
    ending.write(page);
}

/// The lines below a table: what was played, and how it ends.
pub(super) struct Ending {
    /// What was played, in words.
    pub(super) what: String,
    /// Requests sent.
    pub(super) requests: u64,
    /// Wall time.
    pub(super) took: Duration,
    /// Whether clocks were moved instead of waited for.
    pub(super) virtual_time: bool,
    /// How it ends.
    pub(super) exit: ExitCode,
    /// What is said where all is well,
    pub(super) conforms: &'static str,
    /// where some came to no verdict,
    pub(super) undecided: &'static str,
    /// and where something is wrong.
    pub(super) failed: &'static str,
}

impl Ending {
    /// Writes them.
    pub(super) fn write(&self, page: &mut Page) {
        let clock = if self.virtual_time { "virtual time" } else { "real time" };
        page.gap();
        let text =
            format!("{}, {} in {}, {clock}", self.what, count(self.requests, "request"), time(self.took));
        page.line(0, &[(Tone::Plain, &text)]);
        let (tone, words) = match self.exit {
            ExitCode::Conforms => (Tone::Good, self.conforms),
            ExitCode::Inconclusive => (Tone::Warn, self.undecided),
            ExitCode::Interrupted => (Tone::Warn, "interrupted before the end"),
            _ => (Tone::Bad, self.failed),
        };
        page.line(0, &[(tone, words), (Tone::Plain, &format!(" (exit code {})", self.exit.code()))]);
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::mutants::samples::mixed;
    use crate::scenario::{Source, Suite};

    fn printed(every: bool) -> String {
        let hunt = mixed();
        let summary = Summary::of(&hunt, &Suite::load(&Source::Builtin).unwrap());
        let mut out = Vec::new();
        print(&hunt, &summary, every, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_misjudged_comes_first_and_then_the_numbers() {
        assert_snapshot!(printed(false));
    }

    #[test]
    fn every_mutant_has_a_row_where_that_is_asked_for() {
        let (some, all) = (printed(false), printed(true));
        assert!(!some.contains("accept-bearer") && all.contains("caught     accept-bearer"), "{all}");
        assert!(all.contains("passed     json-indented"), "{all}");
    }
}
