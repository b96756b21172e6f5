//! Servers with several deviations for people: whatever is not as it should be, and the numbers.

use std::io::{self, Write};

use super::judge::{CompositionOutcome, ExaminedComposition};
use super::play::CompositionHunt;
use super::summary::CompositionSummary;
use crate::mutants::table::{Ending, failing_line};
use crate::report::page::count;
use crate::report::page::{Page, Tone};

/// Writes the table. `every` gives each server its row.
///
/// # Errors
/// Those of `out`.
pub fn print_compositions(
    hunt: &CompositionHunt,
    summary: &CompositionSummary,
    every: bool,
    colour: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::default();
    for one in hunt.examined.iter().filter(|one| every || one.outcome != CompositionOutcome::Named) {
        row(&mut page, one);
    }
    if !page.is_empty() {
        page.gap();
    }
    numbers(&mut page, summary);
    last_lines(&mut page, hunt, summary);
    page.write(out, colour)
}

fn row(page: &mut Page, one: &ExaminedComposition) {
    let tone = match one.outcome {
        CompositionOutcome::Named => Tone::Good,
        CompositionOutcome::Foreign | CompositionOutcome::Undecided(_) => Tone::Warn,
        CompositionOutcome::Missed => Tone::Bad,
    };
    let word = format!("{:11}", one.outcome.word());
    page.line(0, &[(tone, &word), (Tone::Plain, &one.composition.to_string())]);
    if one.outcome == CompositionOutcome::Named {
        return;
    }
    for part in one.composition.parts() {
        page.line(11, &[(Tone::Dim, &format!("{}: {}", part.name, part.about))]);
    }
    for missed in &one.missed {
        page.line(11, &[(Tone::Warn, "not named: "), (Tone::Plain, &missed.name)]);
        for check in &missed.checks {
            let why = if check.why.is_empty() { String::new() } else { format!(": {}", check.why) };
            page.line(13, &[(Tone::Dim, &format!("{} {}{why}", check.check, check.verdict))]);
        }
    }
    for held in &one.foreign {
        page.line(
            11,
            &[(Tone::Warn, "blamed too: "), (Tone::Plain, &format!("{}: {}", held.check, held.says))],
        );
    }
    page.line(11, &[(Tone::Dim, &format!("again: trenchcheck mutants '{}'", one.composition))]);
}

fn numbers(page: &mut Page, summary: &CompositionSummary) {
    let CompositionSummary { servers, constituents, named, foreign, causes_agree, failing, .. } = summary;
    let rows = [
        ("composed servers", *servers),
        ("constituents", *constituents),
        ("  named", *named),
        ("  missed", constituents - named),
        ("foreign failures", *foreign),
        ("as many causes as constituents", *causes_agree),
    ];
    for (name, number) in rows {
        page.line(0, &[(Tone::Plain, &format!("{name:32}{number:>4}"))]);
    }
    if let Some(failing) = failing {
        page.line(0, &[(Tone::Plain, &failing_line(failing, "server"))]);
    }
}

fn last_lines(page: &mut Page, hunt: &CompositionHunt, summary: &CompositionSummary) {
    let seed = hunt.seed.map(|seed| format!(" of seed {seed}")).unwrap_or_default();
    let ending = Ending {
        what: format!("{}{seed}", count(hunt.examined.len() as u64, "composed server")),
        requests: hunt.examined.iter().map(|one| one.requests).sum(),
        took: hunt.took,
        virtual_time: hunt.virtual_time,
        exit: summary.exit,
        conforms: "everything wrong is named, and nobody else is blamed",
        undecided: "some servers came to no verdict",
        failed: "something wrong is not named, or somebody else is blamed",
    };
    ending.write(page);
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::mutants::samples::composed_hunt;

    fn printed(every: bool) -> String {
        let hunt = composed_hunt();
        let mut out = Vec::new();
        print_compositions(&hunt, &CompositionSummary::of(&hunt), every, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_missed_comes_first_with_what_repeats_it() {
        assert_snapshot!(printed(false));
    }

    #[test]
    fn every_server_has_a_row_where_that_is_asked_for() {
        let named = "named      accept-basic+window-30s";
        assert!(printed(true).contains(named) && !printed(false).contains(named), "{}", printed(true));
    }
}
