use insta::assert_snapshot;

use super::*;
use crate::report::key_schedule::{PlannedLane, Stretch};
use crate::report::page::COLUMNS;
use crate::report::samples::{KEY, Paper, bad, report, run};

fn shown(options: TerminalOptions) -> String {
    told(&run(), options)
}

fn told(events: &[Event], options: TerminalOptions) -> String {
    let paper = Paper::default();
    let terminal = Terminal::drawing_on(Box::new(paper.clone()), options, ProgressDrawTarget::hidden());
    report(events, terminal);
    let text = paper.text();
    assert!(!text.contains(&KEY[8..20]), "{text}");
    text
}

#[test]
fn what_fails_has_its_cause_at_the_end() {
    assert_snapshot!(shown(TerminalOptions::default()), @r#"
    http://127.0.0.1:8080  7 checks, keys: embedded mock, virtual time, --rfc

    2 causes
    1  auth.no-query  (must)  scenarios/auth/no-query.yaml:12
       auth.only-header: There is no other mechanism: not Authorization, not the query, not a cookie.
       instead: the answer has status 200
       with name=api_key: expected 401; got 200; 1 more failure of this check
       > GET http://127.0.0.1:8080/api/v1/sessions?api_key=ct_live_…
       < 200 (3 ms)
         {"data":{"sessions":[]}}\u{1b}[2J\u{0}
       again: trenchcheck test --target http://127.0.0.1:8080 auth.no-query

    2  limit.message-agrees  (should, does not gate)  scenarios/limits/message.yaml:9
       error.429: A key over its limit is answered with 429 and the documented body.
       instead: the message names another number than Retry-After
       expected "message": "Retry after 42 seconds."; got "message": "Retry after 60 seconds."
       again: trenchcheck test --target http://127.0.0.1:8080 limit.message-agrees

    Observed
      the target takes the documented envelope
      limit.fingerprint: windows are fixed and begin with the first request

    Clause            pass  fail  explained  note  open
    auth.only-header     .     1          .     .     1
    limit.standard       .     .          .     .     1
    limit.premium        .     .          .     .     1
    error.429            .     .          .     1     .
    every check passed: limit.429 (1), error.401 (1)

    Could not be checked
      rate.standard in part: protocol=h2: the target does not offer it
      rate.premium: the key is answered 401
      auth.revoked: the target cannot revoke keys
      rate.standard: three bursts crossed a reset
      auth.revoked needs a target that can revoke keys

    7 checks: 2 passed, 1 failed, 1 noted, 1 skipped, 1 blocked, 1 unsure; 12,345 requests in 1.2 s
    `trenchcheck explain ID` says what a check is about. `--verbose` shows every failure in full.
    does not conform: a gating check failed (exit code 1)
    "#);
}

/// Seven causes, 60 checks that they explain, 20 that were blocked, 100 that passed: two screens, not twenty.
#[test]
fn a_bad_deployment_is_told_by_its_causes_and_fits_two_screens() {
    for (verbosity, most) in [(Verbosity::Normal, 110), (Verbosity::Quiet, 90)] {
        for interactive in [false, true] {
            let options = TerminalOptions { verbosity, interactive, ..TerminalOptions::default() };
            let text = told(&bad::deployment(), options);
            assert!(text.lines().count() <= most, "{} lines\n{text}", text.lines().count());
            let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(widest.chars().count() <= COLUMNS, "{widest}");
        }
    }
    insta::assert_snapshot!(told(&bad::deployment(), TerminalOptions::default()));
}

#[test]
fn verbose_tells_of_every_broken_check_and_by_what_it_is_explained() {
    let options = TerminalOptions { verbosity: Verbosity::Verbose, ..TerminalOptions::default() };
    let text = told(&bad::deployment(), options);
    for line in [
        "BROKEN  rate.standard-of-endpoint-1             (explained by rate.standard)",
        "BLOCKED limit.retry-after-present-of-endpoint-7 (by limit.retry-after-present)",
        "7 causes, which explain 76 more checks",
        "FAIL  rate.standard  (must)",
        "BROKEN  rate.standard-of-endpoint-1  (must, explained by rate.standard)",
    ] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.lines().any(|seen| words(seen) == words(line)), "no {line:?} in {text}");
    }
}

