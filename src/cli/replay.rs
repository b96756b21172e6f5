//! `trenchcheck replay`: what clients sent to a mock, sent again to another deployment with other keys.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::deployment::{DeploymentArgs, refused};
use super::tell::{Ended, fail, told};
use crate::amounts::{count, time};
use crate::client::{Connections, Content, HttpClient, MachineClock, Outgoing};
use crate::contract::{ApiKey, Endpoint, Tier};
use crate::deployment::{Key, Keys, Role, Target, TargetError, role_variable, welcome};
use crate::mock::{Recorded, RecordedKey};
use crate::report::ExitCode;

/// What belongs to a connection and not to what was said over it.
const OF_THE_CONNECTION: [&str; 6] =
    ["host", "content-length", "connection", "transfer-encoding", "expect", KEY_HEADER];

const KEY_HEADER: &str = "x-api-key";

/// How many answers that differ are told one by one.
const MOST_TOLD: usize = 20;

/// Send again what a mock recorded, with other keys, and compare the answers.
///
/// The file comes from `trenchcheck mock --record FILE`. Each of its keys is replaced by one with the same scopes. Exit code
/// 0 says that every answer has the status it had then, where any 2xx is as good as another; 1 that some have not.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  trenchcheck mock --record traffic.jsonl
  trenchcheck replay traffic.jsonl --target http://127.0.0.1:8080
  trenchcheck replay traffic.jsonl --target https://trenchcoat.example --speed 10 \\
      --allow-host trenchcoat.example")]
pub struct ReplayArgs {
    /// What a mock recorded.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub(super) deployment: DeploymentArgs,

    /// How many times as fast as the requests came.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_speed)]
    pub speed: f64,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| (0.01..=1e6).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.01 to 1000000, such as 10".to_owned())
}

pub(super) async fn run(args: ReplayArgs) -> Ended {
    let recording = read(&args.file).map_err(fail(ExitCode::Usage))?;
    // The embedded mock lives as long as this variable.
    let (target, _mock) = args.deployment.find().await.map_err(refused)?;
    let what = || count(recording.len() as u64, "request");
    welcome(what, (target.host(), target.loopback), &args.deployment.allow_host)
        .map_err(fail(ExitCode::Usage))?;
    let keyring = Keyring::gather(&recording, &target).await.map_err(fail(ExitCode::Usage))?;
    let client = HttpClient::new(&target).map_err(fail(ExitCode::Usage))?;
    let began = Instant::now();
    let (first, mut sending) = (recording.first().map_or(0, |recorded| recorded.at_ms), JoinSet::new());
    for (place, recorded) in recording.iter().enumerate() {
        let outgoing = request(recorded, &target, &keyring).map_err(fail(ExitCode::Usage))?;
        let client = client.clone();
        let after = recorded.at_ms.saturating_sub(first) as f64 / 1e3 / args.speed;
        sending.spawn(async move {
            sleep_until(began + Duration::from_secs_f64(after)).await;
            let answer = client.exchange(&outgoing, Connections::Reused, &MachineClock).await;
            (place, answer.map(|answer| answer.status))
        });
    }
    let mut now = vec![0; recording.len()];
    let mut refused = None;
    while let Some(sent) = sending.join_next().await {
        match sent.map_err(fail(ExitCode::Internal))? {
            (place, Ok(status)) => now[place] = status,
            (_, Err(error)) => refused = Some(error),
        }
    }
    if let Some(error) = refused.filter(|_| now.iter().all(|status| *status == 0)) {
        return Err(fail(ExitCode::Unreachable)(format!("{} does not answer: {error}", keyring.base_url)));
    }
    let summary = format!(
        "{} with {}, sent to {} in {}",
        count(recording.len() as u64, "request"),
        count(keyring.keys.len() as u64, "key"),
        keyring.base_url,
        time(began.elapsed())
    );
    let unlike: Vec<(&Recorded, u16)> = recording
        .iter()
        .zip(now.iter().copied())
        .filter(|(recorded, now)| !is_alike(recorded.status, *now))
        .collect();
    let exit = if unlike.is_empty() { ExitCode::Conforms } else { ExitCode::Failed };
    Ok(told(tell(&summary, &recording, &now, &unlike, &mut io::stdout()), exit))
}

