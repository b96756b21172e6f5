//! A hunt for people: whatever is not as it should be, and the numbers.

use std::io::{self, Write};
use std::time::Duration;

use super::hunt::Hunt;
use super::judge::{Examined, MutantStatus};
use super::summary::{GroupCount, Summary};
use crate::amounts::{count, time};
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};

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
    let shown = |one: &&Examined| every || !one.outcome.is_in_order() || !one.missed_by.is_empty();
    let shown: Vec<&Examined> = hunt.examined.iter().filter(shown).collect();
    let width = shown.iter().map(|one| one.mutant.name.len()).max().unwrap_or(0);
    shown.iter().for_each(|one| row(&mut page, one, width));
    if !page.is_empty() {
        page.gap();
    }
    if hunt.composed {
        numbers(&mut page, hunt, summary);
    } else {
        groups(&mut page, hunt, summary);
    }
    last_lines(&mut page, hunt, summary);
    page.write(out, colour)
}

fn row(page: &mut Page, one: &Examined, width: usize) {
    let tone = match &one.outcome {
        MutantStatus::Passed | MutantStatus::Caught | MutantStatus::Named => Tone::Good,
        MutantStatus::Foreign | MutantStatus::Weak | MutantStatus::Undecided => Tone::Warn,
        MutantStatus::Accused | MutantStatus::Survived | MutantStatus::Missed => Tone::Bad,
    };
    let (word, name) = (one.outcome.word(), &one.mutant.name);
    if one.mutant.is_composed() {
        page.line(0, &[(tone, &format!("{word:11}")), (Tone::Plain, name)]);
        if !one.outcome.is_in_order() {
            constituents(page, one);
        }
        return;
    }
    let name = format!("  {name:width$}  ");
    page.line(
        0,
        &[(tone, &format!("{word:9}")), (Tone::Plain, &name), (Tone::Dim, &one.caught_by.join(", "))],
    );
    if !one.outcome.is_in_order() {
        page.line(11, &[(Tone::Dim, one.mutant.about)]);
    }
    if let Some(why) = &one.reason {
        page.line(11, &[(Tone::Plain, why)]);
    }
    if !one.missed_by.is_empty() {
        page.line(11, &[(Tone::Warn, "not caught by "), (Tone::Plain, &one.missed_by.join(", "))]);
    }
    for held in one.foreign.iter().chain(&one.held) {
        if !matches!(held.verdict, "advisory" | "explained") {
            page.line(11, &[(Tone::Dim, &format!("{} {}: {}", held.check, held.verdict, held.says))]);
        }
    }
}

/// What is not as it should be at a server with several deviations.
fn constituents(page: &mut Page, one: &Examined) {
    for change in &one.mutant.changes {
        page.line(11, &[(Tone::Dim, &format!("{}: {}", change.name, change.about))]);
    }
    for missed in &one.missed {
        page.line(11, &[(Tone::Warn, "not named: "), (Tone::Plain, missed.name)]);
        for check in &missed.checks {
            let why = if check.why.is_empty() { String::new() } else { format!(": {}", check.why) };
            page.line(13, &[(Tone::Dim, &format!("{} {}{why}", check.check, check.verdict))]);
        }
    }
    for held in &one.foreign {
        let says = format!("{}: {}", held.check, held.says);
        page.line(11, &[(Tone::Warn, "blamed too: "), (Tone::Plain, &says)]);
    }
    page.line(11, &[(Tone::Dim, &format!("again: trenchcheck mutants '{}'", one.mutant.name))]);
}

