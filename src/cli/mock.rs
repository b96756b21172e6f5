//! `trenchcheck mock`: the reference API on a port, until a signal stops it.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub use config::MockFile;
use parking_lot::Mutex;
use serde::Serialize;

use config::{MadeKey, Watched};

use super::tell::{Ended, complain, fail, say, told};
use crate::contract::{Scope, Tier};
use crate::mock::{
    CONTROL_PREFIX, ControlToken, Group, LimiterKind, Log, MockError, MockOptions, MockServer, Quota, Quotas,
    Settings, WELL_KNOWN_KEYS, catalogue,
};
use crate::report::ExitCode;
use crate::system::Signals;

mod config;

const EXAMPLES: &str = "\
Examples:
  trenchcheck mock
  trenchcheck mock > mock.env & sleep 1; . ./mock.env
  curl -H \"X-API-Key: $TRENCHCHECK_KEY_READ\" $TRENCHCHECK_URL/api/v1/sessions
  trenchcheck mock --deviate retry-after-missing,standard-limit-61
  trenchcheck mock --limit standard=5/10s --log
  trenchcheck mock --list";

/// A heading of its own, since the longest option of a list decides whether each takes one line or two.
const ELSEWHERE: &str = "In containers and for other machines";

/// Serve the reference API from memory, for plugin authors.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct MockArgs {
    /// What else can be done
    #[command(subcommand)]
    pub action: Option<Action>,
    /// File with keys, limits, faults, limiter and deviations; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Port to listen on; 0 for a free one
    #[arg(long, default_value_t = 4010)]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", help_heading = ELSEWHERE)]
    pub host: IpAddr,
    /// Print one line of JSON with the URL and the keys when ready
    #[arg(long)]
    pub json: bool,
    /// Switch deviations or legal variants on; see --list
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub deviate: Vec<String>,
    /// How requests are counted: anchored, aligned, sliding, sliding-counter
    #[arg(long, value_name = "KIND")]
    pub limiter: Option<LimiterKind>,
    /// Grant a tier another limit: standard=5/10s, ingestion=100,5000/60s (events), premium=none
    #[arg(long = "limit", value_name = "TIER=LIMIT")]
    pub limits: Vec<LimitArg>,
    /// Limit nobody
    #[arg(long, conflicts_with = "limits")]
    pub no_limits: bool,
    /// Print one line for each request to standard error
    #[arg(long)]
    pub log: bool,
    /// Write every request to a file for `trenchcheck replay`, keys masked
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// How many requests the journal of a workspace holds; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    pub journal: usize,
    /// Print every deviation and legal variant, then exit
    #[arg(long)]
    pub list: bool,
    /// Variable holding a token that opens the control API to other machines
    #[arg(long, value_name = "VAR", help_heading = ELSEWHERE)]
    pub control_token_env: Option<String>,
    /// How long to wait for requests under way when stopping
    #[arg(long, value_name = "SECONDS", default_value_t = 2, help_heading = ELSEWHERE)]
    pub grace: u64,
}

/// What can be done besides serving.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Ask a running mock whether it is well: for containers
    Healthcheck(HealthcheckArgs),
}

/// A limit for a tier.
#[derive(Debug, Clone, Copy)]
pub struct LimitArg {
    tier: Tier,
    quota: Option<Quota>,
}

impl FromStr for LimitArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tier, quota) = text.split_once('=').ok_or("write TIER=LIMIT, such as standard=5/10s")?;
        let found = Tier::ALL.into_iter().find(|known| known.as_str() == tier);
        let tier = found
            .ok_or_else(|| format!("no tier is called `{tier}`; there are standard, premium, ingestion"))?;
        Ok(Self { tier, quota: Quota::read(quota, tier).map_err(|error| error.to_string())? })
    }
}

/// Runs the command until SIGINT or SIGTERM; a second signal does not wait for anybody.
pub(super) async fn run(mut args: MockArgs) -> Ended {
    if let Some(Action::Healthcheck(asked)) = args.action.take() {
        return healthcheck(&asked).await;
    }
    // Listening begins before anything is announced: who reads the announcement may send a signal at once.
    let signals = Signals::listen().map_err(|error| format!("cannot listen for signals: {error}"));
    let mut signals = signals.map_err(fail(ExitCode::Internal))?;
    serve(args, &mut io::stdout(), async || signals.next().await).await
}

