//! `trenchcheck load` as a program: its default profile, its refusals, its shards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock as Stub, MockServer, ResponseTemplate};

fn trenchcheck(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trenchcheck"));
    command.args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRENCHCHECK_")) {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    trenchcheck(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Exit code 7 says that this machine was too busy to judge anything by; the counts hold all the same.
fn judged_or_too_busy(output: &Output) {
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 7, "{code}: {}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn without_arguments_it_plays_a_short_ingestion_profile() {
    let folder = tempfile::tempdir().unwrap();
    let (report, goose) = (folder.path().join("load.json"), folder.path().join("goose.json"));
    let output =
        run(&["load", "--json", report.to_str().unwrap(), "--goose-report", goose.to_str().unwrap()]);
    judged_or_too_busy(&output);
    let out = text(&output.stdout);
    assert!(out.contains("quick-ingestion  against http://127.0.0.1:"), "{out}");
    assert!(out.contains("1   167       167  16,700"), "{out}");
    assert!(!out.contains("users launched"), "{out}");
    // A pipe gets a plain line every ten seconds.
    let err = text(&output.stderr);
    assert!(err.lines().all(|line| line.starts_with("00:10 ingestion: planned ")), "{err}");
    assert!(text(&std::fs::read(&report).unwrap()).contains("quick-ingestion"));
    // Goose has seen what our ledger has seen.
    let requests = &json(&goose)["raw_metrics"]["requests"]["POST ingestion"];
    assert_eq!((&requests["success_count"], &requests["fail_count"]), (&167.into(), &0.into()), "{requests}");
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let output = run(&["load", "fleet", "--key-count", "2", "--duration", "10s", "--dry-run"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(
        out.contains(
            "  premium: 2 premium keys, GET /api/v1/analytics/overview, 270 a minute, 45 requests a key, 4 at once"
        ),
        "{out}"
    );
    assert!(out.ends_with("over 6 lanes, at most 28 under way at once.\n"), "{out}");
}

#[test]
fn a_run_too_short_for_its_thresholds_says_by_what_it_is_judged() {
    let short = ["load", "ceiling-standard", "--duration", "2s"];
    let what = "standard: 6 requests are due in window 1, fewer than the 60 that `admitted` speaks of, so all of them must be \
                admitted";
    let dry = run(&[&short[..], &["--dry-run"]].concat());
    assert!(text(&dry.stdout).contains(what), "{}", text(&dry.stdout));
    let played = run(&short);
    judged_or_too_busy(&played);
    assert!(text(&played.stderr).contains(what), "{}", text(&played.stderr));
    assert!(!text(&played.stdout).contains("missed"), "{}", text(&played.stdout));
}

#[test]
fn a_dry_run_counts_the_wait_for_fresh_windows() {
    let told = |profile: &str| {
        let mut command = trenchcheck(&["load", profile, "--target", "http://127.0.0.1:1", "--dry-run"]);
        let output = command
            .args(["--keys", "environment"])
            .env("TRENCHCHECK_KEY_STANDARD", "ct_live_abcdefghijkl")
            .output();
        text(&output.unwrap().stdout)
    };
    assert!(told("ceiling-standard").contains("its fresh window is waited for: up to a minute"));
    assert!(!told("quick-ingestion").contains("fresh window"));
}

/// The page of metrics at an address; `None` where nobody answers any more.
fn scrape(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let asked = write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut page = String::new();
    asked.and_then(|()| stream.read_to_string(&mut page)).ok()?;
    page.starts_with("HTTP/1.1 200 OK").then_some(page)
}

/// The sum of the samples on a page whose lines begin like this.
fn sum(page: &str, begins: &str) -> f64 {
    let samples = page.lines().filter(|line| line.starts_with(begins));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn prometheus_sees_a_run_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("load.json").display().to_string();
    let arguments = ["load", "quick-ingestion", "--duration", "3s", "--rate", "1200", "--json", &report];
    let mut child = trenchcheck(&[&arguments[..], &["--metrics", "127.0.0.1:0"]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.strip_prefix("metrics are told at http://").unwrap();
    let address = address.strip_suffix("/metrics while the run goes on\n").unwrap();
    let mut seen = Vec::new();
    while let Some(page) = scrape(address) {
        let requests = sum(&page, "trenchcheck_load_requests_total{");
        // Each time belongs to a request that was counted.
        assert_eq!(sum(&page, "trenchcheck_load_send_lag_seconds_count{"), requests);
        assert_eq!(
            sum(
                &page,
                "trenchcheck_load_response_seconds_bucket{lane=\"ingestion\",outcome=\"admitted\",le=\"+Inf\"}"
            ),
            sum(&page, "trenchcheck_load_requests_total{lane=\"ingestion\",outcome=\"admitted\"}")
        );
        seen.push(requests);
        std::thread::sleep(Duration::from_millis(50));
    }
    child.wait().unwrap();
    assert!(seen.is_sorted() && seen.last() > seen.first(), "{seen:?}");
    let sent = json(Path::new(&report))["run"]["lanes"][0]["windows"][0]["sent"].as_f64().unwrap();
    assert!(seen.last().unwrap() <= &sent, "{seen:?} of {sent}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let refused = run(&["load", "--metrics", &taken]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("name another address with --metrics"),
        "{}",
        text(&refused.stderr)
    );
}

#[tokio::test]
async fn a_collector_is_sent_what_the_report_says_in_the_end() {
    let collector = MockServer::start().await;
    let takes = Stub::given(method("POST")).and(path("/v1/metrics")).and(header("api-key", "hunter2"));
    takes.respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("load.json");
    let mut command =
        trenchcheck(&["load", "quick-ingestion", "--duration", "2s", "--rate", "600", "--quiet"]);
    command.args(["--json", report.to_str().unwrap(), &format!("--otlp={}", collector.uri())]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2").env("OTEL_METRIC_EXPORT_INTERVAL", "300");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    judged_or_too_busy(&output);
    assert_eq!(text(&output.stderr), "");
    let exports = collector.received_requests().await.unwrap();
    assert!(exports.len() > 2, "{}", exports.len());
    let last = ExportMetricsServiceRequest::decode(exports.last().unwrap().body.as_slice()).unwrap();
    let metrics = &last.resource_metrics[0].scope_metrics[0].metrics;
    let of = |name: &str| {
        let metric = metrics.iter().find(|metric| metric.name == format!("trenchcheck.load.{name}"));
        metric.unwrap().data.clone().unwrap()
    };
    let Data::Sum(requests) = of("requests") else { panic!("{metrics:?}") };
    let Data::Histogram(service) = of("service") else { panic!("{metrics:?}") };
    let report = json(&report);
    let window = &report["run"]["lanes"][0]["windows"][0];
    for (at, outcome) in ["admitted", "limited", "errors"].into_iter().enumerate() {
        let expected = window[outcome].as_i64().unwrap();
        assert_eq!(requests.data_points[at].value, Some(Value::AsInt(expected)), "{outcome}");
        assert_eq!(service.data_points[at].bucket_counts.iter().sum::<u64>(), expected as u64, "{outcome}");
    }
    assert!(!text(&std::fs::read(folder.path().join("load.json")).unwrap()).contains("hunter2"));
}

#[test]
fn a_run_is_what_it_is_without_a_collector() {
    let output =
        run(&["load", "quick-ingestion", "--duration", "1s", "--quiet", "--otlp=http://127.0.0.1:1"]);
    judged_or_too_busy(&output);
    let said = text(&output.stderr);
    assert_eq!(
        said,
        "note: metrics could not be exported to http://127.0.0.1:1/v1/metrics: nobody listens there\n"
    );
    let wrong = run(&["load", "--otlp=collector:4318"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("--otlp: found `collector:4318"), "{}", text(&wrong.stderr));
}

#[tokio::test]
async fn a_lane_that_cannot_be_played_says_why_and_what_to_do() {
    let server = MockServer::start().await;
    let answers = |status| ResponseTemplate::new(status);
    for (place, status) in [("/refused", 401), ("/scopeless", 403), ("/broken", 500)] {
        Stub::given(path(format!("{place}/api/v1/events")))
            .respond_with(answers(status))
            .mount(&server)
            .await;
    }
    for (base, why) in [
        (
            server.uri() + "/nowhere",
            "POST /api/v1/events is answered with 404; is the path of the base URL doubled",
        ),
        (
            server.uri() + "/refused",
            "the key in TRENCHCHECK_KEY_INGESTION is refused with 401; was it revoked",
        ),
        (server.uri() + "/scopeless", "is refused with 403; the lane needs one of the role ingestion"),
        (server.uri() + "/broken", "POST /api/v1/events is answered with 500"),
        ("http://127.0.0.1:1".to_owned(), "no connection could be made; is the deployment up"),
    ] {
        let mut command = trenchcheck(&["load", "--quiet", "--keys", "environment", "--target", &base]);
        command.env("TRENCHCHECK_KEY_INGESTION", "ct_live_abcdefghijkl");
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.starts_with(&format!("error: the lane `ingestion` cannot be played at {base}: ")),
            "{said}"
        );
        assert!(said.contains(why) && !said.contains("abcdefghijkl"), "{said}");
    }
}

#[test]
fn runs_are_compared_with_one_that_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (base, page, report) = (path("base"), path("load.html"), path("base.json"));
    let short = ["load", "quick-ingestion", "--duration", "1s", "--quiet"];
    judged_or_too_busy(&run(&[&short[..], &["--save", &base, "--html", &page, "--json", &report]].concat()));
    assert!(std::fs::read_to_string(&page).unwrap().contains("<figure><svg role=\"img\""));
    // A run beside itself has not changed.
    let (json_file, markdown) = (path("changes.json"), path("changes.md"));
    let compared = path("compared.html");
    let limits = ["--fail-if", "p99 > +10%", "--fail-if", "errors > +0"];
    let files = ["--json", &json_file, "--markdown", &markdown, "--html", &compared];
    let same = run(&[&["compare", &base, &base], &files[..], &limits[..]].concat());
    let out = text(&same.stdout);
    assert!(text(&std::fs::read(&compared).unwrap()).contains("<figure><svg role=\"img\""));
    // A report in one file holds all that is compared.
    let by_report = run(&[&["compare", &report, &base], &files[..], &limits[..]].concat());
    assert_eq!(text(&by_report.stdout).replace(&report, &base), out);
    assert!(out.contains("p99") && out.contains("±0") && !out.contains("may be chance"), "{out}");
    assert!(matches!(same.status.code(), Some(0 | 4)), "{out}");
    assert_eq!(json(Path::new(&json_file))[0]["changes"][0]["metric"], "p50");
    assert!(text(&std::fs::read(&markdown).unwrap()).contains("| `ingestion` | p99 |"));
    let beside = run(&[&short[..], &["--baseline", &base, "--fail-if", "sent < -50%"]].concat());
    assert!(text(&beside.stdout).contains("this run  beside "), "{}", text(&beside.stdout));
    for (arguments, why) in [
        (
            vec!["compare", &base, &path("none")],
            "a directory that `trenchcheck load --save` wrote to is expected",
        ),
        (vec!["compare", &base, &base, "--fail-if", "p98 > +1%"], "expected a change such as `p99 > +10%`"),
        (vec!["compare", &base, &markdown], "is no record of a load run"),
        (vec!["load", "--fail-if", "p99 > +1%"], "name it with --baseline RUN"),
        (vec!["load", "--json", &base], "cannot write the report"),
        (vec!["load", "--json", &json_file, "--junit", &json_file], "two reports would be written to"),
    ] {
        let refused = run(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains(why), "{arguments:?}: {}", text(&refused.stderr));
    }
}

#[test]
fn bad_flags_are_refused_like_bad_profiles() {
    let rows = [
        (vec!["--rate", "0"], "a rate of 0 sends nothing"),
        (vec!["--batch", "1001"], "at most 1000 events go into one request"),
        (vec!["--batch", "50"], "use batches of at least 100"),
        (vec!["--key-count", "0"], "'--key-count <N>': 0 is not in 1..=10000"),
        (vec!["--batch", "0"], "'--batch <N>': 0 is not in 1.."),
        (vec!["--no-align"], "a threshold of ingestion is on counts"),
        (vec!["--key-count", "10000", "--rate", "3000000"], "requests may be under way at once"),
        (vec!["--rate", "fast"], "expected a number a minute, `limit`"),
        (vec!["--duration", "soon"], "expected a time of at most a week"),
        (vec!["--shard", "3/2"], "such as `1/4`"),
        (vec!["--goose-report", "goose.txt"], "expected a file that ends in .html, .md or .json"),
        (vec!["--shard", "2/2"], "this shard has no key"),
        (vec!["--shard", "2/2", "--dry-run"], "this shard has no key"),
        (vec!["--start-at", "2020-01-01T00:00:00Z"], "has passed"),
    ];
    for (flags, why) in rows {
        let output = run(&[&["load"], flags.as_slice()].concat());
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {err}");
        assert!(err.split_whitespace().collect::<Vec<_>>().join(" ").contains(why), "{flags:?}: {err}");
    }
    let unknown = run(&["load", "sustain"]);
    assert!(text(&unknown.stderr).contains("no profile is called `sustain`"));
}

#[cfg(unix)]
#[test]
fn who_is_asked_to_stop_reports_what_was_measured_and_judges_nothing() {
    use rustix::process::Signal;
    let ended: Vec<_> = [&[Signal::INT][..], &[Signal::TERM], &[Signal::INT, Signal::INT]]
        .map(|signals| std::thread::spawn(move || reports_what_was_measured_at(signals)))
        .into();
    ended.into_iter().for_each(|thread| thread.join().unwrap());
}

#[cfg(unix)]
/// At one signal, or at several 150 ms apart.
fn reports_what_was_measured_at(signals: &[rustix::process::Signal]) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("load.json");
    let mut child = trenchcheck(&["load", "sustain-standard", "--rate", "600", "--json"])
        .arg(&report)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first plain line comes after ten seconds: the run is under way.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("00:10 standard"));
    let pid = rustix::process::Pid::from_child(&child);
    for signal in signals {
        // The process may have ended before the second of them.
        let _ = rustix::process::kill_process(pid, *signal);
        std::thread::sleep(Duration::from_millis(150));
    }
    let output = child.wait_with_output().unwrap();
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{out}");
    assert!(out.contains("no threshold is judged"), "{out}");
    assert_eq!(json(&report)["verdict"]["exit_code"], 130);
}

/// A mock that is stopped with the test.
struct Mock(Child, String);

impl Mock {
    fn start() -> Self {
        let mut child =
            trenchcheck(&["mock", "--port", "0", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = ready["url"].as_str().unwrap_or_else(|| panic!("{ready}")).to_owned();
        Self(child, url)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The counts of every window of every lane, by the lane's name.
fn counts(directory: &Path) -> Vec<(String, serde_json::Value)> {
    let run = json(&directory.join("run.json"));
    let lanes = run["run"]["lanes"].as_array().unwrap_or_else(|| panic!("{run}"));
    lanes.iter().map(|lane| (lane["name"].as_str().unwrap().to_owned(), lane["windows"].clone())).collect()
}

/// The intervals of every log in a directory, read by the format's own reader: how many times each value was counted,
/// by series and tag.
fn intervals(directory: &Path) -> BTreeMap<(String, String), BTreeMap<u64, u64>> {
    let mut found: BTreeMap<(String, String), BTreeMap<u64, u64>> = BTreeMap::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(series) = name.strip_suffix(".hlog") else { continue };
        let log = std::fs::read(&path).unwrap();
        for entry in IntervalLogIterator::new(&log) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let times: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            assert!(!times.is_empty() && interval.duration() > Duration::ZERO, "{name}");
            let tag = interval.tag().unwrap().as_str().to_owned();
            let counts = found.entry((series.to_owned(), tag)).or_default();
            for at in times.iter_recorded() {
                *counts.entry(at.value_iterated_to()).or_default() += at.count_at_value();
            }
        }
    }
    found
}

/// Adds up values by series, whatever the lane.
fn by_series(all: &BTreeMap<(String, String), BTreeMap<u64, u64>>) -> BTreeMap<String, BTreeMap<u64, u64>> {
    let mut sums: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    for ((series, _), counts) in all {
        for (value, times) in counts {
            *sums.entry(series.clone()).or_default().entry(*value).or_default() += times;
        }
    }
    sums
}

/// What was merged holds every time of every shard, and no other; its percentiles are those of the sum.
fn bucket_by_bucket(merged: &Path, shards: &[String]) {
    let whole = intervals(merged);
    let mut parts = BTreeMap::new();
    for shard in shards {
        for (place, counts) in intervals(Path::new(shard)) {
            assert!(parts.insert(place, counts).is_none(), "a lane belongs to one shard");
        }
    }
    assert_eq!(whole, parts);
    let report = json(&merged.join("run.json"));
    let samples: u64 = report["times"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|times| times["series"] == "admitted.response")
        .map(|times| times["samples"].as_u64().unwrap())
        .sum();
    let sums = by_series(&whole);
    assert_eq!(samples, sums["admitted.response"].values().sum::<u64>());
    let slowest = |group: &str| {
        let of_group = whole.iter().filter(|((series, tag), _)| {
            series == "admitted.response" && tag.split(':').nth(1).unwrap().starts_with(group)
        });
        of_group.filter_map(|(_, counts)| counts.keys().max()).max().copied().unwrap()
    };
    for times in report["times"].as_array().unwrap() {
        if times["series"] == "admitted.response" {
            let max = times["milliseconds"]["max"].as_f64().unwrap();
            assert_eq!((max * 1_000.0).round() as u64, slowest(times["group"].as_str().unwrap()), "{times}");
        }
    }
}

#[test]
fn four_shards_count_what_one_run_counts() {
    let mock = Mock::start();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let play = |shard: Option<&str>, save: &str| {
        let mut arguments =
            vec!["load", "fleet", "--quiet", "--key-count", "4", "--duration", "2s", "--rate", "1950"];
        arguments.extend(["--target", &mock.1, "--keys", "mock", "--save", save]);
        arguments.extend(shard.iter().flat_map(|shard| ["--shard", shard]));
        trenchcheck(&arguments).stdout(Stdio::null()).spawn().unwrap()
    };
    let ended = |mut child: Child| {
        // 65 requests to a key that is granted 60: the threshold is missed, or the machine was too busy.
        let code = child.wait().unwrap().code().unwrap();
        assert!(code == 6 || code == 7, "{code}");
    };
    ended(play(None, &at("whole")));
    let shards: Vec<String> = (1..=4).map(|number| at(&format!("shard-{number}"))).collect();
    let children: Vec<Child> = shards
        .iter()
        .zip(["1/4", "2/4", "3/4", "4/4"])
        .map(|(save, shard)| play(Some(shard), save))
        .collect();
    children.into_iter().for_each(ended);
    let merged = at("merged");
    let mut arguments = vec!["merge", "--save", &merged];
    arguments.extend(shards.iter().map(String::as_str));
    let output = run(&arguments);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    bucket_by_bucket(&folder.path().join("merged"), &shards);
    let whole = counts(&folder.path().join("whole"));
    assert_eq!(whole.len(), 12);
    assert_eq!(counts(&folder.path().join("merged")), whole);
}
