//! Load runs against the mock in this process, in real time made short by higher rates.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::time::Duration;

use futures_util::future::join_all;
use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::load::profile::{Library, Profile, Shelved};
use trenchcheck::load::{
    About, Conduct, Finding, LoadError, LoadVerdict, Outcome, Overrides, Plan, RunRecord, View, findings,
    judge, play,
};
use trenchcheck::report::Redactor;
use trenchcheck::scenario::Source;
use trenchcheck::target::{Embedded, Key, Keys, Role, Target};

/// A shipped profile, made short.
#[derive(Clone, Copy)]
struct Short {
    profile: &'static str,
    seconds: u64,
    rate: Option<&'static str>,
    batch: Option<u32>,
    keys: Option<u32>,
}

const fn short(profile: &'static str, seconds: u64, rate: Option<&'static str>, batch: Option<u32>) -> Short {
    Short { profile, seconds, rate, batch, keys: None }
}

impl Short {
    fn plan(&self, target: &Target) -> Plan {
        let shelved = Library(&Source::Builtin).find(self.profile).unwrap();
        let overrides = Overrides {
            rate: self.rate.map(|rate| rate.parse().unwrap()),
            duration: Some(Duration::from_secs(self.seconds)),
            keys: self.keys,
            batch: self.batch,
        };
        Plan::new(&shelved, &overrides, target, None).unwrap()
    }

    async fn play(&self, mock: &Embedded, deviations: &[&str]) -> RunRecord {
        let deviations: Vec<String> = deviations.iter().map(|&name| name.to_owned()).collect();
        let target = mock.target(&deviations, None);
        play(self.plan(&target), &target, quietly(), &Redactor::default()).await.unwrap()
    }
}

fn quietly() -> Conduct {
    Conduct { allowed_hosts: Vec::new(), goose_report: None, start_at: None, view: View::Hidden }
}

/// What the target missed. How late this machine was is another matter: counts hold all the same, and only the times
/// of a run in which it fell behind say nothing about the target.
fn missed(run: &RunRecord) -> Vec<Finding> {
    let (generator, target): (Vec<_>, Vec<_>) = findings(run)
        .into_iter()
        .filter(|finding| !finding.held())
        .partition(|finding| finding.about == About::Generator);
    let is_time = |finding: &Finding| finding.threshold.starts_with("response.");
    target.into_iter().filter(|finding| generator.is_empty() || !is_time(finding)).collect()
}

