use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::session::SessionList;
use super::*;
use crate::mock::ingest::{DAY_MS, EventType};

const EVER: DateRange = DateRange { from: i64::MIN, to: i64::MAX };

fn event(session: &str, kind: EventType, at: i64) -> Event<'_> {
    Event { kind, session_id: Cow::Borrowed(session), at, tool: None, correlation_id: None, failed: false }
}

#[test]
fn a_session_is_its_start_its_end_and_its_sums() {
    let mut store = Store::default();
    store.ingest(
        &[
            event("s", EventType::TOOL_USE, 500),
            event("s", EventType::SESSION_START, 1_000),
            event("s", EventType::SESSION_END, 4_000),
        ],
        false,
    );
    let list = store.sessions(None, 50, 0);
    let row = &list.sessions[0];
    assert_eq!((row.started_at.as_str(), row.duration_ms), ("1970-01-01T00:00:01.000Z", Some(3_000)));
    assert_eq!((row.event_count, row.tool_invocations), (3, 1));
}

#[test]
fn a_session_without_a_start_begins_with_its_first_event_and_is_open() {
    let mut store = Store::default();
    store.ingest(&[event("s", EventType::TOOL_USE, 700), event("s", EventType::TOOL_USE, 600)], false);
    let list = store.sessions(None, 50, 0);
    assert_eq!(list.sessions[0].started_at, "1970-01-01T00:00:00.600Z");
    assert_eq!((&list.sessions[0].ended_at, list.sessions[0].duration_ms), (&None, None));
}

#[test]
fn sessions_come_newest_first_and_in_pages() {
    let mut store = Store::default();
    for (number, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        store.ingest(&[event(id, EventType::SESSION_START, number as i64 * DAY_MS)], false);
    }
    let ids = |list: SessionList<'_>| list.sessions.iter().map(|row| row.id.to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(store.sessions(None, 2, 1)), ["c", "b"]);
    let range = DateRange { from: DAY_MS, to: 2 * DAY_MS };
    let list = store.sessions(Some(range), 50, 0);
    assert_eq!(list.total, 2);
    assert_eq!(ids(list), ["c", "b"]);
    assert_eq!(store.sessions(Some(DateRange { from: 1, to: 0 }), 50, 0).total, 0);
}

#[test]
fn a_repeated_event_is_stored_once() {
    let mut store = Store::default();
    let one = event("s", EventType::TOOL_USE, 1);
    assert_eq!(store.ingest(&[one.clone(), one.clone()], false), 1);
    assert_eq!(store.ingest(std::slice::from_ref(&one), false), 0);
    assert_eq!(store.overview(EVER).total_events, 1);
    assert_eq!(store.ingest(&[one], true), 1);
    assert_eq!(store.overview(EVER).total_events, 2);
}

#[test]
fn a_repetition_is_known_for_so_many_events_and_not_for_ever() {
    let mut store = Store::default();
    let others = |from: usize, count: usize| -> Vec<Event<'static>> {
        (from..from + count).map(|at| event("s", EventType::TOOL_USE, at as i64)).collect()
    };
    let first = event("s", EventType::SESSION_START, 0);
    store.ingest(std::slice::from_ref(&first), false);
    assert_eq!(store.ingest(&others(0, CAPACITY - 1), false), CAPACITY - 1, "none is taken for another");
    assert_eq!(store.ingest(std::slice::from_ref(&first), false), 0);
    store.ingest(&others(CAPACITY, 2 * CAPACITY), false);
    assert_eq!(store.ingest(&[first], false), 1);
}

