//! `trenchcheck mock`: the reference API on a port, until a signal stops it.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::mock::{
    ControlToken, Group, LimiterKind, MockError, MockOptions, MockServer, Nature, WELL_KNOWN_KEYS, catalogue,
};
use crate::report::ExitCode;

const EXAMPLES: &str = "\
Examples:
  trenchcheck mock
  trenchcheck mock > mock.env & sleep 1; . ./mock.env
  curl -H \"X-API-Key: $TRENCHCHECK_KEY_READ\" http://127.0.0.1:4010/api/v1/sessions
  trenchcheck mock --deviate retry-after-missing,standard-limit-61
  trenchcheck mock --list";

/// Serve the reference API from memory, for plugin authors.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct MockArgs {
    /// Port to listen on; 0 for a free one
    #[arg(long, default_value_t = 4010)]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
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
    /// Print every deviation and legal variant, then exit
    #[arg(long)]
    pub list: bool,
    /// Variable holding a token that opens the control API to other machines
    #[arg(long, value_name = "VAR")]
    pub control_token_env: Option<String>,
    /// How long to wait for requests under way when stopping
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub stop_deadline: u64,
}

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    url: &'a str,
    keys: Vec<ReadyKey>,
}

#[derive(Serialize)]
struct ReadyKey {
    variable: &'static str,
    key: &'static str,
    tier: &'static str,
    scopes: Vec<&'static str>,
}

/// Runs the command until SIGINT or SIGTERM; a second signal does not wait for anybody.
pub async fn run(args: MockArgs) -> ExitCode {
    // Listening begins before anything is announced: who reads the announcement may send a signal at once.
    match Signals::listen() {
        Ok(mut signals) => serve(args, &mut io::stdout(), async || signals.next().await).await,
        Err(error) => {
            complain(&format!("cannot listen for signals: {error}"));
            ExitCode::Internal
        }
    }
}

/// Runs the command until `stop` ends, and asks for it again while waiting for requests under way.
async fn serve(args: MockArgs, out: &mut impl Write, mut stop: impl AsyncFnMut()) -> ExitCode {
    if args.list {
        return told(list(out));
    }
    let options = match options(&args) {
        Ok(options) => options,
        Err(problem) => return complain(&problem),
    };
    let mock = match MockServer::start(options).await {
        Ok(mock) => mock,
        Err(error @ MockError::Bind { .. }) => {
            return complain(&format!("{error}; choose another port with --port, or 0 for a free one"));
        }
        Err(error @ MockError::Deviation(_)) => return complain(&error.to_string()),
        Err(error @ MockError::Keys(_)) => {
            complain(&error.to_string());
            return ExitCode::Internal;
        }
    };
    let announced = if args.json { announce_json(out, &mock.url()) } else { announce(out, &mock.url()) };
    if let Err(error) = announced {
        return told(Err(error));
    }
    stop().await;
    tokio::select! {
        () = mock.stop() => {}
        () = stop() => {}
    }
    ExitCode::Conforms
}

fn options(args: &MockArgs) -> Result<MockOptions, String> {
    let control_token = match &args.control_token_env {
        None => None,
        Some(variable) => {
            let token = std::env::var(variable).ok().as_deref().and_then(ControlToken::new);
            Some(token.ok_or_else(|| {
                format!(
                    "--control-token-env names {variable}, which is not set; set it to a token of your choice"
                )
            })?)
        }
    };
    Ok(MockOptions {
        host: args.host,
        port: args.port,
        deviations: args.deviate.clone(),
        limiter: args.limiter,
        control_token,
        stop_deadline: Duration::from_secs(args.stop_deadline),
        ..MockOptions::default()
    })
}

/// The URL as a comment, so that a shell can read all of it.
fn announce(out: &mut impl Write, url: &str) -> io::Result<()> {
    writeln!(out, "# The mock listens at {url}. Its keys, which open nothing else:")?;
    writeln!(out, "export TRENCHCHECK_URL={url}")?;
    for key in WELL_KNOWN_KEYS {
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let what = format!("{}, {}", key.tier(), scopes.join(" "));
        writeln!(out, "export {}={}  # {what}", key.variable, key.plaintext)?;
    }
    writeln!(out, "# Ctrl-C stops it.")?;
    out.flush()
}

fn announce_json(out: &mut impl Write, url: &str) -> io::Result<()> {
    let keys = WELL_KNOWN_KEYS.iter().map(|key| ReadyKey {
        variable: key.variable,
        key: key.plaintext,
        tier: key.tier().as_str(),
        scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
    });
    serde_json::to_writer(&mut *out, &Ready { ready: true, url, keys: keys.collect() })?;
    writeln!(out)?;
    out.flush()
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for group in Group::ALL {
        writeln!(out, "{group}")?;
        for entry in catalogue().iter().filter(|entry| entry.group == group) {
            writeln!(out, "  {}: {}", entry.name, entry.about)?;
            match entry.nature {
                Nature::Deviation { breach, checks } => {
                    writeln!(out, "      breaks a {}: {}", breach.as_str(), checks.join(", "))?;
                }
                Nature::LegalVariant => writeln!(out, "      legal variant: breaks nothing")?,
            }
        }
        writeln!(out)?;
    }
    out.flush()
}

/// How it ends when all there was to do was to say something.
fn told(said: io::Result<()>) -> ExitCode {
    match said {
        Ok(()) => ExitCode::Conforms,
        // `mock --list | head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Conforms,
        Err(error) => {
            complain(&format!("cannot write: {error}"));
            ExitCode::Internal
        }
    }
}

fn complain(problem: &str) -> ExitCode {
    // Where even the error channel is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "error: {problem}");
    ExitCode::Usage
}

/// The signals that ask the command to stop.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask the command to stop.
#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
#[path = "mock_tests.rs"]
mod tests;