/// Each shipped profile with a deviation it is there to find, and the threshold that finds it.
const PROFILES: [(Short, &str, &str); 12] = [
    (short("quick-ingestion", 3, Some("20000"), Some(1)), "ingestion-limit-999", "admitted"),
    (short("sustain-standard", 2, Some("1800"), None), "standard-limit-59", "admitted"),
    (short("sustain-premium", 2, Some("9000"), None), "premium-limit-299", "limited"),
    (short("sustain-ingestion", 4, Some("1500"), Some(1_000)), "events-limit-one-less", "events_admitted"),
    (short("ceiling-standard", 2, Some("3600"), None), "standard-limit-61", "admitted"),
    (short("ceiling-premium", 2, Some("18000"), None), "retry-after-missing", "wrong_429"),
    (short("ceiling-ingestion", 4, Some("30000"), Some(1)), "ingestion-limit-1001", "admitted"),
    (short("obey", 4, Some("3000"), None), "retry-after-always-1", "errors"),
    (short("neighbours", 8, None, Some(1)), "shared-by-all-keys", "limited"),
    (
        Short { profile: "fleet", seconds: 3, rate: Some("1200"), batch: None, keys: Some(2) },
        "standard-limit-59",
        "admitted",
    ),
    (short("ramp", 3, None, Some(1)), "slow-answers", "response.admitted.p99_ms"),
    (short("soak", 3, Some("20000"), Some(1)), "ingestion-limit-999", "admitted"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_profile_finds_the_deviation_it_is_there_for_and_nothing_in_the_reference() {
    let mock = Embedded::start().await.unwrap();
    // Two at a time: this is about counts, and a machine at its limits would measure itself.
    for pair in PROFILES.chunks(2) {
        let runs = pair.iter().flat_map(|(short, deviation, _)| {
            [short.play(&mock, &[]), short.play(&mock, std::slice::from_ref(deviation))]
        });
        let runs = join_all(runs).await;
        for ((short, deviation, threshold), runs) in pair.iter().zip(runs.chunks(2)) {
            let of = |run: &RunRecord| missed(run).iter().filter(|miss| miss.threshold == *threshold).count();
            assert_eq!(of(&runs[0]), 0, "{}: {:?}", short.profile, missed(&runs[0]));
            let too_busy =
                findings(&runs[1]).iter().any(|miss| miss.about == About::Generator && !miss.held());
            assert!(
                of(&runs[1]) > 0 || (threshold.starts_with("response.") && too_busy),
                "{} under {deviation}: {:?}",
                short.profile,
                missed(&runs[1])
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shipped_profile_has_its_row() {
    let mut shipped: Vec<String> = Library(&Source::Builtin)
        .all()
        .unwrap()
        .into_iter()
        .map(|shelved| shelved.profile.profile.value)
        .collect();
    let mut rows: Vec<&str> = PROFILES.iter().map(|(short, _, _)| short.profile).collect();
    shipped.sort();
    rows.sort_unstable();
    assert_eq!(shipped, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_is_sent_and_a_ceiling_admits_exactly_the_limit() {
    let mock = Embedded::start().await.unwrap();
    let run = short("ceiling-standard", 2, Some("3600"), None).play(&mock, &[]).await;
    let counts = run.lanes[0].windows[0];
    assert_eq!((counts.planned, counts.sent), (120, 120));
    assert_eq!((counts.admitted, counts.limited, counts.errors, counts.wrong_429), (60, 60, 0, 0));
    assert_eq!(run.lanes[0].windows.len(), 1);
}

/// A target that needs a second for every answer, and says yes.
async fn slow_target() -> Target {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                }
            });
        }
    });
    let mock = Embedded::start().await.unwrap();
    let key = Key {
        variable: "TRENCHCHECK_KEY_STANDARD".to_owned(),
        secret: ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6").unwrap(),
        tier: Some(Tier::Standard),
        scopes: vec![Scope::ReadAnalytics],
        account: None,
        given_for: Some(Role::Standard),
        mock_id: None,
    };
    let keys = Keys::Environment(vec![key]);
    Target { base_url, timeout: Duration::from_secs(3), keys, ..mock.target(&[], None) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_slower_than_the_schedule_is_given_one_time_out_more_and_the_run_is_invalid() {
    let target = slow_target().await;
    let text = "profile: overload\nabout: x\nwindows: 1\nwindow: {send: 2s, rest: 0ms}\nlanes:\n  \
                - {name: standard, key: standard, request: list-sessions, rate: 3000, slots: 4}\n\
                thresholds: {admitted: all}\n";
    let profile = Profile::read("overload.yaml", text).unwrap();
    let shelved = Shelved { profile, file: "overload.yaml".to_owned(), text: text.to_owned() };
    let plan = Plan::new(&shelved, &Overrides::default(), &target, None).unwrap();
    let run = play(plan, &target, quietly(), &Redactor::default()).await.unwrap();
    let counts = run.lanes[0].windows[0];
    // Four slots send four a second, of a hundred in two: all of it would take 25 s.
    assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
    assert_eq!(counts.planned, 100);
    assert!((4..=24).contains(&counts.sent), "{counts:?}");
    assert_eq!((counts.admitted, counts.errors), (counts.sent, 0));
    let LoadVerdict::Invalid { reasons } = judge(&run) else { panic!("{:?}", judge(&run)) };
    let why = format!("({} of 100 planned were sent)", counts.sent);
    assert!(reasons.iter().any(|reason| reason.to_string().contains(&why)), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_has_percentiles_of_its_own() {
    let mock = Embedded::start().await.unwrap();
    let text = "profile: two\nabout: x\nwindows: 2\nwindow: {send: 1s, rest: 0ms}\nlanes:\n  \
                - {name: standard, key: standard, request: list-sessions, rate: 2400, slots: 4}\n";
    let profile = Profile::read("two.yaml", text).unwrap();
    let shelved = Shelved { profile, file: "two.yaml".to_owned(), text: text.to_owned() };
    let target = mock.target(&[], None);
    let plan = Plan::new(&shelved, &Overrides::default(), &target, None).unwrap();
    let run = play(plan, &target, quietly(), &Redactor::default()).await.unwrap();
    let lane = &run.lanes[0];
    assert_eq!(lane.window_times.len(), 2);
    let samples =
        |window: usize, outcome| lane.window_times[window].response.get(&outcome).map(|of| of.samples);
    // 80 in two seconds to a key that is granted 60 a minute.
    assert_eq!((samples(0, Outcome::Admitted), samples(0, Outcome::Limited)), (Some(40), None));
    assert_eq!((samples(1, Outcome::Admitted), samples(1, Outcome::Limited)), (Some(20), Some(20)));
    // Together they are the run's.
    let longest =
        lane.window_times.iter().filter_map(|times| Some(times.response.get(&Outcome::Admitted)?.max));
    let all = &lane.latencies[&Outcome::Admitted].response;
    assert_eq!((all.len(), all.value_at_quantile(1.0)), (60, longest.max().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_obedient_client_sends_nothing_until_the_promise() {
    let mock = Embedded::start().await.unwrap();
    let run = short("obey", 3, Some("3000"), None).play(&mock, &[]).await;
    let counts = run.lanes[0].windows[0];
    assert_eq!((counts.admitted, counts.limited, counts.errors), (60, 1, 0));
    assert_eq!(counts.planned, counts.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn load_goes_nowhere_it_was_not_allowed() {
    let mock = Embedded::start().await.unwrap();
    let mut target = mock.target(&[], None);
    let plan = short("sustain-ingestion", 60, None, None).plan(&target);
    target.base_url = "https://app.trenchcoat.example".to_owned();
    target.loopback = false;
    let error = play(plan, &target, quietly(), &Redactor::default()).await.unwrap_err();
    assert!(matches!(error, LoadError::NotWelcome { .. }));
    assert_eq!(
        error.to_string(),
        "1000 requests and 100000 events would go to app.trenchcoat.example, which is not this machine: \
         allow it with --allow-host app.trenchcoat.example"
    );
}
