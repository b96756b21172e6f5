//! Who waits for entries of a journal, and who follows one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::mock::control::{Follow, Wait, WaitView, data_reply};
use crate::mock::journal::{Entry, EntryView};
use crate::mock::message::Reply;

use super::Shared;
use super::activity::UnderWay;
use super::outgoing::{Outgoing, pieces};

/// How often a silent stream says that it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// Waits until enough entries match, the time is out, or the server stops.
pub(super) async fn wait(shared: &Shared, asked: Wait) -> Reply {
    let Wait { workspace, filter, mut from, count, timeout } = asked;
    let mut stopping = shared.stopping.clone();
    let end = Instant::now() + timeout;
    let mut matched: Vec<Arc<Entry>> = Vec::new();
    let complete = loop {
        let mut arrival = pin!(workspace.journal.arrival());
        // Enabled before looking: what arrives while looking is not missed.
        arrival.as_mut().enable();
        let found = workspace.journal.all(&filter, from);
        from = found.next;
        matched.extend(found.entries);
        if matched.len() >= count {
            break true;
        }
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep_until(end) => break false,
            _ = stopping.wait_for(|stopping| *stopping) => break false,
        }
    };
    let entries = matched.iter().map(|entry| EntryView::from(&**entry)).collect();
    data_reply(200, WaitView { complete, count: matched.len(), entries })
}

/// Entries as server-sent events, until the client goes away or the server stops.
pub(super) fn follow(stopping: watch::Receiver<bool>, asked: Follow, under_way: UnderWay) -> Outgoing {
    let state = (asked, stopping, true);
    let events = stream::unfold(state, |(mut asked, mut stopping, first)| async move {
        // A line at once: who reads it knows that from now on nothing is missed.
        let text = if first {
            Some(": here is the journal\n\n".to_owned())
        } else {
            next_events(&mut asked, &mut stopping).await
        };
        text.map(|text| (Ok(Bytes::from(text)), (asked, stopping, false)))
    });
    pieces(events, under_way)
}

/// The events that are next, however long it takes; nothing when the server stops.
async fn next_events(asked: &mut Follow, stopping: &mut watch::Receiver<bool>) -> Option<String> {
    loop {
        let mut arrival = pin!(asked.workspace.journal.arrival());
        arrival.as_mut().enable();
        let found = asked.workspace.journal.all(&asked.filter, asked.from);
        let mut text = String::new();
        if found.missed > 0 {
            event(&mut text, "missed", None, &Missed { missed: found.missed });
        }
        for entry in &found.entries {
            event(&mut text, "request", Some(entry.id), &EntryView::from(&**entry));
        }
        asked.from = found.next;
        if !text.is_empty() {
            return Some(text);
        }
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep(SILENCE) => return Some(": still here\n\n".to_owned()),
            _ = stopping.wait_for(|stopping| *stopping) => return None,
        }
    }
}

#[derive(Serialize)]
struct Missed {
    /// How many requests were pushed out of the journal before they were sent.
    missed: u64,
}

fn event<T: Serialize>(text: &mut String, kind: &str, id: Option<u64>, data: &T) {
    text.push_str(&format!("event: {kind}\n"));
    if let Some(id) = id {
        text.push_str(&format!("id: {id}\n"));
    }
    // Structs of numbers and strings always serialize, and JSON has no line breaks.
    let data = serde_json::to_string(data).unwrap_or_default();
    text.push_str(&format!("data: {data}\n\n"));
}