#[test]
fn quiet_tells_the_causes_that_gate_and_the_outcome() {
    let options = TerminalOptions { verbosity: Verbosity::Quiet, ..TerminalOptions::default() };
    assert_snapshot!(shown(options), @r#"
    1 cause
    1  auth.no-query  (must)  scenarios/auth/no-query.yaml:12
       auth.only-header: There is no other mechanism: not Authorization, not the query, not a cookie.
       instead: the answer has status 200
       with name=api_key: expected 401; got 200; 1 more failure of this check
       > GET http://127.0.0.1:8080/api/v1/sessions?api_key=ct_live_…
       < 200 (3 ms)
         {"data":{"sessions":[]}}\u{1b}[2J\u{0}
       again: trenchcheck test --target http://127.0.0.1:8080 auth.no-query

    does not conform: a gating check failed (exit code 1)
    "#);
}

#[test]
fn verbose_tells_every_check_and_exchange() {
    let text = shown(TerminalOptions { verbosity: Verbosity::Exchanges, ..TerminalOptions::default() });
    assert!(text.contains("\nPASS    auth.missing          (12 ms)\n"), "{text}");
    assert!(
        text.contains("auth.missing\n  > GET http://127.0.0.1:8080/api/v1/sessions?api_key=ct_live_…\n"),
        "{text}"
    );
}

#[test]
fn colours_are_for_those_who_want_them() {
    let options = TerminalOptions { colour: true, ..TerminalOptions::default() };
    assert!(shown(options).contains("\x1b[31mdoes not conform"), "{}", shown(options));
    assert!(!shown(TerminalOptions::default()).contains('\x1b'));
}

#[test]
fn progress_says_what_is_waited_for_and_how_long() {
    let (paper, screen) = (Paper::default(), Screen::default());
    let options = TerminalOptions { interactive: true, ..TerminalOptions::default() };
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let mut terminal = Terminal::drawing_on(Box::new(paper.clone()), options, target);
    for event in run() {
        if let Event::Started(info) = &event {
            terminal.event(&Event::Started(RunInfo { virtual_time: false, ..info.clone() })).unwrap();
        } else {
            terminal.event(&event).unwrap();
        }
    }
    let drawn = screen.0.text();
    assert!(drawn.contains("auth.missing waits 42 s for the promised retry"), "{drawn}");
    assert!(drawn.contains("0/7 checks"), "{drawn}");
    assert!(!paper.text().contains("PASS"), "{}", paper.text());
}

#[test]
fn a_planned_run_is_drawn_key_by_key() {
    let (paper, screen) = (Paper::default(), Screen::default());
    let options = TerminalOptions { interactive: true, ..TerminalOptions::default() };
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let mut terminal = Terminal::drawing_on(Box::new(paper.clone()), options, target);
    let keys = vec!["TRENCHCHECK_KEY_STANDARD".to_owned()];
    let stretch = Stretch {
        check: "rate.standard".to_owned(),
        until: Duration::from_secs(61),
        waits: vec![(Duration::from_secs(1), Duration::from_secs(60))],
        alone: true,
        ..Stretch::default()
    };
    let lane = PlannedLane { key: keys[0].clone(), stretches: vec![stretch] };
    let id = "rate.standard".to_owned();
    let Some(Event::Started(info)) = run().into_iter().next() else { panic!("a run begins") };
    for event in [
        Event::Started(RunInfo { virtual_time: false, ..info }),
        Event::Planned(KeySchedule { takes: Duration::from_secs(61), lanes: vec![lane] }),
        Event::KeysLent { id: id.clone(), keys: keys.clone() },
        Event::Waiting { id, keys, what: "a fresh window".to_owned(), how_long: Duration::from_secs(59) },
    ] {
        terminal.event(&event).unwrap();
    }
    // The lines are drawn by a clock of their own.
    let begun = std::time::Instant::now();
    while !screen.0.text().contains("rate.standard waits 59 s") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", screen.0.text());
        std::thread::yield_now();
    }
    assert!(screen.0.text().contains("STANDARD │──"), "{}", screen.0.text());
    assert!(paper.text().contains("expected to take 1 min 1 s"), "{}", paper.text());
}

#[test]
fn a_closed_pipe_is_an_error_and_no_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut terminal = Terminal::new(Box::new(Closed), TerminalOptions::default());
    assert!(run().iter().any(|event| terminal.event(event).is_err()));
}

/// A screen that remembers all that was ever drawn on it.
#[derive(Debug, Clone, Default)]
struct Screen(Paper);

impl indicatif::TermLike for Screen {
    fn width(&self) -> u16 {
        100
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        writeln!(self.0.clone(), "{text}")
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        write!(self.0.clone(), "{text}")
    }
    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