/// Runs the command until `stop` ends, and asks for it again while waiting for requests under way.
async fn serve(args: MockArgs, out: &mut impl Write, mut stop: impl AsyncFnMut()) -> Ended {
    if args.list {
        return Ok(told(list(out), ExitCode::Conforms));
    }
    let watched = args.config.as_deref().map(Watched::open).transpose();
    let mut watched = watched.map_err(fail(ExitCode::Usage))?;
    let options = options(&args).map_err(fail(ExitCode::Usage))?;
    let mock = MockServer::start(options).await.map_err(|error| match error {
        MockError::Bind { .. } => {
            fail(ExitCode::Usage)(format!("{error}; choose another port with --port, or 0 for a free one"))
        }
        MockError::Deviation(_) => fail(ExitCode::Usage)(error.to_string()),
        MockError::Keys(_) => fail(ExitCode::Internal)(error.to_string()),
    })?;
    let configured = watched.as_mut().map(|watched| configure(&mock, &args, watched));
    let keys = configured.transpose().map_err(fail(ExitCode::Usage))?.unwrap_or_default();
    let url = mock.url();
    let announced = if args.json { announce_json(out, &url, &keys) } else { announce(out, &url, &keys) };
    if let Err(error) = announced {
        return Ok(told(Err(error), ExitCode::Conforms));
    }
    tokio::select! {
        () = stop() => {}
        () = follow(&mock, &args, &mut watched) => {}
    }
    tokio::select! {
        () = mock.stop() => {}
        () = stop() => {}
    }
    Ok(ExitCode::Conforms)
}

/// Puts what the file says into force, with what the command line adds to it; gives the keys of the file.
fn configure(mock: &MockServer, args: &MockArgs, watched: &mut Watched) -> Result<Vec<MadeKey>, String> {
    let (configuration, keys) = watched.configuration(|settings| {
        let deviations = [&settings.deviations[..], &args.deviate].concat();
        let limiter = args.limiter.or(settings.limiter);
        Settings::new(deviations, limiter, quotas(args, settings.quotas)).map_err(|error| error.to_string())
    })?;
    mock.configure(configuration).map_err(|error| error.to_string())?;
    Ok(keys)
}

/// Follows the file for ever. What is wrong with it is said, and what was in force before stays so.
async fn follow(mock: &MockServer, args: &MockArgs, watched: &mut Option<Watched>) {
    let Some(watched) = watched else { return std::future::pending().await };
    loop {
        watched.changed().await;
        let (configured, name) = (configure(mock, args, watched), watched.name());
        match configured {
            Ok(_) => say(&format!("{name}: read again, and in force")),
            Err(problem) => complain(&format!("{problem}\n{name}: what was in force before stays so")),
        }
    }
}

/// What the command line grants, over what was granted before.
fn quotas(args: &MockArgs, before: Quotas) -> Quotas {
    let before = if args.no_limits { Quotas::UNLIMITED } else { before };
    args.limits.iter().fold(before, |quotas, limit| quotas.with(limit.tier, limit.quota))
}

fn options(args: &MockArgs) -> Result<MockOptions, String> {
    Ok(MockOptions {
        host: args.host,
        port: args.port,
        deviations: args.deviate.clone(),
        limiter: args.limiter,
        quotas: quotas(args, Quotas::default()),
        journal: args.journal,
        log: args.log.then(|| Log::new(complain)),
        record: args.record.as_deref().map(recorder).transpose()?,
        control_token: token(args.control_token_env.as_deref())?.as_deref().and_then(ControlToken::new),
        stop_deadline: Duration::from_secs(args.grace),
        ..MockOptions::default()
    })
}

/// Writes lines to a file that is begun anew.
fn recorder(path: &Path) -> Result<Log, String> {
    let cannot = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let (file, name) = (Mutex::new(File::create(path).map_err(cannot)?), path.display().to_string());
    Ok(Log::new(move |line| {
        let mut file = file.lock();
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            complain(&format!("cannot write {name}: {error}"));
        }
    }))
}