#[test]
fn a_result_is_paired_by_its_correlation() {
    let mut store = Store::default();
    let call = |kind, at, id: &'static str, tool: Option<&'static str>, failed| Event {
        tool: tool.map(Cow::Borrowed),
        correlation_id: Some(Cow::Borrowed(id)),
        failed,
        ..event("s", kind, at)
    };
    store.ingest(
        &[
            call(EventType::TOOL_USE, 0, "1", Some("Bash"), false),
            call(EventType::TOOL_USE, 10, "2", Some("Bash"), false),
            call(EventType::TOOL_RESULT, 40, "2", None, true),
            call(EventType::TOOL_RESULT, 50, "1", None, false),
            call(EventType::TOOL_RESULT, 60, "9", Some("Bash"), false),
        ],
        false,
    );
    let list = store.tools(EVER, 10);
    assert_eq!(list.tools.len(), 1);
    assert_eq!(list.tools[0].avg_duration_ms, Some(40.0));
    assert!((list.tools[0].error_rate - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn memory_does_not_grow_with_events() {
    let mut store = Store::default();
    for at in 0..1_000 {
        let id = at.to_string();
        store.ingest(
            &[Event {
                tool: Some(Cow::Borrowed("Bash")),
                correlation_id: Some(Cow::Borrowed(&id)),
                ..event("s", EventType::TOOL_USE, at)
            }],
            false,
        );
    }
    assert_eq!(store.sessions.len(), 1);
    assert_eq!(store.sessions[0].tools.len(), 1);
    assert_eq!(store.sessions[0].open.len(), 128);
}

const KINDS: [EventType; 5] = [
    EventType::SESSION_START,
    EventType::SESSION_END,
    EventType::TOOL_USE,
    EventType::TOOL_RESULT,
    EventType(4),
];
const IDS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const TOOLS: [&str; 7] = ["Bash", "Read", "Edit", "Grep", "Glob", "Task", "Web"];

proptest! {
    #[test]
    fn totals_equal_a_naive_recount(
        rows in prop::collection::vec((0..IDS.len(), 0..KINDS.len(), 0..TOOLS.len(), 0_i64..40), 0..200),
        cuts in prop::collection::vec(0_usize..200, 0..4),
        bounds in (0_i64..40, 0_i64..40),
    ) {
        let events: Vec<Event<'_>> = rows
            .iter()
            .map(|&(id, kind, tool, at)| Event {
                tool: Some(Cow::Borrowed(TOOLS[tool])),
                ..event(IDS[id], KINDS[kind], at * DAY_MS / 4)
            })
            .collect();
        let mut store = Store::default();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(events.len())).collect();
        cuts.extend([0, events.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            store.ingest(&events[pair[0]..pair[1]], false);
        }

        let range = DateRange { from: bounds.0 * DAY_MS / 4, to: bounds.1 * DAY_MS / 4 };
        let mut seen = BTreeSet::new();
        let mut sessions: BTreeMap<&str, Vec<&Event<'_>>> = BTreeMap::new();
        for (row, event) in rows.iter().zip(&events) {
            if seen.insert((row.0, row.1, row.3)) {
                sessions.entry(IDS[row.0]).or_default().push(event);
            }
        }
        let started = |events: &[&Event<'_>]| {
            let starts = events.iter().filter(|event| event.kind == EventType::SESSION_START);
            starts.map(|event| event.at).min().or(events.iter().map(|event| event.at).min()).unwrap()
        };
        sessions.retain(|_, events| (range.from..=range.to).contains(&started(events)));
        let mut tools: BTreeMap<&str, u64> = BTreeMap::new();
        for event in sessions.values().flatten().filter(|event| event.kind == EventType::TOOL_USE) {
            *tools.entry(event.tool.as_deref().unwrap()).or_default() += 1;
        }
        let mut ranked: Vec<(&str, u64)> = tools.into_iter().collect();
        ranked.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
        let days: BTreeSet<i64> = sessions.values().map(|events| started(events).div_euclid(DAY_MS)).collect();

        let overview = store.overview(range);
        prop_assert_eq!(overview.total_sessions, sessions.len());
        prop_assert_eq!(overview.total_events, sessions.values().map(|events| events.len() as u64).sum::<u64>());
        prop_assert_eq!(overview.total_tool_invocations, ranked.iter().map(|(_, count)| count).sum::<u64>());
        prop_assert_eq!(overview.active_days, days.len());
        let top: Vec<(&str, u64)> = overview.top_tools.iter().map(|t| (t.name, t.invocation_count)).collect();
        prop_assert_eq!(&top[..], &ranked[..ranked.len().min(5)]);
        let listed: Vec<(&str, u64)> =
            store.tools(range, 50).tools.iter().map(|t| (t.name, t.invocation_count)).collect();
        prop_assert_eq!(listed, ranked);

        let list = store.sessions(Some(range), 50, 0);
        prop_assert_eq!(list.total, sessions.len());
        for row in &list.sessions {
            prop_assert_eq!(row.event_count, sessions[row.id].len() as u64);
            let ends = sessions[row.id].iter().filter(|event| event.kind == EventType::SESSION_END);
            let end = ends.map(|event| event.at).max();
            prop_assert_eq!(row.duration_ms, end.map(|end| (end - started(&sessions[row.id])).max(0)));
        }
    }
}

#[test]
fn a_session_names_so_many_tools_and_loses_no_invocation() {
    let mut store = Store::default();
    for number in 0..1_000 {
        let name = format!("tool {number}");
        store.ingest(
            &[Event { tool: Some(Cow::Borrowed(&name)), ..event("s", EventType::TOOL_USE, number) }],
            false,
        );
    }
    assert_eq!(store.sessions[0].tools.len(), 257);
    assert_eq!(store.overview(EVER).total_tool_invocations, 1_000);
    assert_eq!(store.tools(EVER, 1).tools[0].invocation_count, 744);
}

#[test]
fn sessions_take_so_many_bytes_whatever_their_ids() {
    let mut store = Store { bounds: Bounds { bytes: 1_000_000, ..Bounds::default() }, ..Store::default() };
    for number in 0..500 {
        let id = format!("{number}{}", "x".repeat(10_000));
        store.ingest(&[event(&id, EventType::SESSION_START, number)], false);
    }
    assert!(store.bytes <= 1_000_000 && (80..100).contains(&store.session_count()));
    let weights: usize = store.sessions.iter().map(Session::weight).sum();
    assert_eq!(store.bytes, weights);
}

proptest! {
    #[test]
    fn what_is_shown_is_true_of_the_sessions_that_are_kept(
        rows in prop::collection::vec((0..IDS.len(), 0..KINDS.len(), 0..TOOLS.len(), 0_i64..40), 0..200),
        size in 1_usize..9,
    ) {
        const KEPT: usize = 2;
        let mut store = Store { bounds: Bounds { sessions: KEPT, ..Bounds::default() }, ..Store::default() };
        let events: Vec<Event<'_>> = rows
            .iter()
            .map(|&(id, kind, tool, at)| Event {
                tool: Some(Cow::Borrowed(TOOLS[tool])),
                ..event(IDS[id], KINDS[kind], at * DAY_MS / 4)
            })
            .collect();
        for batch in events.chunks(size) {
            store.ingest(batch, false);
        }
        // The oracle keeps the events themselves, and forgets with each session that goes all of its events.
        let mut seen = BTreeSet::new();
        let mut kept: Vec<(usize, Vec<&Event<'_>>)> = Vec::new();
        for (row, event) in rows.iter().zip(&events) {
            if !seen.insert((row.0, row.1, row.3)) {
                continue;
            }
            match kept.iter_mut().find(|(id, _)| *id == row.0) {
                Some((_, known)) => known.push(event),
                None => kept.push((row.0, vec![event])),
            }
            if kept.len() > KEPT {
                kept.remove(0);
            }
        }
        let all = || kept.iter().flat_map(|(_, events)| events);
        let overview = store.overview(EVER);
        prop_assert_eq!(overview.total_sessions, kept.len());
        prop_assert_eq!(overview.total_events, all().count() as u64);
        let uses = all().filter(|event| event.kind == EventType::TOOL_USE);
        let mut tools: BTreeMap<&str, u64> = BTreeMap::new();
        uses.for_each(|event| *tools.entry(event.tool.as_deref().unwrap()).or_default() += 1);
        let listed: BTreeMap<&str, u64> =
            store.tools(EVER, 50).tools.iter().map(|tool| (tool.name, tool.invocation_count)).collect();
        prop_assert_eq!(listed, tools);
        let list = store.sessions(None, 50, 0);
        prop_assert_eq!(list.total, kept.len());
        let ids: BTreeSet<&str> = list.sessions.iter().map(|row| row.id).collect();
        prop_assert_eq!(ids, kept.iter().map(|(id, _)| IDS[*id]).collect::<BTreeSet<_>>());
        // Nothing is left of what went.
        prop_assert_eq!(store.by_id.len(), kept.len());
        prop_assert_eq!(store.by_start.len(), kept.len());
        prop_assert_eq!(store.bytes, store.sessions.iter().map(Session::weight).sum::<usize>());
    }
}

fn score(number: usize, value: f64) -> Score {
    Score { session_id: number.to_string(), metric: "quality".to_owned(), value }
}

#[test]
fn the_oldest_pair_makes_room_and_a_second_score_replaces_the_first() {
    let mut scores = Scores::default();
    for number in 0..10 {
        scores.take(score(number, 0.0), 4, usize::MAX);
        scores.take(score(number, 1.0), 4, usize::MAX);
    }
    let mut kept: Vec<_> = scores.values.iter().map(|(pair, value)| (pair.0.as_str(), *value)).collect();
    kept.sort_unstable_by(|a, b| a.0.cmp(b.0));
    assert_eq!(kept, [("6", 1.0), ("7", 1.0), ("8", 1.0), ("9", 1.0)]);
}

#[test]
fn they_take_so_many_bytes() {
    let mut scores = Scores::default();
    for number in 0..1_000 {
        let long = Score { session_id: format!("{number}{}", "x".repeat(1_000)), ..score(0, 0.0) };
        scores.take(long, usize::MAX, 100_000);
    }
    assert!(scores.bytes <= 100_000 && (80..100).contains(&scores.values.len()), "{scores:?}");
}