/// Reads a recording, in the order in which its requests came.
fn read(path: &Path) -> Result<Vec<Recorded>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let mut recording = Vec::new();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |error: String| format!("{name}:{}: {error}", place + 1);
        let recorded: Recorded = serde_json::from_str(line)
            .map_err(|error| wrong(format!("not a line that `trenchcheck mock --record` writes: {error}")))?;
        recorded.bytes().map_err(wrong)?;
        recording.push(recorded);
    }
    if recording.is_empty() {
        return Err(format!("{name}: no request is recorded there"));
    }
    recording.sort_by_key(|recorded| recorded.at_ms);
    Ok(recording)
}

/// The keys in the place of those of a recording, and where they belong.
struct Keyring {
    base_url: String,
    /// By the names of those that were recorded.
    keys: BTreeMap<String, ApiKey>,
}

impl Keyring {
    async fn gather(recording: &[Recorded], target: &Target) -> Result<Self, String> {
        let failed = |error: TargetError| error.to_string();
        let mut wanted: BTreeMap<&str, &RecordedKey> = BTreeMap::new();
        recording.iter().filter_map(|recorded| recorded.key.as_ref()).for_each(|key| {
            wanted.insert(&key.name, key);
        });
        let mut ring = Self { base_url: target.base_url.clone(), keys: BTreeMap::new() };
        match &target.keys {
            Keys::Environment(given) => {
                let mut taken = Vec::new();
                for (name, key) in wanted {
                    let found = best(role(key), given, &taken).ok_or_else(|| {
                        let variable = role_variable(role(key), 1);
                        format!("no key can stand for `{name}` of the recording: set {variable}")
                    })?;
                    taken.push(found.variable.as_str());
                    ring.keys.insert(name.to_owned(), found.secret.clone());
                }
            }
            Keys::Mock(control) => {
                let workspace = control.workspace().await.map_err(failed)?;
                for (nth, (name, key)) in (1..).zip(wanted) {
                    ring.keys
                        .insert(name.to_owned(), workspace.key(role(key), nth).await.map_err(failed)?.secret);
                }
                ring.base_url = workspace.base_url;
            }
        }
        Ok(ring)
    }
}

fn role(key: &RecordedKey) -> Role {
    match (key.reads, key.writes, key.tier) {
        (true, true, _) => Role::Both,
        (_, true, _) => Role::Write,
        (.., Tier::Premium) => Role::Premium,
        _ => Role::Standard,
    }
}

/// The key that plays a part best, if possible one that plays no other.
fn best<'k>(role: Role, given: &'k [Key], taken: &[&str]) -> Option<&'k Key> {
    let reads_only = matches!(role, Role::Standard | Role::Premium);
    let fitting = given.iter().filter(|key| role.fits(key) || reads_only && Role::Read.fits(key));
    fitting.min_by_key(|key| (taken.contains(&key.variable.as_str()), role.preference(key)))
}

fn request(recorded: &Recorded, target: &Target, keyring: &Keyring) -> Result<Outgoing, String> {
    let method = Method::from_bytes(recorded.method.as_bytes()).map_err(|error| error.to_string())?;
    let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == recorded.path);
    let path = endpoint.map_or(recorded.path.as_str(), |endpoint| target.path(endpoint));
    let mark = if recorded.query.is_empty() { "" } else { "?" };
    let url = format!("{}{path}{mark}{}", keyring.base_url, recorded.query);
    let mut headers = Vec::new();
    let mut add = |name: &str, value: &str| -> Result<(), String> {
        let bad = |error: String| format!("the header `{name}` cannot be sent: {error}");
        let named = HeaderName::try_from(name).map_err(|error| bad(error.to_string()))?;
        headers.push((named, HeaderValue::try_from(value).map_err(|error| bad(error.to_string()))?));
        Ok(())
    };
    for (name, value) in &recorded.headers {
        let is_own = OF_THE_CONNECTION.iter().any(|own| name.eq_ignore_ascii_case(own));
        // What was masked cannot be said again.
        if !is_own && !value.contains('…') {
            add(name, value)?;
        }
    }
    let presented = recorded.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(KEY_HEADER));
    match recorded.key.as_ref().and_then(|key| keyring.keys.get(&key.name)) {
        Some(key) => add(KEY_HEADER, key.reveal())?,
        // Nobody had that key, and nobody has this one.
        None if presented => {
            add(KEY_HEADER, ApiKey::random().reveal())?;
        }
        None => {}
    }
    let body = Some(recorded.bytes()?).filter(|body| !body.is_empty());
    let body = body.map(|body| Content::Bytes(body.into()));
    Ok(Outgoing { method, url, headers, body, spelled: None, http: None })
}

