//! Whatever is posted, the totals that are shown equal a naive recount of the accepted events.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::payloads::shown;
use super::{BOTH, ask, engine};

const KINDS: [&str; 5] = ["session_start", "session_end", "tool_use", "tool_result", "error"];
const SESSIONS: [&str; 3] = [
    "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11",
    "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c12",
    "0B8F9A52-6C1D-4E0E-9D0A-3F1F6F0B7C11",
];
const TOOLS: [&str; 3] = ["Bash", "Read", "Ed\"it"];
/// 15 March 2026, in seconds.
const BASE: i64 = 1_773_532_800;

#[derive(Debug, Clone)]
struct Sent {
    session: usize,
    kind: usize,
    second: i64,
    tool: usize,
    correlation: Option<u8>,
    failed: bool,
    wire: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let what = (0..SESSIONS.len(), 0..KINDS.len(), 0_i64..90, 0..TOOLS.len());
    let how = (prop::option::of(0_u8..4), any::<bool>(), any::<bool>());
    (what, how).prop_map(|((session, kind, second, tool), (correlation, failed, wire))| Sent {
        session,
        kind,
        second,
        tool,
        correlation,
        failed,
        wire,
    })
}

impl Sent {
    fn at_ms(&self) -> i64 {
        // An hour apart, so that several days are met.
        (BASE + self.second * 3_600) * 1_000
    }

    fn written(&self) -> Value {
        let time = crate::mock::ingest::format_timestamp(self.at_ms());
        let mut data = json!({"tool_name": TOOLS[self.tool], "is_error": self.failed});
        if let Some(correlation) = self.correlation {
            data["correlation_id"] = json!(correlation.to_string());
        }
        let (kind, at) = if self.wire { ("event", "ts") } else { ("event_type", "timestamp") };
        json!({kind: KINDS[self.kind], "session_id": SESSIONS[self.session], at: time, "data": data})
    }
}

/// What one tool comes to.
#[derive(Debug, Default)]
struct Tool {
    uses: u64,
    results: u64,
    errors: u64,
    durations: Vec<i64>,
}

/// Goes through the events one by one, as a person with pencil and paper would.
fn tools<'a>(events: impl Iterator<Item = &'a Sent>) -> BTreeMap<&'static str, Tool> {
    let mut tools: BTreeMap<&str, Tool> = BTreeMap::new();
    let mut open: Vec<&Sent> = Vec::new();
    for event in events {
        match KINDS[event.kind] {
            "tool_use" => {
                tools.entry(TOOLS[event.tool]).or_default().uses += 1;
                open.extend(event.correlation.map(|_| event));
            }
            "tool_result" => {
                let same = |call: &&Sent| {
                    call.session == event.session
                        && event.correlation.is_some()
                        && call.correlation == event.correlation
                };
                let call = open.iter().position(same).map(|place| open.remove(place));
                let tool = tools.entry(TOOLS[call.unwrap_or(event).tool]).or_default();
                tool.results += 1;
                tool.errors += u64::from(event.failed);
                let took = call.map(|call| event.at_ms() - call.at_ms()).filter(|took| *took >= 0);
                tool.durations.extend(took);
            }
            _ => {}
        }
    }
    tools.retain(|_, tool| tool.uses > 0);
    tools
}

proptest! {
    #[test]
    fn totals_equal_a_naive_recount(posted in prop::collection::vec(sent(), 1..100), size in 1_usize..40) {
        let engine = engine();
        for batch in posted.chunks(size) {
            let body = json!({"events": batch.iter().map(Sent::written).collect::<Vec<_>>()}).to_string();
            let reply = ask(&engine, 0, "POST", "/api/v1/events", BOTH, &body);
            let accepted: Value = serde_json::from_slice(&reply.body).unwrap();
            prop_assert_eq!(accepted, json!({"data": {"accepted": batch.len(), "rejected": 0}}));
        }
        let mut seen = HashSet::new();
        let events: Vec<&Sent> =
            posted.iter().filter(|sent| seen.insert((sent.session, sent.kind, sent.second))).collect();

        let list = shown(&engine, "/api/v1/sessions");
        let rows = list["sessions"].as_array().unwrap();
        let (mut days, mut ids) = (BTreeSet::new(), HashSet::new());
        for row in rows {
            let id = row["id"].as_str().unwrap();
            prop_assert!(ids.insert(id.to_owned()));
            let of = || events.iter().filter(|event| SESSIONS[event.session] == id);
            let times = |kind: &'static str| of().filter(move |event| KINDS[event.kind] == kind).map(|event| event.at_ms());
            let started = times("session_start").min().or(of().map(|event| event.at_ms()).min()).unwrap();
            let ended = times("session_end").max();
            days.insert(started / 86_400_000);
            let written = crate::mock::ingest::format_timestamp;
            prop_assert_eq!(row, &json!({
                "id": id,
                "started_at": written(started),
                "ended_at": ended.map(written),
                "duration_ms": ended.map(|ended| (ended - started).max(0)),
                "event_count": of().count(),
                "tool_invocations": times("tool_use").count(),
            }));
        }
        let sessions: HashSet<usize> = events.iter().map(|event| event.session).collect();
        prop_assert_eq!((rows.len(), &list["total"]), (sessions.len(), &json!(sessions.len())));

        let tools = tools(events.iter().copied());
        let mut ranked: Vec<(&str, &Tool)> = tools.iter().map(|(name, tool)| (*name, tool)).collect();
        ranked.sort_by_key(|(name, tool)| (std::cmp::Reverse(tool.uses), *name));
        let top: Vec<Value> =
            ranked.iter().map(|(name, tool)| json!({"name": name, "invocation_count": tool.uses})).collect();
        prop_assert_eq!(shown(&engine, "/api/v1/analytics/overview"), json!({
            "total_sessions": sessions.len(),
            "total_events": events.len(),
            "total_tool_invocations": tools.values().map(|tool| tool.uses).sum::<u64>(),
            "active_days": days.len(),
            "top_tools": top,
        }));
        let listed = shown(&engine, "/api/v1/analytics/tools");
        let listed = listed["tools"].as_array().unwrap();
        prop_assert_eq!(listed.len(), ranked.len());
        for (row, (name, tool)) in listed.iter().zip(ranked) {
            prop_assert_eq!((&row["name"], &row["invocation_count"]), (&json!(name), &json!(tool.uses)));
            let mean = (!tool.durations.is_empty())
                .then(|| tool.durations.iter().sum::<i64>() as f64 / tool.durations.len() as f64);
            prop_assert_eq!(row["avg_duration_ms"].as_f64(), mean);
            let rate = if tool.results > 0 { tool.errors as f64 / tool.results as f64 } else { 0.0 };
            prop_assert_eq!(row["error_rate"].as_f64(), Some(rate));
        }
    }
}
