//! Who waits for entries of a journal, and who follows one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::mock::control::{Follow, Wait, WaitView};
use crate::mock::journal::{EntryView, JournalEntry};
use crate::mock::reply::Reply;

use super::bodies::{Outgoing, pieces};
use super::state::{ServerState, UnderWay};

/// How often a silent stream says that it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// Waits until enough entries match, the time is out, or the server stops.
pub(super) async fn wait(state: &ServerState, asked: Wait) -> Reply {
    let Wait { workspace, filter, mut from, count, timeout } = asked;
    let mut stopping = state.stopping.clone();
    let end = Instant::now() + timeout;
    let mut matched: Vec<Arc<JournalEntry>> = Vec::new();
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
    Reply::data(200, WaitView { complete, count: matched.len(), entries })
}

/// Entries as server-sent events, until the client goes away or the server stops.
pub(super) fn follow(stopping: watch::Receiver<bool>, asked: Follow, under_way: UnderWay) -> Outgoing {
    let state = (asked, stopping, true);
    let events = stream::unfold(state, |(mut asked, mut stopping, first)| async move {
        let text = if first {
            Some(asked.format.greeting.to_owned())
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
        if !asked.format.pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(asked.format.pause) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            }
        }
        let mut arrival = pin!(asked.workspace.journal.arrival());
        arrival.as_mut().enable();
        let found = asked.workspace.journal.newest(&asked.filter, asked.from, asked.format.most);
        let mut text = String::new();
        (asked.format.write)(&mut text, &asked.workspace, &found);
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