/// The token in the variable that is named, if one is.
fn token(variable: Option<&str>) -> Result<Option<String>, String> {
    let Some(variable) = variable else { return Ok(None) };
    let token = std::env::var(variable).ok().filter(|token| !token.is_empty());
    token.map(Some).ok_or_else(|| {
        format!("--control-token-env names {variable}, which is not set; set it to a token of your choice")
    })
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for group in Group::ALL {
        writeln!(out, "{group}")?;
        for entry in catalogue().iter().filter(|entry| entry.group == group) {
            writeln!(out, "  {}: {}", entry.name, entry.about)?;
            match entry.breach {
                Some(breach) => {
                    writeln!(out, "      breaks a {}: {}", breach.as_str(), entry.checks.join(", "))?;
                }
                None => writeln!(out, "      legal variant: breaks nothing")?,
            }
        }
        writeln!(out)?;
    }
    out.flush()
}

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    url: &'a str,
    /// Where a person can look at what is sent.
    page: String,
    keys: Vec<ReadyKey<'a>>,
}

#[derive(Serialize)]
struct ReadyKey<'a> {
    variable: &'a str,
    /// Nothing for a key that came from the environment: it may open more than a mock.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    tier: Tier,
    scopes: Vec<&'static str>,
}

/// Every key there is, the configuration's after the well-known ones.
fn keys<'a>(made: &'a [MadeKey]) -> Vec<ReadyKey<'a>> {
    let names = |scopes: &[Scope]| scopes.iter().map(|scope| scope.as_str()).collect();
    let known = WELL_KNOWN_KEYS.iter().map(|key| ReadyKey {
        variable: key.variable,
        key: Some(key.plaintext),
        tier: key.tier(),
        scopes: names(key.scopes),
    });
    let made = made.iter().map(|key| ReadyKey {
        variable: &key.variable,
        key: key.made_up.as_ref().map(|key| key.reveal()),
        tier: Tier::of(&key.spec.scopes, key.spec.plan),
        scopes: names(&key.spec.scopes),
    });
    known.chain(made).collect()
}

fn page(url: &str) -> String {
    format!("{url}{CONTROL_PREFIX}")
}

/// The URL as a comment, so that a shell can read all of it.
fn announce(out: &mut impl Write, url: &str, made: &[MadeKey]) -> io::Result<()> {
    writeln!(out, "# The mock listens at {url}; its page is {}", page(url))?;
    writeln!(out, "# Its keys, which open nothing else:")?;
    writeln!(out, "export TRENCHCHECK_URL={url}")?;
    for ReadyKey { variable, key, tier, scopes } in keys(made) {
        let what = format!("{tier}, {}", scopes.join(" "));
        match key {
            Some(key) => writeln!(out, "export {variable}={key}  # {what}")?,
            None => writeln!(out, "# {variable} as it was set: {what}")?,
        }
    }
    writeln!(out, "# Ctrl-C stops it.")?;
    out.flush()
}

fn announce_json(out: &mut impl Write, url: &str, made: &[MadeKey]) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Ready { ready: true, url, page: page(url), keys: keys(made) })?;
    writeln!(out)?;
    out.flush()
}

/// How long the mock may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a running mock whether it is well; exits with 0 if it is, else with 3.
#[derive(Debug, clap::Args)]
pub struct HealthcheckArgs {
    /// Port of this machine where it listens
    #[arg(long, default_value_t = 4010)]
    pub port: u16,
    /// Where it listens, if not on this machine
    #[arg(long, conflicts_with = "port")]
    pub url: Option<String>,
    /// Variable holding its control token
    #[arg(long, value_name = "VAR")]
    pub control_token_env: Option<String>,
}

async fn healthcheck(args: &HealthcheckArgs) -> Ended {
    let url = args.url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}", args.port));
    let token = token(args.control_token_env.as_deref()).map_err(fail(ExitCode::Usage))?;
    let asked = ask(&url, token).await.map_err(|problem| format!("{url}: {problem}"));
    asked.map(|()| ExitCode::Conforms).map_err(fail(ExitCode::Unreachable))
}

