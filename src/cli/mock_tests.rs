use clap::Parser;

use super::*;
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
    let code = serve(parse(words), &mut out, async || {}).await;
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
        let code = serve(args, &mut Impatient(signal), async || signals.next().await).await;
        assert_eq!(code, ExitCode::Conforms);
    }
}