fn is_alike(then: u16, now: u16) -> bool {
    then == now || [then, now].iter().all(|status| (200..300).contains(status))
}

/// Says how many answers had which status then and now, and which of them differ.
fn tell(
    summary: &str,
    recording: &[Recorded],
    now: &[u16],
    unlike: &[(&Recorded, u16)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let word = |status: u16| if status == 0 { "none".to_owned() } else { status.to_string() };
    let mut counts: BTreeMap<u16, [usize; 2]> = BTreeMap::new();
    for (recorded, now) in recording.iter().zip(now) {
        counts.entry(recorded.status).or_default()[0] += 1;
        counts.entry(*now).or_default()[1] += 1;
    }
    writeln!(out, "{summary}\n\nstatus    then     now")?;
    for (status, [then, now]) in counts {
        writeln!(out, "{:6}  {then:6}  {now:6}", word(status))?;
    }
    writeln!(out)?;
    for (Recorded { at_ms, method, path, status, .. }, now) in unlike.iter().take(MOST_TOLD) {
        let at = time(Duration::from_millis(*at_ms));
        writeln!(out, "at {at}  {method} {path}: {} then, {} now", word(*status), word(*now))?;
    }
    if unlike.len() > MOST_TOLD {
        writeln!(out, "and {} more", unlike.len() - MOST_TOLD)?;
    }
    match unlike.len() {
        0 => writeln!(out, "every answer is as it was (exit code {})", ExitCode::Conforms.code()),
        some => {
            let all = recording.len();
            writeln!(out, "{some} of {all} are answered otherwise (exit code {})", ExitCode::Failed.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(variable: &str, given_for: Role) -> Key {
        Key {
            variable: variable.to_owned(),
            secret: ApiKey::new(format!("ct_live_{variable}")).unwrap(),
            tier: given_for.tier(),
            scopes: given_for.scopes(),
            account: None,
            given_for: Some(given_for),
            mock_id: None,
        }
    }

    #[test]
    fn each_key_is_replaced_by_one_of_its_own_as_long_as_there_are_some() {
        let given = [
            key("read", Role::Read),
            key("write", Role::Write),
            key("ingestion", Role::Ingestion),
            key("standard", Role::Standard),
        ];
        let found = |role, taken: &[&str]| best(role, &given, taken).map(|key| key.variable.as_str());
        assert_eq!(found(Role::Write, &[]), Some("write"));
        assert_eq!(found(Role::Write, &["write"]), Some("ingestion"));
        assert_eq!(found(Role::Write, &["write", "ingestion"]), Some("write"), "then they share one");
        assert_eq!(found(Role::Standard, &[]), Some("standard"));
        assert_eq!(found(Role::Premium, &[]), Some("read"), "it may be a premium one");
        assert_eq!(found(Role::Both, &[]), None);
    }

    #[test]
    fn a_part_is_known_by_what_a_key_might_do() {
        let part = |tier, reads, writes| role(&RecordedKey { name: String::new(), tier, reads, writes });
        assert_eq!(part(Tier::Ingestion, true, true), Role::Both);
        assert_eq!(part(Tier::Ingestion, false, true), Role::Write);
        assert_eq!(part(Tier::Premium, true, false), Role::Premium);
        assert_eq!(part(Tier::Standard, true, false), Role::Standard);
    }

    #[test]
    fn what_is_no_speed_is_refused() {
        assert_eq!(parse_speed("2.5"), Ok(2.5));
        for bad in ["0", "-1", "fast", "NaN", "inf"] {
            assert!(parse_speed(bad).is_err(), "{bad}");
        }
    }
}
