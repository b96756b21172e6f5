//! `trenchcheck compare`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::reports::try_all;
use super::tell::{Ended, fail, is_coloured, told};
use crate::load::compared::{html, json, markdown, page};
use crate::load::{Comparison, Limit, Measured};
use crate::report::ExitCode;
use crate::report::{is_standard_output, save};

/// Say how load runs differ from the first of them.
///
/// Each is a directory that `load --save DIR` or `merge --save DIR` left behind, or a JSON report of these. Percentiles come
/// with the interval in which they lie with a confidence of 95 in 100; a change counts where the intervals are apart.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trenchcheck compare monday tuesday\n  \
                        trenchcheck compare monday.json tuesday.json --fail-if 'p99 > +10%' --fail-if 'errors > +0'")]
pub struct CompareArgs {
    /// The run to compare with.
    #[arg(value_name = "BASE")]
    pub base: PathBuf,

    /// The others.
    #[arg(value_name = "NEW", required = true)]
    pub new: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) how: ComparisonArgs,

    /// Writes the comparisons as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes the comparisons as tables in Markdown; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Writes the comparisons as a page with pictures.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// How a run beside another one is judged.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ComparisonArgs {
    /// Fails where this changed, such as `p99 > +10%`.
    #[arg(long, value_name = "CHANGE")]
    pub fail_if: Vec<Limit>,
}

pub(super) fn run(args: &CompareArgs) -> Ended {
    let files = [&args.json, &args.markdown, &args.html].into_iter().filter_map(Option::as_deref);
    let files: Vec<&Path> = files.collect();
    try_all(&files).map_err(fail(ExitCode::Usage))?;
    let read = |path: &PathBuf| Measured::read(path).map_err(fail(ExitCode::Usage));
    let base = read(&args.base)?;
    let new = args.new.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let all: Vec<Comparison> = new.iter().map(|new| Comparison::new(&base, new, &args.how.fail_if)).collect();
    let write = |to: &Option<PathBuf>, text: &dyn Fn() -> io::Result<String>| match to {
        Some(file) => text().and_then(|text| save(file, text.as_bytes())).map_err(fail(ExitCode::Internal)),
        None => Ok(()),
    };
    write(&args.json, &|| json(&all))?;
    write(&args.markdown, &|| Ok(markdown(&all)))?;
    write(&args.html, &|| {
        html(&all.iter().zip(&new).map(|(one, new)| (one, &base, new)).collect::<Vec<_>>())
    })?;
    let exit = all.iter().map(Comparison::exit).max_by_key(|exit| exit.code()).unwrap_or(ExitCode::Conforms);
    if files.into_iter().any(is_standard_output) {
        return Ok(exit);
    }
    let out = &mut io::stdout();
    let colour = is_coloured(out);
    Ok(told(all.iter().try_for_each(|one| page(one).write(out, colour)).and_then(|()| out.flush()), exit))
}
