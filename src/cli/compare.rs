//! `trenchcheck compare`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Ended, fail, is_coloured, told};
use crate::load::{Comparison, Limit, RunRecord, read_back};
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};
use crate::report::{save, try_out};

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
    for file in [&args.json, &args.markdown].into_iter().flatten() {
        try_out(file).map_err(fail(ExitCode::Usage))?;
    }
    let base = read_back(&args.base).map_err(fail(ExitCode::Usage))?;
    let mut all = Vec::new();
    for directory in &args.new {
        let new = read_back(directory).map_err(fail(ExitCode::Usage))?;
        all.push(compared((&args.base, &base), (directory, &new), &args.how));
    }
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&all).map_err(fail(ExitCode::Internal))? + "\n";
        save(file, text.as_bytes()).map_err(fail(ExitCode::Internal))?;
    }
    if let Some(file) = &args.markdown {
        let text: String = all.iter().map(markdown).collect();
        save(file, text.as_bytes()).map_err(fail(ExitCode::Internal))?;
    }
    let is_taken = [&args.json, &args.markdown].into_iter().flatten().any(|file| file == Path::new("-"));
    let exit = all.iter().map(Comparison::exit).max_by_key(|exit| exit.code()).unwrap_or(ExitCode::Conforms);
    if is_taken {
        return Ok(exit);
    }
    let out = &mut io::stdout();
    let colour = is_coloured(out);
    Ok(told(all.iter().try_for_each(|one| page(one).write(out, colour)).and_then(|()| out.flush()), exit))
}

/// Compares two runs that lie in directories.
pub(super) fn compared(
    base: (&Path, &RunRecord),
    new: (&Path, &RunRecord),
    how: &ComparisonArgs,
) -> Comparison {
    let (one, other) = (base.0.display().to_string(), new.0.display().to_string());
    Comparison::new((&one, base.1), (&other, new.1), &how.fail_if)
}

/// A comparison for people.
pub(super) fn page(of: &Comparison) -> Page {
    let mut page = Page::default();
    page.line(0, &[(Tone::Strong, &of.new), (Tone::Plain, &format!("  beside {}", of.base))]);
    let mut group = "";
    let width = |text: fn(&crate::load::Change) -> String| {
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
    let code = |text: &str| format!("`{}`", text.replace(['`', '|', '\n'], "_"));
    let mut text = format!(
        "### {} beside {}\n\n| Lane | | Base | New | Change |\n|---|---|--:|--:|--:|\n",
        code(&of.new),
        code(&of.base)
    );
    for change in &of.changes {
        let told = if change.clear { format!("**{}**", change.told()) } else { change.told() };
        text += &format!(
            "| {} | {} | {} | {} | {told} |\n",
            code(&change.group),
            change.name(),
            change.interval(change.base),
            change.interval(change.new)
        );
    }
    text.push('\n');
    for line in of.doubts.iter().chain(&of.broken) {
        text += &format!("- {line}\n");
    }
    text + "\nTimes in ms, with the interval of 95 % confidence; bold is more than chance.\n\n"
}
