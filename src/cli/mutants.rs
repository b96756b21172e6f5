//! `trenchcheck mutants`: does the suite notice every wrong behaviour the mock knows?

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::IdPattern;
use super::tell::{Ended, fail, is_coloured, told};
use super::test::interruption;
use crate::mock::{Group, NamedChange};
use crate::mutants::{
    Examined, Ground, HuntError, HuntOptions, Mutant, Share, Summary, compose, hunt, mutants, print,
    save_hunt,
};
use crate::nearest::{nearest, no_such};
use crate::report::{ExitCode, is_standard_output};
use crate::scenario::Suite;

/// Play the suite against every deviation and legal variant of the mock, and say which of them it misjudges.
///
/// A deviation is caught when a check that is about what it breaks fails, and weak when only checks about something
/// else do. Legal variants must pass, and every check that gates has to catch something. Where the whole suite is played,
/// no check may fail that a deviation does not declare.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trenchcheck mutants
  trenchcheck mutants 'retry-after-*' --verbose
  trenchcheck mutants --deployed window-30s+limiter-sliding
  trenchcheck mutants --whole-suite --share 1/4 --seed 7
  trenchcheck mutants --pairs 40 --seed 1              (servers with two to four deviations each)
  trenchcheck mutants accept-bearer+retry-after-missing      (one of these again)")]
pub struct MutantsArgs {
    /// Names of mutants, or patterns such as 'accept-*'; all without one. Names joined by + are one server.
    #[arg(value_name = "NAME")]
    pub names: Vec<IdPattern>,

    /// Only of this group: authentication, scopes, limits, the-429, events, concurrency, composed.
    #[arg(long, value_name = "GROUP", value_parser = parse_group)]
    pub group: Vec<Group>,

    /// Prints the mutants with what they do and the checks that name them, and plays nothing.
    #[arg(long)]
    pub list: bool,

    /// How many mutants are played against at once, those with slow answers aside.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,

    /// Plays every check against every mutant: a deviation may fail no check that it does not declare.
    #[arg(long)]
    pub whole_suite: bool,

    /// Plays the whole suite against so many servers, each with two to four deviations that get along: every one of
    /// them has to be named, and no check may fail that is about none of them.
    #[arg(long, value_name = "N", conflicts_with_all = ["names", "group", "share", "whole_suite"],
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub pairs: Option<u16>,

    /// Only this share of the mutants, such as 1/4; who is in which is decided by the seed.
    #[arg(long, value_name = "I/N", conflicts_with_all = ["names", "group"])]
    pub share: Option<Share>,

    /// What --pairs and --share choose by; the same seed chooses the same [default: 1].
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Treats each mutant as a deployment: all checks share the mock's well-known keys.
    #[arg(long)]
    pub deployed: bool,

    /// The same, and a minute takes a minute.
    #[arg(long)]
    pub real_time: bool,

    /// Writes what was seen of each mutant to this folder, for `trenchcheck judge`.
    #[arg(long, value_name = "FOLDER")]
    pub evidence: Option<PathBuf>,

    /// Writes a JSON report (see schemas/mutants.schema.json); `-` is standard output, in the place of the table.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// A row for every mutant, not only for those that are misjudged.
    #[arg(long, short)]
    pub verbose: bool,
}

impl MutantsArgs {
    fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }
}

fn parse_group(word: &str) -> Result<Group, String> {
    let group = Group::ALL.into_iter().find(|group| group.to_string() == word);
    let words = Group::ALL.map(|group| group.to_string());
    let all = format!("the groups are {}", words.join(", "));
    group.ok_or_else(|| no_such("group", word, words.iter().map(String::as_str), &all))
}

