use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use quick_junit::Report;

use super::*;
use crate::contract::ApiKey;
use crate::load::samples::{GOOD, climbing, lane, run};
use crate::load::series::{Sample, Sent};
use crate::load::{LaneRecord, Outcome, Shard, Timeline, WindowCounts};

const SUSTAIN: &str = r#"{"admitted": "limit", "response": {"admitted": {"p99_ms": 100}}}"#;

fn to(run: &RunRecord, outputs: &Outputs, out: &mut dyn Write) -> (ExitCode, Vec<io::Error>) {
    report(run.clone(), &Redactor::default(), outputs, out, false)
}

fn shown(run: &RunRecord) -> String {
    let mut out = Vec::new();
    assert!(to(run, &Outputs::default(), &mut out).1.is_empty());
    String::from_utf8(out).unwrap()
}

/// Two Standard keys, and one on Ingestion that errs.
fn fleet() -> RunRecord {
    let few = WindowCounts { admitted: 58, limited: 1, errors: 1, wrong_429: 1, ..GOOD };
    let mut ingestion = lane(2, &[GOOD, few]);
    ingestion.name = "ingestion".to_owned();
    ingestion.group = "ingestion".to_owned();
    ingestion.requests_limit = 1_000;
    ingestion.events_limit = Some(100_000);
    ingestion.thresholds = serde_json::from_str(r#"{"admitted": "all"}"#).unwrap();
    ingestion.faults.insert("no answer within 30 s".to_owned(), 1_234);
    let lanes = [lane(0, &[GOOD; 3]), lane(1, &[GOOD, GOOD, few])].map(|lane| LaneRecord {
        warm_up_windows: 1,
        whole_windows: 2,
        ..lane
    });
    run(lanes.into_iter().chain([ingestion]).collect(), SUSTAIN)
}

#[test]
fn the_report_tells_windows_times_and_reasons_apart() {
    assert_snapshot!(shown(&fleet()), @r#"
    sustain-standard  against http://127.0.0.1:8080, 3 keys for 3 min 0 s

    standard: 2 keys, 120 requests a minute; limit 60 requests a minute each
      window  sent  admitted  limited  errors  wrong 429  events  p50 ms  p99 ms  max ms
           1   120       120        0       0          0  12,000   ≤30.1   ≤60.1   ≤60.1  warm-up, not judged
           2   120       120        0       0          0  12,000   ≤30.1   ≤60.1   ≤60.1
           3   120       118        1       1          1  12,000   ≤30.1   ≤60.1   ≤60.1  not whole, not judged
         all   360       358        1       1          1  36,000
      in ms               count   p50   p90   p99  p99.9   max
      admitted  response    358  30.1  54.1  60.1   60.1  60.1
                service     358  30.0  54.0  60.0   60.0  60.0
      limited   response      1  1.05  1.05  1.05   1.05  1.05
                service       1  1.00  1.00  1.00   1.00  1.00
      error     response      1  2001  2001  2001   2001  2001
                service       1  2001  2001  2001   2001  2001
      send lag              360  0.05  0.05  0.05   0.05  0.05
      from ms  count
         1.05     42  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         7.61     42  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         14.2     36  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         20.7     42  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         27.3     36  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         33.8     42  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         40.4     36  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         47.0     42  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         53.5     40  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■

    ingestion: 1 key, 60 requests a minute; limit 1,000 requests and 100,000 events a minute
      window  sent  admitted  limited  errors  wrong 429  events  p50 ms  p99 ms  max ms
           1    60        60        0       0          0   6,000    30.1    60.1    60.1
           2    60        58        1       1          1   6,000    29.1    58.1    58.1  not as asked
         all   120       118        1       1          1  12,000
      in ms               count   p50   p90   p99  p99.9   max
      admitted  response    118  30.1  54.1  59.1   60.1  60.1
                service     118  30.0  54.0  59.0   60.0  60.0
      limited   response      1  1.05  1.05  1.05   1.05  1.05
                service       1  1.00  1.00  1.00   1.00  1.00
      error     response      1  2001  2001  2001   2001  2001
                service       1  2001  2001  2001   2001  2001
      send lag              120  0.05  0.05  0.05   0.05  0.05
      from ms  count
         1.05     14  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         7.50     12  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         13.9     14  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         20.4     12  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         26.8     14  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         33.3     12  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         39.7     14  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         46.2     12  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         52.6     13  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         59.1      1  ■■■
      1,234 × no answer within 30 s

      ingestion, window 2: errors 1, expected at most 0
      ingestion, window 2: wrong_429 1, expected at most 0
      ingestion, window 2: admitted 58 of 60, expected all that were sent
    missed: 3 thresholds not held (exit code 6)
    "#);
}

#[test]
fn an_invalid_run_says_so_before_anything_else() {
    let behind = WindowCounts { planned: 80, ..GOOD };
    assert_snapshot!(shown(&run(vec![lane(0, &[behind])], SUSTAIN)), @r#"
    INVALID  the load was not the one that was asked for; blame nothing below on the target
      standard-1, window 1: achieved_rate 0.750 (60 of 80 planned were sent), expected at least 0.995
      A quieter machine, fewer keys or more shards (--shard) make a run valid.

    sustain-standard  against http://127.0.0.1:8080, 1 key for 3 min 0 s

    standard: 1 key, 60 requests a minute; limit 60 requests a minute
      window  planned  sent  admitted  events  p50 ms  p99 ms  max ms
           1       80    60        60   6,000    30.1    60.1    60.1  not as asked
      in ms               count   p50   p90   p99  p99.9   max
      admitted  response     60  30.1  54.1  60.1   60.1  60.1
                service      60  30.0  54.0  60.0   60.0  60.0
      send lag               60  0.05  0.05  0.05   0.05  0.05
      from ms  count
         1.05      7  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         7.61      7  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         14.2      6  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         20.7      7  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         27.3      6  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         33.8      7  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         40.4      6  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         47.0      7  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         53.5      7  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■

    invalid: the load was not the one that was asked for (exit code 7)
    "#);
}

#[test]
fn a_rising_rate_is_told_by_its_steps_and_where_it_broke() {
    assert_snapshot!(shown(&climbing()), @r#"
    sustain-standard  against http://127.0.0.1:8080, 1 key for 3 min 0 s

    standard: 1 key, up to 300 requests a minute; limit 60 requests a minute
      window  sent  admitted  events  per min  p50 ms  p99 ms  max ms
           1   100       100   6,000      100    20.0    20.0    20.0
           2   200       200   6,000      200    20.0    20.0    20.0
           3   300       300   6,000      300     400     400     400  not as asked
         all   600       600  18,000
      in ms               count   p50  p90  p99  p99.9  max
      admitted  response    600  20.0  400  400    400  400
                service     600  20.0  400  400    400  400
      from ms  count
         20.0    300  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
         62.2      0
          104      0
          147      0
          189      0
          231      0
          273      0
          316      0
          358    300  ■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■

      standard-1 broke at 300 requests (30,000 events) a minute, in window 3; it held 200 requests (20,000 events) a minute
      standard-1, window 3: response.admitted.p99_ms 400.127 ms, expected at most 250 ms
    missed: 1 threshold not held (exit code 6)
    "#);
    let text = junit::text(&climbing()).unwrap();
    let climb = "standard-1 broke at 300 requests (30,000 events) a minute, in window 3; it held 200 requests \
                 (20,000 events) a minute";
    assert!(text.contains(&format!(r#"<property name="climb" value="{climb}"/>"#)), "{text}");
}

#[test]
fn good_interrupted_and_empty_runs_end_in_words() {
    let mut record = run(vec![lane(0, &[GOOD])], SUSTAIN);
    assert!(shown(&record).ends_with("\nmet: every threshold held (exit code 0)\n"));
    record.shard = Some(Shard { index: 2, of: 4 });
    assert!(
        shown(&record).starts_with(
            "sustain-standard  against http://127.0.0.1:8080, 1 key for 3 min 0 s, shard 2 of 4\n"
        )
    );
    record.interrupted = true;
    let end = "\n  the run was interrupted; what was measured is reported, and no threshold is judged\nnot judged (exit code 130)\n";
    assert!(shown(&record).ends_with(end), "{}", shown(&record));
    assert!(shown(&run(vec![], "{}")).ends_with("  the run has no lanes\nnot judged (exit code 4)\n"));
}

#[test]
fn many_reasons_are_told_in_part() {
    let bad = WindowCounts { errors: 1, ..GOOD };
    let text = shown(&run((0..25).map(|place| lane(place, &[bad])).collect(), "{}"));
    assert!(
        text.contains("  and 5 more; --json FILE has them all\nmissed: 25 thresholds not held"),
        "{text}"
    );
}

fn junit(run: &RunRecord) -> Report {
    Report::deserialize_from_str(&junit::text(run).unwrap()).unwrap()
}

#[test]
fn junit_has_a_suite_a_lane_and_a_case_a_threshold() {
    let mut text = junit::text(&fleet()).unwrap();
    let from = text.find("<testsuite name=\"ingestion\"").unwrap();
    text.drain(..from);
    assert_snapshot!(text, @r#"
    <testsuite name="ingestion" tests="5" skipped="0" errors="0" failures="3" time="180.250">
            <properties>
                <property name="target" value="http://127.0.0.1:8080"/>
                <property name="profile" value="sustain-standard"/>
            </properties>
            <testcase name="achieved_rate" classname="trenchcheck.load.ingestion"/>
            <testcase name="errors" classname="trenchcheck.load.ingestion">
                <failure message="ingestion, window 2: errors 1, expected at most 0" type="missed">expected at most 0
    window 2: 1</failure>
            </testcase>
            <testcase name="wrong_429" classname="trenchcheck.load.ingestion">
                <failure message="ingestion, window 2: wrong_429 1, expected at most 0" type="missed">expected at most 0
    window 2: 1</failure>
            </testcase>
            <testcase name="admitted" classname="trenchcheck.load.ingestion">
                <failure message="ingestion, window 2: admitted 58 of 60, expected all that were sent" type="missed">expected all that were sent
    window 2: 58 of 60</failure>
            </testcase>
            <testcase name="response.admitted.p99_ms" classname="trenchcheck.load.ingestion"/>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn junit_holds_nothing_against_the_target_of_an_invalid_run() {
    let behind = WindowCounts { planned: 80, errors: 3, ..GOOD };
    let report = junit(&run(vec![lane(0, &[behind])], SUSTAIN));
    assert_eq!((report.tests, report.errors, report.failures), (5, 1, 0));
    let mut stopped = fleet();
    stopped.interrupted = true;
    let report = junit(&stopped);
    assert_eq!((report.errors, report.failures, report.skipped), (1, 0, report.tests - 1));
}

#[test]
fn a_lane_without_a_window_to_judge_is_skipped() {
    let text = junit::text(&run(vec![lane(0, &[])], SUSTAIN)).unwrap();
    assert!(text.contains(r#"<skipped message="no whole window after the warm-up was played"/>"#), "{text}");
}

#[test]
fn the_page_has_its_pictures_and_numbers_in_it_and_needs_nothing_else() {
    let mut run = fleet();
    let mut timeline = Timeline::new("standard");
    for second in 0..3 {
        let sent = Sent {
            outcome: Outcome::Admitted,
            lag: Duration::from_micros(50),
            held: Duration::ZERO,
            service: Duration::from_millis(10 + second),
            events: 0,
            accepted: 0,
            fault: None,
        };
        timeline.take(&Sample { due: Duration::from_secs(second), sent: Some(sent) });
    }
    run.timelines.push(timeline);
    let page = html::text(&run).unwrap();
    for part in [
        "missed (exit code 6)",
        "ingestion, window 2: errors 1, expected at most 0",
        "admitted by key and window",
        r#"aria-label="requests a second, by when they were due""#,
        r#"aria-label="times in ms by percentile""#,
        "1,234 times: no answer within 30 s",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Four over time for the group that has a timeline, and a curve for either.
    assert_eq!(page.matches("<figure>").count(), 6);
    for foreign in ["<script", "src=", "@import", "url(", "#000000"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // A run in which nothing happened has a page as well.
    assert!(
        html::text(&self::run(vec![lane(0, &[])], SUSTAIN)).unwrap().contains("not-judged (exit code 4)")
    );
}

#[test]
fn every_report_is_written_and_one_that_fails_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs {
        json: Some(folder.path().join("none/load.json")),
        junit: Some(folder.path().join("load.xml")),
        html: Some(folder.path().join("load.html")),
        markdown: Some(folder.path().join("load.md")),
        save: Some(folder.path().join("run")),
    };
    let record = run(vec![lane(0, &[GOOD])], SUSTAIN);
    let (exit, unwritten) = to(&record, &outputs, &mut Vec::new());
    assert_eq!(unwritten.len(), 1);
    assert!(unwritten[0].to_string().contains("none/load.json"));
    assert_eq!(exit, ExitCode::Internal);
    assert!(folder.path().join("load.xml").exists());
    let json = Outputs { json: Some(folder.path().join("load.json")), ..Outputs::default() };
    assert_eq!(to(&record, &json, &mut Vec::new()).0, ExitCode::Conforms);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("load.json"), read("run/run.json"));
}

#[test]
fn keys_stay_out_of_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| Some(folder.path().join(name));
    let outputs = Outputs {
        json: path("load.json"),
        junit: path("load.xml"),
        html: path("load.html"),
        markdown: path("load.md"),
        save: path("run"),
    };
    let redactor = Redactor::default();
    redactor.learn(&ApiKey::new("Zq8kW2mN5vB1xC4j").unwrap());
    let mut leaky = lane(0, &[GOOD]);
    for key in ["Zq8kW2mN5vB1xC4j", "ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"] {
        leaky.faults.insert(format!("the body says {key}"), 2);
    }
    let mut record = run(vec![leaky], SUSTAIN);
    record.target = "http://127.0.0.1:8080/Zq8kW2mN5vB1xC4j".to_owned();
    let mut out = Vec::new();
    assert!(report(record, &redactor, &outputs, &mut out, true).1.is_empty());
    let files = ["load.json", "load.xml", "load.html", "run/run.json"]
        .map(|name| fs::read(folder.path().join(name)).unwrap());
    for text in files.into_iter().chain([out]) {
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("kW2mN5vB1x") && !text.contains("a1b2c3d4"), "{text}");
    }
}

const COMMITTED: &str = include_str!("../../../schemas/load.schema.json");

/// `TRENCHCHECK_BLESS=1 cargo test load_schema` writes the file anew after a change that is meant.
#[test]
fn the_committed_load_schema_is_the_one_in_force() {
    let now = serde_json::to_string_pretty(&load_schema()).unwrap() + "\n";
    if std::env::var_os("TRENCHCHECK_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/load.schema.json");
        std::fs::write(path, &now).unwrap();
        return;
    }
    assert!(COMMITTED == now, "run this test with TRENCHCHECK_BLESS=1 if the change is meant");
}

fn document(run: &RunRecord) -> serde_json::Value {
    serde_json::from_str(&json::text(run).unwrap()).unwrap()
}

#[test]
fn what_is_written_is_valid_by_the_schema() {
    let few = WindowCounts { admitted: 50, limited: 9, errors: 1, ..GOOD };
    let mut shard = run(
        vec![lane(0, &[GOOD, few]), lane(1, &[])],
        r#"{"admitted": "limit - 1", "response": {"admitted": {"p99_9_ms": 3}}}"#,
    );
    shard.shard = Some(Shard { index: 1, of: 4 });
    let schema = serde_json::from_str(COMMITTED).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for run in [climbing(), run(vec![], "{}"), run(vec![lane(0, &[GOOD])], r#"{"admitted": 60}"#), shard] {
        let document = document(&run);
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn the_document_says_where_a_rising_rate_broke() {
    let step = |window: u32, rate: u32| {
        serde_json::json!({
            "window": window,
            "requests_per_minute": [rate, rate],
            "events_per_minute": [rate * 100, rate * 100]
        })
    };
    let climb = serde_json::json!({"lane": "standard-1", "held": step(2, 200), "broke": step(3, 300)});
    assert_eq!(document(&climbing())["climb"], climb);
    let plain = document(&run(vec![lane(0, &[GOOD])], "{}"));
    assert!(plain["climb"].is_null(), "{plain}");
}

#[test]
fn the_document_says_what_the_run_came_to() {
    let few = WindowCounts { admitted: 50, limited: 10, ..GOOD };
    let document = document(&run(vec![lane(0, &[few])], r#"{"admitted": "limit"}"#));
    assert_eq!(
        document["verdict"],
        serde_json::json!({
            "word": "missed",
            "exit_code": 6,
            "reasons": ["standard-1, window 1: admitted 50, expected exactly 60 (limit)"]
        })
    );
    assert_eq!(document["times"][0]["series"], "admitted.response");
    assert_eq!(document["times"][0]["samples"], 50);
    assert_eq!(document["times"][2]["series"], "limited.response");
}

#[test]
fn a_summary_in_markdown_has_the_verdict_the_reasons_and_the_tables() {
    assert_snapshot!(markdown::text(&fleet()));
}

#[test]
fn an_hour_whose_times_are_all_over_the_place_is_a_page_that_can_be_sent() {
    let due = |request: u64| Duration::from_micros(request * 66_667);
    let mut timeline = Timeline::new("standard");
    let mut random = 1_u64;
    for request in 0..54_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // From 0.1 ms to 3 s, every power of two as often as any other.
        let service =
            Duration::from_secs_f64(0.000_1 * 2_f64.powf((random >> 40) as f64 / 2_f64.powi(24) * 15.0));
        let sent = Sent {
            outcome: Outcome::Admitted,
            lag: Duration::from_micros(random >> 54),
            held: Duration::ZERO,
            service,
            events: 100,
            accepted: 100,
            fault: None,
        };
        timeline.take(&Sample { due: due(request), sent: Some(sent) });
    }
    let mut soak =
        run(vec![lane(0, &[WindowCounts { planned: 900, sent: 900, admitted: 900, ..GOOD }; 60])], SUSTAIN);
    soak.timelines = vec![timeline];
    let page = html::text(&soak).unwrap();
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert!(page.contains("darker, the more"));
}
