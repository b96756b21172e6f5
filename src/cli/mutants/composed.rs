//! `trenchcheck mutants --pairs N`, and names joined by `+`: servers with several deviations.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use super::{MutantsArgs, ground, jobs, now, progress, told};
use crate::cli::complain;
use crate::cli::test::interruption;
use crate::mutants::{
    Composition, CompositionHunt, CompositionOptions, CompositionSummary, HuntError, compose,
    hunt_compositions, print_compositions, save_compositions,
};
use crate::report::{ExitCode, TerminalOptions, Verbosity};
use crate::scenario::Suite;

/// The servers that are asked for; none where single mutants are.
pub(super) fn asked_for(args: &MutantsArgs) -> Result<Option<Vec<Composition>>, String> {
    if let Some(count) = args.pairs {
        if args.real_time && !args.list {
            return Err("--real-time takes minutes for each server: name those you want, as in \
                        `trenchcheck mutants --real-time accept-bearer+window-30s`"
                .to_owned());
        }
        return Ok(Some(compose(usize::from(count), args.seed())));
    }
    if !args.names.iter().any(|name| Composition::is_meant_by(name.as_str())) {
        return Ok(None);
    }
    if args.share.is_some() || !args.group.is_empty() {
        return Err("--group and --share are about single mutants".to_owned());
    }
    if let Some(single) = args.names.iter().find(|name| !Composition::is_meant_by(name.as_str())) {
        let single = single.as_str();
        return Err(format!("`{single}` is a single mutant: ask for those in a run of their own"));
    }
    let composed = args.names.iter().map(|name| name.as_str().parse::<Composition>());
    composed.collect::<Result<_, _>>().map(Some).map_err(|error| error.to_string())
}

/// Plays against them, or lists them.
pub(super) async fn run(args: &MutantsArgs, chosen: Vec<Composition>, suite: Suite) -> ExitCode {
    if args.list {
        return told(list(&chosen, &mut io::stdout()), ExitCode::Conforms);
    }
    let hunt = match play(args, chosen, suite).await {
        Ok(hunt) => hunt,
        Err(error) => {
            complain(&format!("trenchcheck: {error}"));
            return ExitCode::Internal;
        }
    };
    let summary = CompositionSummary::of(&hunt);
    if let Some(path) = &args.json
        && let Err(error) = save_compositions(path, &hunt, &summary, now())
    {
        complain(&format!("a report could not be written: {error}"));
        return ExitCode::Internal;
    }
    let no_color = std::env::var_os("NO_COLOR");
    let mut out = io::stdout();
    let colour = TerminalOptions::detect(out.is_terminal(), no_color.as_deref(), Verbosity::Normal).colour;
    told(print_compositions(&hunt, &summary, args.verbose, colour, &mut out), summary.exit)
}

async fn play(
    args: &MutantsArgs,
    chosen: Vec<Composition>,
    suite: Suite,
) -> Result<CompositionHunt, HuntError> {
    let ground = ground(args).await.map_err(|error| HuntError::Broken(error.to_string()))?;
    let options = CompositionOptions { jobs: jobs(args), seed: args.pairs.map(|_| args.seed()) };
    let progress = progress(chosen.len(), "servers");
    let done = |one: &crate::mutants::ExaminedComposition| {
        progress.set_message(one.composition.to_string());
        progress.inc(1);
    };
    let hunt = hunt_compositions(Arc::new(suite), chosen, ground, options, done, interruption()).await;
    progress.finish_and_clear();
    hunt
}

fn list(chosen: &[Composition], out: &mut dyn Write) -> io::Result<()> {
    for composition in chosen {
        writeln!(out, "{composition}")?;
        for part in composition.parts() {
            writeln!(out, "    {}: {}", part.name, part.about)?;
        }
    }
    out.flush()
}
