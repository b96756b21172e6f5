//! What the control API answers: at once, when something has happened, or as long as something happens.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::errors::error;
use crate::mock::journal::{Filter, Found};
use crate::mock::message::Reply;
use crate::mock::workspace::Workspace;

/// An answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// At once.
    Reply(Reply),
    /// When enough entries of a journal match.
    Wait(Wait),
    /// Every entry of a journal that matches, as they come.
    Follow(Follow),
}

/// Somebody waits for entries of a journal.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) filter: Filter,
    /// The first id that counts.
    pub(crate) from: u64,
    /// How many have to match.
    pub(crate) count: usize,
    /// How long to wait for them.
    pub(crate) timeout: Duration,
}

/// Somebody follows a journal.
#[derive(Debug)]
pub(crate) struct Follow {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) filter: Filter,
    /// The first id that is sent.
    pub(crate) from: u64,
    /// How they are told.
    pub(crate) telling: Telling,
}

/// How entries are told to who follows a journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    /// What is said at once: who reads it knows that from now on nothing is missed.
    pub(crate) greeting: &'static str,
    /// Writes what was found as server-sent events; nothing if there is nothing to tell.
    pub(crate) write: fn(&mut String, &Workspace, &Found),
    /// The most entries that are told at once; only the newest, if there are more.
    pub(crate) most: usize,
    /// How long to wait before looking, so that many requests are told at once.
    pub(crate) pause: Duration,
}

/// Writes a server-sent event.
pub(crate) fn event<T: Serialize>(text: &mut String, kind: &str, id: Option<u64>, data: &T) {
    text.push_str(&format!("event: {kind}\n"));
    if let Some(id) = id {
        text.push_str(&format!("id: {id}\n"));
    }
    // Structs of numbers and strings always serialize, and JSON has no line breaks.
    let data = serde_json::to_string(data).unwrap_or_default();
    text.push_str(&format!("data: {data}\n\n"));
}

/// What every answer with a body is wrapped in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Data<T> {
    /// The answer.
    pub(crate) data: T,
}

/// An answer with data.
pub(super) fn data<T: Serialize>(status: u16, data: T) -> Answer {
    Answer::Reply(data_reply(status, data))
}

/// The same as a reply.
pub(crate) fn data_reply<T: Serialize>(status: u16, data: T) -> Reply {
    // The types here are structs of numbers and strings, which always serialize.
    Reply::json(status, serde_json::to_vec(&Data { data }).unwrap_or_default())
}

/// An answer without a body.
pub(super) fn done() -> Answer {
    Answer::Reply(Reply::empty(204))
}

pub(super) fn bad_request(message: &str) -> Reply {
    error(400, "BAD_REQUEST", message)
}

pub(super) fn nowhere(message: &str) -> Reply {
    error(404, "NOT_FOUND", message)
}
