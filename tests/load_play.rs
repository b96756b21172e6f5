//! Load runs against the mock in this process, in real time made short by higher rates.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::time::Duration;

use futures_util::future::join_all;
use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::deployment::{Embedded, Key, Keys, Role, Target};
use trenchcheck::load::profile::{Library, Profile, Shelved};
use trenchcheck::load::{
    About, Conduct, Finding, LoadError, LoadPlan, LoadVerdict, Outcome, OutcomeLimits, Overrides, RunRecord,
    Series, findings, judge, play,
};
use trenchcheck::report::Redactor;
use trenchcheck::scenario::Source;

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
    fn plan(&self, target: &Target) -> LoadPlan {
        let shelved = Library(&Source::Builtin).find(self.profile).unwrap();
        let overrides = Overrides {
            rate: self.rate.map(|rate| rate.parse().unwrap()),
            duration: Some(Duration::from_secs(self.seconds)),
            keys: self.keys,
            batch: self.batch,
            no_align: false,
        };
        LoadPlan::new(&shelved, &overrides, target, None).unwrap()
    }

    async fn play(&self, mock: &Embedded, deviations: &[&str]) -> RunRecord {
        let deviations: Vec<String> = deviations.iter().map(|&name| name.to_owned()).collect();
        let target = mock.target(&deviations, None);
        let mut plan = self.plan(&target);
        // Counts hold however late a busy machine is; a climb would end where it was.
        let thresholds = &mut plan.profile.thresholds.value;
        (thresholds.send_lag_p99_ms, thresholds.response) = (None, OutcomeLimits::default());
        play(plan, &target, quietly(), &Redactor::default()).await.unwrap()
    }
}

fn quietly() -> Conduct {
    Conduct { quiet: true, ..Conduct::default() }
}

/// What the target missed.
fn missed(run: &RunRecord) -> Vec<Finding> {
    findings(run).into_iter().filter(|finding| !finding.held() && finding.about == About::Target).collect()
}

/// Whether this machine fell behind, so that times say nothing.
fn invalid(run: &RunRecord) -> bool {
    findings(run).iter().any(|finding| !finding.held() && finding.about == About::Generator)
}