fn numbers(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let rows = [
        ("composed servers", hunt.examined.len()),
        ("constituents", summary.constituents),
        ("  named", summary.named),
        ("  missed", summary.constituents - summary.named),
        ("foreign failures", summary.foreign),
        ("as many causes as constituents", summary.causes_agree),
    ];
    for (name, number) in rows {
        page.line(0, &[(Tone::Plain, &format!("{name:32}{number:>4}"))]);
    }
    failing(page, summary, "server");
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
    let width = summary.groups.iter().map(|count| count.group.len()).max().unwrap_or(0).max(5);
    let heads: String = HEADS.iter().map(|head| format!("  {head}")).collect();
    page.line(0, &[(Tone::Strong, &format!("{:width$}{heads}", "Group"))]);
    let mut all = [0; 8];
    for group in &summary.groups {
        let numbers = numbers(group);
        for (sum, number) in all.iter_mut().zip(numbers) {
            *sum += number;
        }
        page.line(0, &[(Tone::Plain, &format!("{:width$}{}", group.group, cells(numbers)))]);
    }
    page.line(0, &[(Tone::Strong, &format!("{:width$}{}", "all", cells(all)))]);
    if let Some(reference) = hunt.examined.iter().find(|one| one.mutant.nature == "reference") {
        page.line(0, &[(Tone::Plain, &format!("The reference {}.", reference.outcome.word()))]);
    }
    failing(page, summary, "deviation");
    for check in summary.idle.iter().flatten() {
        let tone = if check.why.is_some() { Tone::Dim } else { Tone::Bad };
        let why = check.why.map(|why| format!(": {why}")).unwrap_or_default();
        page.line(0, &[(tone, &format!("{} catches nothing{why}", check.check))]);
    }
    if summary.idle.as_ref().is_some_and(Vec::is_empty) {
        page.line(0, &[(Tone::Plain, "Every gating check catches something.")]);
    }
}

/// How many checks fail because of one of these.
fn failing(page: &mut Page, summary: &Summary, of: &str) {
    let Some(failing) = &summary.failing else { return };
    let (mean, median, most) = (failing.mean, failing.median, failing.most);
    let line =
        format!("Failing checks a {of}: {mean:.2} on average, {median} in the middle, {most} at most.");
    page.line(0, &[(Tone::Plain, &line)]);
}

/// What was played, and how it ends.
fn last_lines(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let seed = hunt.seed.map(|seed| format!(" of seed {seed}")).unwrap_or_default();
    let played = count(hunt.examined.len() as u64, if hunt.composed { "composed server" } else { "mutant" });
    let requests = count(hunt.examined.iter().map(|one| one.requests).sum(), "request");
    let clock = if hunt.virtual_time { "virtual time" } else { "real time" };
    page.gap();
    page.line(
        0,
        &[(
            Tone::Plain,
            &format!("{played}{seed}, {requests} in {}, {clock}", time(Duration::from_millis(hunt.took_ms))),
        )],
    );
    let (tone, words) = match (summary.exit, hunt.composed) {
        (ExitCode::Interrupted, _) => (Tone::Warn, "interrupted before the end"),
        (ExitCode::Conforms, false) => (Tone::Good, "nothing wrong passes, and nothing conforming fails"),
        (ExitCode::Conforms, true) => (Tone::Good, "everything wrong is named, and nobody else is blamed"),
        (ExitCode::Inconclusive, false) => (Tone::Warn, "some mutants came to no verdict"),
        (ExitCode::Inconclusive, true) => (Tone::Warn, "some servers came to no verdict"),
        (_, false) => (Tone::Bad, "the suite has a gap"),
        (_, true) => (Tone::Bad, "something wrong is not named, or somebody else is blamed"),
    };
    page.line(0, &[(tone, words), (Tone::Plain, &format!(" (exit code {})", summary.exit.code()))]);
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::mutants::samples::{composed_hunt, mixed};
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

    fn printed_composed(every: bool) -> String {
        let hunt = composed_hunt();
        let mut out = Vec::new();
        print(&hunt, &Summary::of(&hunt, &Suite::default()), every, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_missed_comes_first_with_what_repeats_it() {
        assert_snapshot!(printed_composed(false));
    }

    #[test]
    fn every_server_has_a_row_where_that_is_asked_for() {
        let named = "named      accept-basic+window-30s";
        assert!(
            printed_composed(true).contains(named) && !printed_composed(false).contains(named),
            "{}",
            printed_composed(true)
        );
    }
}