async fn ask(url: &str, token: Option<String>) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
    let client = client.map_err(|error| error.to_string())?;
    let mut request = client.get(format!("{}/_mock/health", url.trim_end_matches('/')));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.map_err(|error| format!("it does not answer: {error}"))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| format!("its answer broke off: {error}"))?;
    if status.is_success() && body.contains("\"name\":\"trenchcheck-mock\"") {
        Ok(())
    } else {
        Err(format!("something else answers there, with {status}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::tell::ended;
    use crate::mock::WELL_KNOWN_KEYS;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: MockArgs,
    }

    fn parse(words: &[&str]) -> MockArgs {
        Cli::try_parse_from([&["mock"], words].concat()).unwrap().args
    }

    async fn run_with(words: &[&str]) -> (ExitCode, String) {
        let mut out = Vec::new();
        let code = ended(serve(parse(words), &mut out, async || {}).await);
        (code, String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn it_prints_the_url_and_every_key_for_a_shell() {
        let (code, said) = run_with(&["--port", "0"]).await;
        assert_eq!(code, ExitCode::Conforms);
        assert!(said.contains("export TRENCHCHECK_URL=http://127.0.0.1:"), "{said}");
        assert!(said.lines().next().unwrap().ends_with("/_mock/"), "{said}");
        for key in WELL_KNOWN_KEYS {
            assert!(said.contains(&format!("export {}={}", key.variable, key.plaintext)), "{said}");
        }
        assert!(said.lines().all(|line| line.starts_with("export ") || line.starts_with('#')), "{said}");
    }

    #[tokio::test]
    async fn the_ready_line_is_one_line_of_json() {
        let (code, said) = run_with(&["--port", "0", "--json"]).await;
        assert_eq!((code, said.lines().count()), (ExitCode::Conforms, 1));
        let ready: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(ready["ready"], true);
        let url = ready["url"].as_str().unwrap();
        assert!(!url.ends_with(":0"));
        assert_eq!(ready["page"], format!("{url}/_mock/"));
        assert_eq!(ready["keys"].as_array().unwrap().len(), WELL_KNOWN_KEYS.len());
        assert_eq!(ready["keys"][6]["variable"], "TRENCHCHECK_KEY_INGESTION");
        assert_eq!(ready["keys"][6]["tier"], "ingestion");
        assert_eq!(ready["keys"][6]["scopes"], serde_json::json!(["write:events"]));
    }

    #[tokio::test]
    async fn the_list_has_every_entry_under_its_group() {
        let (code, said) = run_with(&["--list"]).await;
        assert_eq!(code, ExitCode::Conforms);
        assert!(Group::ALL.iter().all(|group| said.lines().any(|line| line == group.to_string())));
        assert!(catalogue().iter().all(|entry| said.contains(&format!("  {}: {}", entry.name, entry.about))));
    }

    #[tokio::test]
    async fn what_is_asked_for_wrongly_is_a_usage_error() {
        for words in [
            &["--port", "0", "--deviate", "retry-after-mising"][..],
            &["--port", "0", "--control-token-env", "TRENCHCHECK_NO_SUCH_VARIABLE"],
        ] {
            assert_eq!(run_with(words).await, (ExitCode::Usage, String::new()));
        }
        assert!(Cli::try_parse_from(["mock", "--limiter", "leaky"]).is_err());
    }

    #[tokio::test]
    async fn names_may_be_joined_by_commas() {
        let args = parse(&["--deviate", "constant-60,no-challenge", "--limiter", "sliding-counter"]);
        assert_eq!(args.deviate, ["constant-60", "no-challenge"]);
        assert_eq!(args.limiter, Some(LimiterKind::SlidingCounter));
    }

    /// Sends this process a signal as soon as something was announced.
    #[cfg(unix)]
    struct Impatient(&'static str);

    #[cfg(unix)]
    impl Write for Impatient {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let pid = std::process::id().to_string();
            std::process::Command::new("kill").args([self.0, &pid]).status().map(drop)
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn both_signals_end_it_even_right_after_the_announcement() {
        for signal in ["-TERM", "-INT"] {
            let mut signals = Signals::listen().unwrap();
            let args = parse(&["--port", "0", "--json"]);
            let code = ended(serve(args, &mut Impatient(signal), async || signals.next().await).await);
            assert_eq!(code, ExitCode::Conforms);
        }
    }
}