/// Each shipped profile with a deviation it is there to find, and the threshold that finds it. At full length, and
/// in virtual time, the same is shown beside the ledger; here it is the real thing, made short.
const PROFILES: [(Short, &str, &str); 13] = [
    (short("quick-ingestion", 3, Some("20000"), Some(1)), "ingestion-limit-999", "admitted"),
    (short("sustain-standard", 2, Some("1800"), None), "standard-limit-59", "admitted"),
    (short("sustain-premium", 2, Some("9000"), None), "premium-limit-299", "limited"),
    (short("sustain-ingestion", 4, Some("1500"), Some(1_000)), "events-limit-one-less", "events_admitted"),
    (short("ceiling-standard", 2, Some("3600"), None), "standard-limit-61", "admitted"),
    (short("ceiling-premium", 2, Some("18000"), None), "retry-after-missing", "wrong_429"),
    (short("ceiling-ingestion", 4, Some("30000"), Some(1)), "ingestion-limit-1001", "admitted"),
    (short("ceiling-events", 4, Some("3000"), None), "events-unlimited", "events_admitted"),
    (short("obey", 4, Some("3000"), None), "retry-after-always-1", "errors"),
    (short("neighbours", 8, None, Some(1)), "shared-by-all-keys", "limited"),
    (
        Short { profile: "fleet", seconds: 3, rate: Some("1200"), batch: None, keys: Some(2) },
        "standard-limit-59",
        "admitted",
    ),
    (short("ramp", 8, None, Some(1)), "ingestion-not-automatic", "admitted"),
    (short("soak", 3, Some("20000"), Some(1)), "ingestion-limit-999", "admitted"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_profile_finds_the_deviation_it_is_there_for_and_nothing_in_the_reference() {
    let mock = Embedded::start().await.unwrap();
    // Two at a time: a machine at its limits would measure itself.
    for pair in PROFILES.chunks(2) {
        let runs = pair.iter().flat_map(|(short, deviation, _)| {
            [short.play(&mock, &[]), short.play(&mock, std::slice::from_ref(deviation))]
        });
        let runs = join_all(runs).await;
        for ((short, deviation, threshold), runs) in pair.iter().zip(runs.chunks(2)) {
            let of = |run: &RunRecord| missed(run).iter().filter(|miss| miss.threshold == *threshold).count();
            let told = (missed(&runs[0]), missed(&runs[1]));
            assert!(of(&runs[0]) == 0 && of(&runs[1]) > 0, "{} under {deviation}: {told:#?}", short.profile);
        }
    }
}

/// A neighbour's p99 beside a noisy key, in three seconds each; the noisy one is limited all the time.
const NEIGHBOURS: &str = "profile: near\nabout: x\nwindows: 2\nwindow: {send: 3s, rest: 0ms}\nlanes:
  - {name: alone, key: premium, request: list-sessions, rate: 1200, lasts: 1}
  - name: beside
    same_key_as: alone
    request: list-sessions
    rate: 1200
    after: 1
    thresholds: {limited: 0, response: {admitted: {p99_ms: 60 or 3 x alone}}}
  - {name: noisy, key: standard, request: list-sessions, rate: 6000, after: 1}
thresholds: {send_lag_p99_ms: 20}
";

/// How often a run is played again where this machine was too busy to measure anything.
const TRIES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_that_is_slowed_down_is_found_by_the_time_it_took_alone() {
    let mock = Embedded::start().await.unwrap();
    let profile = Profile::read("near.yaml", NEIGHBOURS).unwrap();
    let shelved = Shelved { profile, file: "near.yaml".to_owned(), text: NEIGHBOURS.to_owned() };
    let mut told = Vec::new();
    for _ in 0..TRIES {
        let mut both = Vec::new();
        for deviations in [vec![], vec!["slow-beside-limited".to_owned()]] {
            let target = mock.target(&deviations, None);
            let plan = LoadPlan::new(&shelved, &Overrides::default(), &target, None).unwrap();
            both.push(play(plan, &target, quietly(), &Redactor::default()).await.unwrap());
        }
        let sentences = |run: &RunRecord| missed(run).iter().map(ToString::to_string).collect::<Vec<_>>();
        let [reference, slowed] = [0, 1].map(|at| sentences(&both[at]));
        if reference.is_empty() && slowed.len() == 1 {
            assert!(slowed[0].starts_with("beside: response.admitted.p99_ms "), "{slowed:?}");
            assert!(slowed[0].contains("(60 or 3 x alone, which took "), "{slowed:?}");
            return;
        }
        told.push((reference, slowed, both.iter().any(invalid)));
    }
    panic!("{told:#?}");
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

/// A target that needs so long for every answer, and says yes.
async fn slow_target(answer: Duration) -> Target {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(answer).await;
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
    Target { base_url, keys, ..mock.target(&[], None) }
}

/// Plays fifty requests a second for two seconds against a slow target.
async fn overload(slots: u32, answer: Duration, timeout: Duration) -> RunRecord {
    let target = Target { timeout, ..slow_target(answer).await };
    let text = format!(
        "profile: overload\nabout: x\nwindows: 1\nwindow: {{send: 2s, rest: 0ms}}\nlanes:\n  \
         - {{name: standard, key: standard, request: list-sessions, rate: 3000, slots: {slots}}}\n\
         thresholds: {{admitted: all, response: {{admitted: {{p50_ms: 1200}}}}, send_lag_p99_ms: 300}}\n"
    );
    let profile = Profile::read("overload.yaml", &text).unwrap();
    let shelved = Shelved { profile, file: "overload.yaml".to_owned(), text };
    let plan = LoadPlan::new(&shelved, &Overrides::default(), &target, None).unwrap();
    let run = play(plan, &target, quietly(), &Redactor::default()).await.unwrap();
    let counts = run.lanes[0].windows[0];
    assert_eq!((counts.planned, counts.admitted, counts.errors), (100, counts.sent, 0));
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_slower_than_the_schedule_is_given_one_time_out_more_and_slots_that_are_few_are_our_fault() {
    let run = overload(4, Duration::from_secs(1), Duration::from_secs(3)).await;
    // Four slots send four a second, of a hundred in two: all of it would take 25 s.
    assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
    let sent = run.lanes[0].windows[0].sent;
    assert!((4..=24).contains(&sent), "{sent}");
    let LoadVerdict::Invalid(reasons) = judge(&run) else { panic!("{:?}", judge(&run)) };
    let why = format!("({sent} of 100 planned were sent; 4 slots are few for 3,000 requests a minute)");
    assert!(reasons.iter().any(|reason| reason.to_string().contains(&why)), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_takes_every_slot_is_missed_by_what_it_was_asked() {
    // Half a second of slots: 25 a second are answered, so that two seconds' worth take four.
    let run = overload(25, Duration::from_secs(1), Duration::from_secs(10)).await;
    let lane = &run.lanes[0];
    assert_eq!((lane.windows[0].sent, lane.in_flight_suffices), (100, true));
    assert!(lane.times[Series::SlotWait].len() > 40, "{}", lane.times[Series::SlotWait].len());
    // What was waited for belongs to the response, and to nothing we did.
    let response = &lane.times[Series::Response(Outcome::Admitted)];
    assert!(response.value_at_quantile(1.0) > 2_500_000, "{}", response.value_at_quantile(1.0));
    let LoadVerdict::Missed(reasons) = judge(&run) else { panic!("{:?}", judge(&run)) };
    assert!(reasons[0].to_string().starts_with("standard: response.admitted.p50_ms "), "{reasons:?}");

    // With no time for all of it, the rest is never sent, and that is its doing, too.
    let run = overload(25, Duration::from_millis(1_500), Duration::from_millis(2_500)).await;
    assert!(run.lanes[0].windows[0].sent < 90, "{:?}", run.lanes[0].windows[0]);
    let LoadVerdict::Missed(reasons) = judge(&run) else { panic!("{:?}", judge(&run)) };
    let words = "planned were sent; the target held all 25 slots to the end)";
    assert!(reasons.iter().any(|reason| reason.to_string().contains(words)), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_has_percentiles_of_its_own() {
    let mock = Embedded::start().await.unwrap();
    let text = "profile: two\nabout: x\nwindows: 2\nwindow: {send: 1s, rest: 0ms}\nlanes:\n  \
                - {name: standard, key: standard, request: list-sessions, rate: 2400, slots: 4}\n";
    let profile = Profile::read("two.yaml", text).unwrap();
    let shelved = Shelved { profile, file: "two.yaml".to_owned(), text: text.to_owned() };
    let target = mock.target(&[], None);
    let plan = LoadPlan::new(&shelved, &Overrides::default(), &target, None).unwrap();
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
    let all = &lane.times[Series::Response(Outcome::Admitted)];
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
    assert!(matches!(error, LoadError::NotWelcome(..)));
    assert_eq!(
        error.to_string(),
        "1,000 requests and 100,000 events would go to app.trenchcoat.example, which is not this machine: \
         allow it with --allow-host app.trenchcoat.example"
    );
}
