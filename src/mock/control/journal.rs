//! The journal of a workspace: asked, waited for, counted, followed, cleared.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::mock::journal::{Arrivals, EntryView, Filter, Found, JournalEntry, PARAMETERS, har};
use crate::mock::reply::Reply;
use crate::mock::workspace::Workspace;

use super::operation::{
    Answer, Call, EventFormat, Follow, Gives, Operation, Parameter, Wait, bad_request, data_of, event,
    nowhere, number, text,
};

/// The most entries one answer holds.
const MOST: u64 = 10_000;

/// The longest wait, in milliseconds.
const LONGEST_MS: u64 = 60_000;

const ENTRIES: EventFormat = EventFormat {
    greeting: ": here is the journal\n\n",
    write: |text, _: &Workspace, found: &Found| {
        if found.missed > 0 {
            // How many requests were pushed out of the journal before they were sent.
            event(text, "missed", None, &json!({"missed": found.missed}));
        }
        for entry in &found.entries {
            event(text, "request", Some(entry.id), &EntryView::from(&**entry));
        }
    },
    most: usize::MAX,
    pause: Duration::ZERO,
};

pub(super) fn operations() -> [Operation; 9] {
    let filters: Vec<Parameter> = PARAMETERS
        .into_iter()
        .map(|(name, about)| text(name, about))
        .chain([number("after", "Only requests with a higher number than this.")])
        .collect();
    [
        Operation::new("GET", "workspaces/{workspace}/journal", "listJournal")
            .about("The newest requests that match, oldest of them first.")
            .with(&filters)
            .with(&[number("limit", "How many, at most 10000; 100 without it.")])
            .json(200, |call| {
                let workspace = call.workspace()?;
                let limit = call.number("limit", 100, 1..=MOST)?;
                let found = workspace.journal.newest(&filter(call)?, from(call)?, limit as usize);
                let entries = EntryView::all(&found.entries);
                Ok(EntriesView { entries, total: found.total, next: found.next })
            }),
        Operation::new("DELETE", "workspaces/{workspace}/journal", "clearJournal")
            .about("Forgets every request.")
            .nothing(|call| {
                call.workspace()?.journal.clear();
                Ok(())
            }),
        Operation::new("GET", "workspaces/{workspace}/journal/count", "countJournal")
            .about("How many requests match.")
            .with(&filters)
            .json(200, |call| {
                let found = call.workspace()?.journal.all(&filter(call)?, from(call)?);
                Ok(CountView { count: found.total, next: found.next })
            }),
        Operation::new("GET", "workspaces/{workspace}/journal/timeline", "getTimeline")
            .about("When the requests came that match, and how many of them were answered 429.")
            .with(&filters)
            .json(200, |call| {
                Ok(Arrivals::of(&call.workspace()?.journal.all(&filter(call)?, from(call)?).entries))
            }),
        Operation::new("GET", "workspaces/{workspace}/journal/har", "exportJournal")
            .about("The requests that match as an HTTP archive, HAR 1.2.")
            .with(&filters)
            .answers(Gives::Json(200, |generator| generator.subschema_for::<serde_json::Value>()), |call| {
                let found = call.workspace()?.journal.all(&filter(call)?, from(call)?);
                let archive = har(&EntryView::all(&found.entries));
                let mut reply = Reply::json(200, archive.to_string().into_bytes());
                reply.push("content-disposition", "attachment; filename=\"journal.har\"");
                Ok(Answer::Reply(reply))
            }),
        Operation::new("GET", "workspaces/{workspace}/journal/wait", "waitForJournal")
            .about(
                "Answers when so many requests match, those counted that are there already, or when the \
                 time is out.",
            )
            .with(&filters)
            .with(&[
                number("count", "How many, at most 10000; 1 without it."),
                number("timeout_ms", "How long to wait, at most 60000; 5000 without it."),
            ])
            .answers(Gives::Json(200, data_of::<WaitView>), |call| {
                Ok(Answer::Wait(Wait {
                    workspace: call.workspace()?,
                    filter: filter(call)?,
                    from: from(call)?,
                    count: call.number("count", 1, 0..=MOST)? as usize,
                    timeout: Duration::from_millis(call.number("timeout_ms", 5_000, 0..=LONGEST_MS)?),
                }))
            }),
        Operation::new("GET", "workspaces/{workspace}/journal/stream", "followJournal")
            .about(
                "Server-sent events: each `request` event is an entry. Begins with what comes from now \
                 on, or after `after` or the header `Last-Event-ID`.",
            )
            .with(&filters)
            .answers(Gives::Text("text/event-stream"), |call| {
                let workspace = call.workspace()?;
                let last = call.request.header_text("last-event-id").and_then(|id| id.parse::<u64>().ok());
                let from = match (last, call.request.parameter("after")) {
                    (Some(last), _) => last.saturating_add(1),
                    (None, Some(_)) => from(call)?,
                    (None, None) => workspace.journal.all(&Filter::default(), u64::MAX).next,
                };
                Ok(Answer::Follow(Follow { filter: filter(call)?, from, workspace, format: ENTRIES }))
            }),
        Operation::new("GET", "workspaces/{workspace}/journal/{number}", "getJournalEntry")
            .about("The request with this number, while the journal holds it.")
            .json(200, |call| Ok(EntryView::from(&*entry(call)?))),
        Operation::new("POST", "workspaces/{workspace}/journal/{number}/again", "sendAgain")
            .about("Sends the request with this number again, with another key of the workspace.")
            .takes::<AgainSpec>()
            .json(200, |call| {
                let (workspace, entry) = (call.workspace()?, entry(call)?);
                let AgainSpec { key } = call.body()?;
                let key = workspace.keys().into_iter().find(|known| *known.id == *key || *known.name == *key);
                let key = key.ok_or_else(|| nowhere("There is no such key."))?;
                if entry.kept.is_cut() {
                    return Err(bad_request("The journal holds only the beginning of its body."));
                }
                Ok(AgainView { status: call.gateway.again(&workspace, &entry.kept, key, call.now) })
            }),
    ]
}

fn entry(call: &Call<'_>) -> Result<Arc<JournalEntry>, Reply> {
    let number = call.step(3).parse().ok();
    let workspace = call.workspace()?;
    let entry = number.and_then(|number| workspace.journal.entry(number));
    entry.ok_or_else(|| nowhere("The journal holds no such request."))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AgainSpec {
    /// The id or name of the key.
    key: String,
}

#[derive(Serialize, JsonSchema)]
struct AgainView {
    /// The status of the answer; 0 if there was none.
    status: u16,
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

fn filter(call: &Call<'_>) -> Result<Filter, Reply> {
    Filter::of(call.request).map_err(bad_request)
}

fn from(call: &Call<'_>) -> Result<u64, Reply> {
    if call.request.parameter("after").is_none() {
        return Ok(0);
    }
    Ok(call.number("after", 0, 0..=u64::MAX - 1)?.saturating_add(1))
}
