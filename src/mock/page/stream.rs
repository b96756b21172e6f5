//! Rows of the list of requests, sent as requests come in.

use std::time::Duration;

use crate::mock::control::{Answer, Telling, event};
use crate::mock::journal::{EntryView, Filter, Found};
use crate::mock::workspace::Workspace;

use super::ask::{Problem, Visitor};
use super::show::filter_query;
use super::templates::text;

/// The most rows that are sent at once. A browser cannot show more before they are gone, and so a page that is left
/// open costs the same however many requests come.
const MOST: usize = 100;

/// How often rows are sent at most.
const PAUSE: Duration = Duration::from_millis(200);

const ROWS: Telling = Telling { greeting: ": rows follow\n\n", write: tell, most: MOST, pause: PAUSE };

/// To a page that is older than the mock: what it shows is of another one.
const ANEW: Telling = Telling { greeting: "event: anew\ndata: 1\n\n", ..ROWS };

/// Follows the journal.
pub(super) fn follow(visitor: &Visitor<'_>) -> Result<Answer, Problem> {
    let mut query = filter_query(visitor);
    let after = visitor.request.parameter("after");
    if let Some(after) = &after {
        query.push_str(&format!("&after={after}"));
    }
    let mut answer = visitor.follow(query.trim_start_matches('&'))?;
    if let Answer::Follow(asked) = &mut answer {
        if after.is_none() && visitor.request.header("last-event-id").is_none() {
            // There was nothing when the page was made, so whatever is there now is news to it.
            asked.from = 0;
        }
        let next = asked.workspace.journal.all(&Filter::default(), u64::MAX).next;
        asked.telling = ROWS;
        if asked.from > next {
            asked.from = 0;
            asked.telling = ANEW;
        }
    }
    Ok(answer)
}

fn tell(out: &mut String, workspace: &Workspace, found: &Found) {
    let Some(last) = found.entries.last() else {
        return;
    };
    let left_out = found.total - found.entries.len();
    let entries: Vec<EntryView> = found.entries.iter().map(|entry| EntryView::from(&**entry)).collect();
    let context =
        serde_json::json!({"entries": entries, "workspace": {"id": workspace.id}, "left_out": left_out});
    // A template that cannot be rendered has no rows; the page's tests render it.
    let rows = text("rows.html", &context).unwrap_or_default();
    event(out, "rows", Some(last.id), &rows);
}