pub(super) async fn run(args: MutantsArgs, suite: Suite) -> Ended {
    if args.seed.is_some() && args.pairs.is_none() && args.share.is_none() {
        return Err(fail(ExitCode::Usage)("--seed is for --pairs and --share"));
    }
    let chosen = choose(&args).map_err(fail(ExitCode::Usage))?;
    if args.list {
        return Ok(told(list(&chosen, &mut io::stdout()), ExitCode::Conforms));
    }
    if let Some(folder) = &args.evidence {
        let unusable = |error: io::Error| format!("cannot write to the folder {}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(unusable).map_err(fail(ExitCode::Usage))?;
    }
    let suite = Arc::new(suite);
    let ground = match args.deployed || args.real_time {
        true => Ok(Ground::Deployments { skips_waits: !args.real_time }),
        false => Ground::workspaces().await,
    };
    let ground = ground.map_err(|error| HuntError::Broken(error.to_string()));
    let ground = ground.map_err(fail(ExitCode::Internal))?;
    let seed = args.pairs.map(|_| args.seed());
    let evidence = args.evidence.clone();
    let options = HuntOptions { jobs: jobs(&args), whole_suite: args.whole_suite, seed, evidence };
    let composed = chosen.iter().any(Mutant::is_composed);
    let progress = progress(chosen.len(), if composed { "servers" } else { "mutants" });
    let done = |one: &Examined| {
        progress.set_message(one.mutant.name.clone());
        progress.inc(1);
    };
    let hunted = hunt(Arc::clone(&suite), chosen, ground, options, done, interruption()).await;
    progress.finish_and_clear();
    let hunted = hunted.map_err(fail(ExitCode::Internal))?;
    let summary = Summary::of(&hunted, &suite);
    if let Some(path) = &args.json {
        let unwritten = |error: io::Error| format!("a report could not be written: {error}");
        save_hunt(path, &hunted, &summary, now()).map_err(unwritten).map_err(fail(ExitCode::Internal))?;
        if is_standard_output(path) {
            return Ok(summary.exit);
        }
    }
    Ok(told(
        print(&hunted, &summary, args.verbose, is_coloured(&io::stdout()), &mut io::stdout()),
        summary.exit,
    ))
}

/// The time, as reports give it.
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn choose(args: &MutantsArgs) -> Result<Vec<Mutant>, String> {
    if args.pairs.is_some() || args.names.iter().any(|name| Mutant::is_composition(name.as_str())) {
        return choose_composed(args);
    }
    let mut chosen = mutants();
    for pattern in &args.names {
        if !chosen.iter().any(|mutant| pattern.matches(&mutant.name)) {
            let groups = Group::ALL.map(|group| group.to_string());
            if let Some(group) = nearest(pattern.as_str(), groups.iter().map(String::as_str)) {
                return Err(format!(
                    "no mutant is called `{}`; did you mean the group, `--group {group}`?",
                    pattern.as_str()
                ));
            }
            let names = chosen.iter().map(|mutant| mutant.name.as_str());
            let all = "`trenchcheck mutants --list` shows all";
            return Err(no_such("mutant", pattern.as_str(), names, all));
        }
    }
    let named = |mutant: &Mutant| args.names.iter().any(|pattern| pattern.matches(&mutant.name));
    let of_group = |mutant: &Mutant| args.group.iter().any(|group| mutant.group == Some(group.to_string()));
    chosen.retain(|mutant| args.names.is_empty() || named(mutant));
    chosen.retain(|mutant| args.group.is_empty() || of_group(mutant));
    if chosen.is_empty() {
        return Err("no mutant of that group has such a name".to_owned());
    }
    if args.real_time && args.names.is_empty() && !args.list {
        return Err("--real-time takes minutes for each mutant: name those you want, as in \
                    `trenchcheck mutants --real-time standard-limit-61 window-30s`"
            .to_owned());
    }
    if let Some(share) = args.share {
        chosen = share.of(chosen, args.seed());
    }
    Ok(chosen)
}

/// The servers with several deviations that are asked for.
fn choose_composed(args: &MutantsArgs) -> Result<Vec<Mutant>, String> {
    if let Some(count) = args.pairs {
        if args.real_time && !args.list {
            return Err("--real-time takes minutes for each server: name those you want, as in \
                        `trenchcheck mutants --real-time accept-bearer+window-30s`"
                .to_owned());
        }
        return Ok(compose(usize::from(count), args.seed()));
    }
    if args.share.is_some() || !args.group.is_empty() {
        return Err("--group and --share are about single mutants".to_owned());
    }
    let named = args.names.iter().map(|name| match name.as_str() {
        single if !Mutant::is_composition(single) => {
            Err(format!("`{single}` is a single mutant: ask for those in a run of their own"))
        }
        names => names.parse::<Mutant>().map_err(|error| error.to_string()),
    });
    named.collect()
}

/// In real time they mostly wait; otherwise each needs a processor, and bursts that are held up prove nothing.
fn jobs(args: &MutantsArgs) -> usize {
    const MOST_AT_ONCE: usize = 8;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let usual = if args.real_time { MOST_AT_ONCE } else { processors.min(MOST_AT_ONCE) };
    args.jobs.map_or(usual, usize::from)
}

fn progress(count: usize, of_what: &str) -> ProgressBar {
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(&format!(
        "{{spinner}} {{pos}}/{{len}} {of_what}, {{elapsed}}  {{wide_msg}}"
    ));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

fn list(chosen: &[Mutant], out: &mut dyn Write) -> io::Result<()> {
    for mutant in chosen {
        let group = mutant.group.as_deref().unwrap_or_default();
        if mutant.is_composed() {
            writeln!(out, "{}", mutant.name)?;
            for change in &mutant.changes {
                writeln!(out, "    {}: {}", change.name, change.about)?;
            }
            continue;
        }
        writeln!(out, "{}: {}", mutant.name, mutant.about)?;
        match mutant.changes.first() {
            None if mutant.group.is_none() => writeln!(out, "    breaks nothing")?,
            Some(NamedChange { breach: Some(breach), checks, also, .. }) => {
                writeln!(out, "    {group}, breaks a {}: {}", breach.as_str(), checks.join(", "))?;
                if !also.is_empty() {
                    writeln!(out, "    may fail as well: {}", also.join(", "))?;
                }
            }
            _ => writeln!(out, "    {group}, breaks nothing")?,
        }
    }
    out.flush()
}
