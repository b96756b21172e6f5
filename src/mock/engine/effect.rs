//! What a request that passed every step does.

use serde::Serialize;

use crate::mock::message::Reply;
use crate::mock::summary::Summary;
use crate::mock::sync::lock;
use crate::mock::workspace::Workspace;

use super::command::Command;

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Serialize)]
struct Accepted {
    accepted: usize,
    rejected: usize,
}

#[derive(Serialize)]
struct Inserted {
    inserted: usize,
}

/// Wraps the answer as the vendor does.
pub(super) fn data<T: Serialize>(status: u16, data: T) -> Reply {
    // The types here are structs of numbers and strings, which always serialize.
    Reply::json(status, serde_json::to_vec(&Data { data }).unwrap_or_default())
}

/// Does what was wished for; of a batch, the first `events`.
pub(super) fn effect(
    workspace: &Workspace,
    command: Command<'_>,
    events: u32,
    summary: &mut Summary,
) -> Reply {
    let mut store = lock(&workspace.store);
    match command {
        Command::Ingest(batch) => {
            let accepted = batch.events.len().min(events as usize);
            let new = store.ingest(&batch.events[..accepted]);
            drop(store);
            summary.accepted = u32::try_from(accepted).unwrap_or(u32::MAX);
            summary.repeated = u32::try_from(accepted - new).unwrap_or(u32::MAX);
            data(200, Accepted { accepted, rejected: batch.events.len() - accepted })
        }
        Command::Score(scores) => {
            let inserted = scores.len();
            store.score(scores);
            drop(store);
            summary.accepted = u32::try_from(inserted).unwrap_or(u32::MAX);
            data(201, Inserted { inserted })
        }
        Command::Sessions { range, limit, offset } => data(200, store.sessions(range, limit, offset)),
        Command::Overview { range } => data(200, store.overview(range)),
        Command::Tools { range, limit } => data(200, store.tools(range, limit)),
    }
}
