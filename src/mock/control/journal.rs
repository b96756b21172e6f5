//! The journal of a workspace: asked, waited for, counted, followed, cleared.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::journal::{EntryView, Filter, Found, PARAMETERS};
use crate::mock::message::Reply;
use crate::mock::workspace::Workspace;

use super::answer::{Answer, Follow, Telling, Wait, bad_request, data, done, event, nowhere};
use super::operation::{Call, Gives, Operation, Parameter, data_of, no_parameters};

/// The most entries one answer holds.
const MOST: u64 = 10_000;

/// The longest wait, in milliseconds.
const LONGEST_MS: u64 = 60_000;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/journal",
        id: "listJournal",
        about: "The newest requests that match, oldest of them first.",
        parameters: || {
            let mut parameters = filters();
            parameters.push(Parameter {
                name: "limit",
                about: "How many, at most 10000; 100 without it.",
                is_number: true,
            });
            parameters
        },
        body: None,
        gives: Gives::Json(200, data_of::<EntriesView>),
        run: |call| {
            let workspace = call.workspace()?;
            let limit = call.number("limit", 100, 1..=MOST)?;
            let found = workspace.journal.newest(&filter(call)?, from(call)?, limit as usize);
            Ok(data(
                200,
                EntriesView {
                    entries: found.entries.iter().map(|entry| EntryView::from(&**entry)).collect(),
                    total: found.total,
                    next: found.next,
                },
            ))
        },
    },
    Operation {
        method: "DELETE",
        path: "workspaces/{workspace}/journal",
        id: "clearJournal",
        about: "Forgets every request.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Nothing,
        run: |call| {
            call.workspace()?.journal.clear();
            Ok(done())
        },
    },
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/journal/count",
        id: "countJournal",
        about: "How many requests match.",
        parameters: filters,
        body: None,
        gives: Gives::Json(200, data_of::<CountView>),
        run: |call| {
            let found = call.workspace()?.journal.all(&filter(call)?, from(call)?);
            Ok(data(200, CountView { count: found.total, next: found.next }))
        },
    },
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/journal/wait",
        id: "waitForJournal",
        about: "Answers when so many requests match, those counted that are there already, or when the time is out.",
        parameters: || {
            let mut parameters = filters();
            parameters.extend([
                Parameter { name: "count", about: "How many, at most 10000; 1 without it.", is_number: true },
                Parameter {
                    name: "timeout_ms",
                    about: "How long to wait, at most 60000; 5000 without it.",
                    is_number: true,
                },
            ]);
            parameters
        },
        body: None,
        gives: Gives::Json(200, data_of::<WaitView>),
        run: |call| {
            Ok(Answer::Wait(Wait {
                workspace: call.workspace()?,
                filter: filter(call)?,
                from: from(call)?,
                count: call.number("count", 1, 0..=MOST)? as usize,
                timeout: Duration::from_millis(call.number("timeout_ms", 5_000, 0..=LONGEST_MS)?),
            }))
        },
    },
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/journal/stream",
        id: "followJournal",
        about: "Server-sent events: each `request` event is an entry. Begins with what comes from now on, or after \
                `after` or the header `Last-Event-ID`.",
        parameters: filters,
        body: None,
        gives: Gives::Text("text/event-stream"),
        run: |call| {
            let workspace = call.workspace()?;
            let last = call.request.header_text("last-event-id").and_then(|id| id.parse::<u64>().ok());
            let from = match (last, call.request.parameter("after")) {
                (Some(last), _) => last.saturating_add(1),
                (None, Some(_)) => from(call)?,
                (None, None) => workspace.journal.all(&Filter::default(), u64::MAX).next,
            };
            Ok(Answer::Follow(Follow { filter: filter(call)?, from, workspace, telling: TELLING }))
        },
    },
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/journal/{number}",
        id: "getJournalEntry",
        about: "The request with this number, while the journal holds it.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<EntryView>),
        run: |call| {
            let workspace = call.workspace()?;
            let entry = call.step(3).parse().ok().and_then(|number| workspace.journal.entry(number));
            let entry = entry.ok_or_else(|| nowhere("The journal holds no such request."))?;
            Ok(data(200, EntryView::from(&*entry)))
        },
    },
];

/// Every entry as it is listed.
const TELLING: Telling =
    Telling { greeting: ": here is the journal\n\n", write: tell, most: usize::MAX, pause: Duration::ZERO };

fn tell(text: &mut String, _: &Workspace, found: &Found) {
    if found.missed > 0 {
        event(text, "missed", None, &Missed { missed: found.missed });
    }
    for entry in &found.entries {
        event(text, "request", Some(entry.id), &EntryView::from(&**entry));
    }
}

#[derive(Serialize)]
struct Missed {
    /// How many requests were pushed out of the journal before they were sent.
    missed: u64,
}

#[derive(Serialize, JsonSchema)]
struct EntriesView {
    entries: Vec<EntryView>,
    /// How many match in all.
    total: usize,
    /// The number of the request to come; what comes later is asked for with `after` and one less.
    next: u64,
}

#[derive(Serialize, JsonSchema)]
struct CountView {
    count: usize,
    /// The number of the request to come.
    next: u64,
}

/// What became of waiting.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WaitView {
    /// Whether there were enough in time.
    pub(crate) complete: bool,
    /// How many match.
    pub(crate) count: usize,
    pub(crate) entries: Vec<EntryView>,
}

fn filters() -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> =
        PARAMETERS.into_iter().map(|(name, about)| Parameter { name, about, is_number: false }).collect();
    parameters.push(Parameter {
        name: "after",
        about: "Only requests with a higher number than this.",
        is_number: true,
    });
    parameters
}

fn filter(call: &Call<'_>) -> Result<Filter, Reply> {
    Filter::of(call.request).map_err(|wrong| bad_request(&wrong))
}

fn from(call: &Call<'_>) -> Result<u64, Reply> {
    if call.request.parameter("after").is_none() {
        return Ok(0);
    }
    Ok(call.number("after", 0, 0..=u64::MAX - 1)?.saturating_add(1))
}
