//! `trenchcheck compare`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::reports::try_all;
use super::{Ended, fail, is_coloured, told};
use crate::load::{Change, Comparison, Limit, read_back};
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};
use crate::report::{code, is_standard_output, line, save};

/// Say how load runs differ from the first of them.
///
/// Each directory is what `trenchcheck load --save DIR` or `trenchcheck merge --save DIR` left behind. Percentiles come with
/// the interval in which they lie with a confidence of 95 in 100; a change counts where the intervals are apart.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trenchcheck compare monday tuesday\n  \
                        trenchcheck compare monday tuesday --fail-if 'p99 > +10%' --fail-if 'errors > +0'")]
pub struct CompareArgs {
    /// The directory of the run to compare with.
    #[arg(value_name = "BASE")]
    pub base: PathBuf,

    /// Those of the others.
    #[arg(value_name = "NEW", required = true)]
    pub new: Vec<PathBuf>,

    /// How it is judged and told.
    #[command(flatten)]
    pub how: ComparisonArgs,

    /// Writes the comparisons as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes the comparisons as tables in Markdown; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// How a run beside another one is judged.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ComparisonArgs {
    /// Fails where this changed, such as `p99 > +10%`.
    #[arg(long, value_name = "CHANGE")]
    pub fail_if: Vec<Limit>,
}

/// Runs the command.
pub(super) fn run(args: &CompareArgs) -> Ended {
    let files: Vec<&Path> = [&args.json, &args.markdown].into_iter().filter_map(Option::as_deref).collect();
    try_all(&files).map_err(fail(ExitCode::Usage))?;
    let base = read_back(&args.base).map_err(fail(ExitCode::Usage))?;
    let mut all = Vec::new();
    for directory in &args.new {
        let new = read_back(directory).map_err(fail(ExitCode::Usage))?;
        let [one, other] = [&args.base, directory].map(|path| path.display().to_string());
        all.push(Comparison::new((&one, &base), (&other, &new), &args.how.fail_if));
    }
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&all).map_err(fail(ExitCode::Internal))? + "\n";
        save(file, text.as_bytes()).map_err(fail(ExitCode::Internal))?;
    }
    if let Some(file) = &args.markdown {
        let text: String = all.iter().map(markdown).collect();
        save(file, text.as_bytes()).map_err(fail(ExitCode::Internal))?;
    }
    let exit = all.iter().map(Comparison::exit).max_by_key(|exit| exit.code()).unwrap_or(ExitCode::Conforms);
    if files.into_iter().any(is_standard_output) {
        return Ok(exit);
    }
    let out = &mut io::stdout();
    let colour = is_coloured(out);
    Ok(told(all.iter().try_for_each(|one| page(one).write(out, colour)).and_then(|()| out.flush()), exit))
}

/// A comparison for people.
pub(super) fn page(of: &Comparison) -> Page {
    let mut page = Page::default();
    page.line(0, &[(Tone::Strong, &of.new), (Tone::Plain, &format!("  beside {}", of.base))]);
    let mut group = "";
    let width = |text: fn(&Change) -> String| {
        of.changes.iter().map(|change| text(change).chars().count()).max().unwrap_or(0)
    };
    let (before, after) =
        (width(|change| change.interval(change.base)), width(|change| change.interval(change.new)));
    for change in &of.changes {
        if group != change.group {
            group = &change.group;
            page.line(2, &[(Tone::Strong, group), (Tone::Dim, "  in ms with 95 % confidence, and requests")]);
        }
        let tone = if change.clear { Tone::Warn } else { Tone::Dim };
        let numbers = format!(
            "{:<9} {:>before$}  {:>after$}  ",
            change.name(),
            change.interval(change.base),
            change.interval(change.new)
        );
        let chance = if change.clear || change.base == change.new { "" } else { ", may be chance" };
        page.line(4, &[(Tone::Plain, &numbers), (tone, &change.told()), (Tone::Dim, chance)]);
    }
    for doubt in &of.doubts {
        page.line(2, &[(Tone::Warn, doubt)]);
    }
    for broken in &of.broken {
        page.line(2, &[(Tone::Bad, broken)]);
    }
    let exit = of.exit();
    let (tone, text) = match exit {
        ExitCode::Conforms => (Tone::Good, "no limit is broken"),
        ExitCode::ThresholdMissed => (Tone::Bad, "changed more than it may"),
        _ => (Tone::Warn, "nothing follows"),
    };
    page.line(0, &[(tone, text), (Tone::Plain, &format!(" (exit code {})", exit.code()))]);
    page
}

fn markdown(of: &Comparison) -> String {
    // Even within code a bar ends a cell of a table.
    let cell = |text: &str| code(text).replace('|', r"\|");
    let mut text = format!(
        "### {} beside {}\n\n| Lane | | Base | New | Change |\n|---|---|--:|--:|--:|\n",
        code(&of.new),
        code(&of.base)
    );
    for change in &of.changes {
        let told = if change.clear { format!("**{}**", change.told()) } else { change.told() };
        text += &format!(
            "| {} | {} | {} | {} | {told} |\n",
            cell(&change.group),
            change.name(),
            change.interval(change.base),
            change.interval(change.new)
        );
    }
    text.push('\n');
    for said in of.doubts.iter().chain(&of.broken) {
        text += &format!("- {}\n", line(said));
    }
    text + "\nTimes in ms, with the interval of 95 % confidence; bold is more than chance.\n\n"
}
