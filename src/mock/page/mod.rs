//! The page at `/_mock/`, which a plugin author keeps open all day: requests as they come and why they were answered
//! so, keys, windows, sessions, faults.
//!
//! It is the control API made visible: it asks what anybody may ask over HTTP, and has no other way to the engine.
//! Everything works by links and forms; the script adds what moves. Nothing comes from elsewhere, and nothing that a
//! client sent is ever more than text: templates escape it, and the content security policy runs no script but ours.
//!
//! What a form asks for becomes one call to the control API, which decides whether it makes sense.

mod client;
mod sections;
mod templates;

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::control::{Answer, CONTROL_PREFIX, Control, EventFormat, event};
use super::journal::{EntryView, Filter, Found};
use super::reply::Reply;
use super::request::Request;
use super::workspace::Workspace;
use client::{Client, Form, Problem, step};
use sections::{BELOW, Extra, Section, filter_query};
use templates::{render, text};

/// [`CONTROL_PREFIX`] without its slash, which people leave out.
const SHORT: &str = "/_mock";

/// Nothing from elsewhere, nothing inline, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    // Not `no-referrer`: with it browsers hide where our own forms come from.
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    // A key is on one answer and nowhere else, so no answer is kept.
    ("cache-control", "no-store"),
];

/// What the page is made of besides its templates.
const FILES: [(&str, &str, &str); 3] = [
    ("style.css", "text/css; charset=utf-8", include_str!("style.css")),
    ("script.js", "text/javascript; charset=utf-8", include_str!("script.js")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// Whether a path belongs to the page.
pub(crate) fn is_page(path: &str) -> bool {
    path == CONTROL_PREFIX || path == SHORT || path.starts_with(BELOW)
}

/// Answers a request for the page at the server's time `now`, in milliseconds.
pub(crate) fn handle(control: &Control, request: &Request<'_>, now: u64) -> Answer {
    let mut answer = match control.check_page(request) {
        Ok(()) => answer(control, request, now).unwrap_or_else(|problem| Answer::Reply(told(&problem))),
        Err(refusal) => Answer::Reply(refusal),
    };
    if let Answer::Reply(reply) = &mut answer {
        for (name, value) in HEADERS {
            reply.push(name, value);
        }
    }
    answer
}

fn answer(control: &Control, request: &Request<'_>, now: u64) -> Result<Answer, Problem> {
    if request.path == SHORT {
        return Ok(Answer::Reply(see(CONTROL_PREFIX.to_owned())));
    }
    let rest = request.path.strip_prefix(BELOW).unwrap_or(Section::Requests.name());
    if request.method == "POST" {
        return posted(control, request, now, rest).map(Answer::Reply);
    }
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(Problem::new(405, "The page is looked at, and takes forms."));
    }
    if let Some((_, kind, text)) = FILES.iter().find(|(name, ..)| *name == rest) {
        return Ok(Answer::Reply(Reply::of_type(200, kind, text.as_bytes())));
    }
    let client = Client::new(control, request, now, request.parameter("workspace").as_deref())?;
    if rest == "stream" {
        return follow(&client);
    }
    if rest == "journal.har" {
        return client.journal("har", &filter_query(&client));
    }
    if let Some(number) = rest.strip_prefix("requests/") {
        return sections::request(&client, number).map(Answer::Reply);
    }
    let section = Section::named(rest).ok_or_else(|| Problem::new(404, "There is no such page."))?;
    sections::section(&client, section, Extra::default()).map(Answer::Reply)
}

/// Does what a form asks for, and leads back to where it was; what goes wrong is said beside the form.
fn posted(control: &Control, request: &Request<'_>, now: u64, rest: &str) -> Result<Reply, Problem> {
    let section = Section::named(rest).ok_or_else(|| Problem::new(404, "No form leads here."))?;
    let form = Form::of(request)?;
    let client = Client::new(control, request, now, form.first("workspace"))?;
    match act(&client, section, &form) {
        Ok(Done::Back(section, said)) => Ok(see(section.link(&client.workspace, &[("said", said)]))),
        Ok(Done::Made(key)) => {
            sections::section(&client, section, Extra { made: Some(key), ..Extra::default() })
        }
        Err(problem) => {
            sections::section(&client, section, Extra { problem: Some(problem), made: None, form })
        }
    }
}

/// Leads elsewhere with a GET.
fn see(location: String) -> Reply {
    let mut reply = Reply::empty(303);
    reply.push("location", location);
    reply
}

fn told(problem: &Problem) -> Reply {
    let context = json!({"message": problem.message, "title": problem.status});
    render("problem.html", problem.status, &context)
}

/// The most rows that are sent at once. A browser cannot show more before they are gone, and so a page that is left
/// open costs the same however many requests come.
const MOST: usize = 100;

/// How often rows are sent at most.
const PAUSE: Duration = Duration::from_millis(200);

const ROWS: EventFormat =
    EventFormat { greeting: ": rows follow\n\n", write: tell, most: MOST, pause: PAUSE };

/// To a page that is older than the mock: what it shows is of another one.
const ANEW: EventFormat = EventFormat { greeting: "event: anew\ndata: 1\n\n", ..ROWS };

/// Follows the journal.
fn follow(client: &Client<'_>) -> Result<Answer, Problem> {
    let mut query = filter_query(client);
    let after = client.request.parameter("after");
    if let Some(after) = &after {
        query.push_str(&format!("&after={after}"));
    }
    let mut answer = client.journal("stream", &query)?;
    if let Answer::Follow(asked) = &mut answer {
        if after.is_none() && client.request.header("last-event-id").is_none() {
            // There was nothing when the page was made, so whatever is there now is news to it.
            asked.from = 0;
        }
        let next = asked.workspace.journal.all(&Filter::default(), u64::MAX).next;
        asked.format = ROWS;
        if asked.from > next {
            asked.from = 0;
            asked.format = ANEW;
        }
    }
    Ok(answer)
}

fn tell(out: &mut String, workspace: &Workspace, found: &Found) {
    let Some(last) = found.entries.last() else {
        return;
    };
    let left_out = found.total - found.entries.len();
    let entries = EntryView::all(&found.entries);
    let context = json!({"entries": entries, "workspace": {"id": workspace.id}, "left_out": left_out});
    // A template that cannot be rendered has no rows; the page's tests render it.
    let rows = text("rows.html", &context).unwrap_or_default();
    event(out, "rows", Some(last.id), &rows);
}

/// What became of a form.
enum Done {
    /// It is done; look at this section, where it says so.
    Back(Section, &'static str),
    /// A key was made, and is shown this once.
    Made(Value),
}

/// Does what a form of a section asks for.
fn act(client: &Client<'_>, section: Section, form: &Form) -> Result<Done, Problem> {
    let id = step(form.first("id").unwrap_or_default());
    let with_id = |path: &str| id.clone().map(|id| format!("{path}/{id}"));
    let at = |path: &str| path.to_owned();
    let (method, path, body, said) = match (section, form.first("do").unwrap_or_default()) {
        (Section::Keys, "create") => return client.tell("POST", "/keys", &key(form)).map(Done::Made),
        (Section::Keys, "revoke") => ("DELETE", with_id("/keys")?, Value::Null, "revoked"),
        (Section::Requests, "clear") => ("DELETE", at("/journal"), Value::Null, "cleared"),
        (Section::Requests, "again") => {
            let key = json!({"key": form.first("key")});
            ("POST", format!("/journal/{}/again", id?), key, "again")
        }
        (Section::Limits, "set") => ("PATCH", at("/settings"), settings(client, form)?, "set"),
        (Section::Limits, "advance") => {
            let ms = form.number("seconds")?.unwrap_or(60).saturating_mul(1_000);
            ("POST", at("/clock/advance"), json!({"ms": ms}), "clock")
        }
        (Section::Limits, "freeze") => ("POST", at("/clock/freeze"), Value::Null, "clock"),
        (Section::Limits, "unfreeze") => ("POST", at("/clock/unfreeze"), Value::Null, "clock"),
        (Section::Sessions, "reset") => ("POST", at("/reset"), Value::Null, "reset"),
        (Section::Faults, "add") => ("POST", at("/faults"), fault(form)?, "fault"),
        (Section::Faults, "remove") => ("DELETE", with_id("/faults")?, Value::Null, "mended"),
        (Section::Faults, "clear") => ("DELETE", at("/faults"), Value::Null, "mended"),
        (Section::Faults, "deviate") => ("PATCH", at("/settings"), deviations(client, form)?, "set"),
        _ => return Err(Problem::new(400, "No form of this page asks for that.")),
    };
    client.tell(method, &path, &body)?;
    Ok(Done::Back(form.first("back").and_then(Section::named).unwrap_or(section), said))
}

fn key(form: &Form) -> Value {
    let mut body = json!({"scopes": form.all("scope").collect::<Vec<_>>()});
    for name in ["name", "plan"] {
        if let Some(value) = form.first(name) {
            body[name] = value.into();
        }
    }
    body
}

fn settings(client: &Client<'_>, form: &Form) -> Result<Value, Problem> {
    let tiers = ["standard", "premium", "ingestion"].into_iter();
    let limits: Map<String, Value> =
        tiers.filter_map(|tier| Some((tier.to_owned(), form.first(tier)?.into()))).collect();
    let mut body = json!({"limits": limits});
    let now = client.get("", "")?;
    // To say what is so already would be a change from the reference to itself, and begin every window anew.
    if let Some(limiter) = form.first("limiter").filter(|limiter| now["settings"]["limiter"] != *limiter) {
        body["limiter"] = limiter.into();
    }
    Ok(body)
}

/// Deviations apply one after the other: those that stay keep their order.
fn deviations(client: &Client<'_>, form: &Form) -> Result<Value, Problem> {
    let chosen: Vec<&str> = form.all("deviation").collect();
    let now = client.get("", "")?;
    let before = now["settings"]["deviations"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let before: Vec<&str> = before.filter_map(Value::as_str).collect();
    let stay = before.iter().filter(|name| chosen.contains(name));
    let new = chosen.iter().filter(|name| !before.contains(name));
    Ok(json!({"deviations": stay.chain(new).collect::<Vec<_>>()}))
}

/// The fault the form describes: only the fields that belong to what was chosen are looked at.
fn fault(form: &Form) -> Result<Value, Problem> {
    let mut body = Map::new();
    let (what, numbers): (_, &[&str]) = match form.first("what").unwrap_or_default() {
        "latency" => (None, &["latency_ms", "spread_ms"]),
        "status" => (None, &["status", "retry_after"]),
        "reset" => (Some(("reset", form.first("reset").unwrap_or("before"))), &[]),
        "truncate" => (None, &["truncate"]),
        "slow" => (None, &["slow_body_ms"]),
        "deviate" => (None, &[]),
        _ => return Err(Problem::new(400, "Choose what goes wrong.")),
    };
    for name in numbers.iter().chain(&["first", "every", "in_flush"]) {
        if let Some(number) = form.number(name)? {
            body.insert((*name).to_owned(), number.into());
        }
    }
    if form.first("what") == Some("deviate") {
        body.insert("deviate".to_owned(), form.all("deviate").collect::<Vec<_>>().into());
    }
    if body.contains_key("spread_ms") {
        body.insert("distribution".to_owned(), "uniform".into());
    }
    if let Some(seconds) = form.number("seconds")? {
        body.insert("for_ms".to_owned(), seconds.saturating_mul(1_000).into());
    }
    if let Some(percent) = form.number("percent")? {
        body.insert("share".to_owned(), (percent as f64 / 100.0).into());
    }
    let texts = ["key", "path"].into_iter().filter_map(|name| Some((name, form.first(name)?)));
    body.extend(texts.chain(what).map(|(name, value)| (name.to_owned(), value.into())));
    Ok(body.into())
}

#[cfg(test)]
mod tests;
