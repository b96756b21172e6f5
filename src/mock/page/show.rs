//! What each section shows.

use serde_json::{Map, Value, json};

use crate::mock::journal::PARAMETERS;
use crate::mock::message::Reply;

use super::ask::{Problem, Visitor, step};
use super::form::Form;
use super::section::{Section, query};
use super::templates::render;

/// How many requests the list holds; the script keeps to it as well.
const ROWS: usize = 200;

/// How many rows any other table shows at once.
const PAGE: u64 = 50;

/// How many keys can be chosen for a fault, and workspaces to look at.
const CHOICES: u64 = 100;

/// How many windows are shown beside the requests.
const WINDOWS: u64 = 12;

/// What is shown besides the section itself.
#[derive(Default)]
pub(super) struct Extra {
    /// What went wrong with a form.
    pub(super) problem: Option<Problem>,
    /// A key that was made just now, with its plaintext.
    pub(super) made: Option<Value>,
    /// The form, to be filled in again.
    pub(super) form: Form,
}

/// A section, or with the parameter `part` what moves of it.
pub(super) fn section(visitor: &Visitor<'_>, section: Section, extra: Extra) -> Result<Reply, Problem> {
    let part = visitor.request.parameter("part").is_some();
    let mut context = Map::new();
    context.insert("workspace".to_owned(), visitor.get("", "")?);
    context.extend(match section {
        Section::Requests if part => windows(visitor)?,
        Section::Requests => requests(visitor)?,
        Section::Keys => keys(visitor, &context["workspace"])?,
        Section::Limits => limits(visitor)?,
        Section::Sessions => sessions(visitor)?,
        Section::Faults => faults(visitor, &context["workspace"], part)?,
    });
    if part {
        return Ok(render(section.template_of(true), 200, &Value::Object(context)));
    }
    context.extend(frame(visitor, section)?);
    let status = extra.problem.as_ref().map_or(200, |problem| problem.status);
    context.insert("problem".to_owned(), extra.problem.map(|problem| problem.message).into());
    context.insert("made".to_owned(), extra.made.into());
    context.insert("form".to_owned(), extra.form.fields().into());
    context.insert("scopes_chosen".to_owned(), extra.form.all("scope").collect::<Vec<_>>().into());
    Ok(render(section.template_of(false), status, &Value::Object(context)))
}

/// One request, with its headers and bodies.
pub(super) fn request(visitor: &Visitor<'_>, number: &str) -> Result<Reply, Problem> {
    let mut context = object(json!({"e": visitor.get(&format!("/journal/{}", step(number)?), "")?}));
    if visitor.request.parameter("part").is_some() {
        return Ok(render("entry.html", 200, &Value::Object(context)));
    }
    context.extend(frame(visitor, Section::Requests)?);
    context.insert("workspace".to_owned(), visitor.get("", "")?);
    Ok(render("request.html", 200, &Value::Object(context)))
}

/// What stands around every section.
fn frame(visitor: &Visitor<'_>, section: Section) -> Result<Map<String, Value>, Problem> {
    let here = |of: Section| json!({"title": of.title(), "link": of.link(&visitor.workspace, &[]), "on": of == section});
    let workspaces = visitor.get_of_all("workspaces", &format!("limit={CHOICES}"))?;
    let ids = workspaces.as_array().map_or(&[][..], Vec::as_slice).iter().map(|workspace| &workspace["id"]);
    Ok(object(json!({
        "section": section.name(),
        "title": section.title(),
        "sections": Section::ALL.map(here),
        "workspaces": ids.collect::<Vec<_>>(),
        "faults_on": visitor.get("/faults", "")?.as_array().map_or(0, Vec::len),
        "said": visitor.request.parameter("said").and_then(|code| said(&code)),
        "part": section.link(&visitor.workspace, &[("part", "1")]),
        "host": visitor.request.header_text("host"),
    })))
}

fn requests(visitor: &Visitor<'_>) -> Result<Map<String, Value>, Problem> {
    let chosen = filter_query(visitor);
    let journal = visitor.get("/journal", &format!("limit={ROWS}{chosen}"))?;
    let mut context = windows(visitor)?;
    // The stream goes on where the list ends.
    let after = journal["next"].as_u64().unwrap_or(0).checked_sub(1);
    let filter: Map<String, Value> = PARAMETERS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), visitor.request.parameter(name).unwrap_or_default().into()))
        .collect();
    context.extend(object(json!({
        "entries": journal["entries"],
        "total": journal["total"],
        "stream": format!("{}stream?{}{chosen}", super::BELOW, query(&[("workspace", visitor.workspace.as_str())])),
        "after": after,
        "rows": ROWS,
        "filter": filter,
        "left_out": 0,
    })));
    Ok(context)
}

/// The windows in which something is used.
fn windows(visitor: &Visitor<'_>) -> Result<Map<String, Value>, Problem> {
    Ok(object(json!({"windows": visitor.get("/limits", &format!("used=true&limit={WINDOWS}"))?})))
}

/// The newest keys come first.
fn keys(visitor: &Visitor<'_>, workspace: &Value) -> Result<Map<String, Value>, Problem> {
    let all = workspace["keys"].as_u64().unwrap_or(0);
    let end = all.saturating_sub(offset(visitor));
    let start = end.saturating_sub(PAGE);
    let keys = match end - start {
        0 => json!([]),
        some => visitor.get("/keys", &format!("offset={start}&limit={some}"))?,
    };
    Ok(paged(visitor, Section::Keys, "keys", keys, all))
}

fn limits(visitor: &Visitor<'_>) -> Result<Map<String, Value>, Problem> {
    let offset = offset(visitor);
    // One more than is shown tells whether there is another page.
    let limits = visitor.get("/limits", &format!("offset={offset}&limit={}", PAGE + 1))?;
    let found = limits.as_array().map_or(0, Vec::len) as u64;
    let limits = limits.as_array().map(|limits| limits.iter().take(PAGE as usize).cloned().collect());
    Ok(paged(visitor, Section::Limits, "windows", limits.unwrap_or_default(), offset + found))
}

fn sessions(visitor: &Visitor<'_>) -> Result<Map<String, Value>, Problem> {
    let sessions = visitor.get("/sessions", &format!("offset={}&limit={PAGE}", offset(visitor)))?;
    let all = sessions["total"].as_u64().unwrap_or(0);
    Ok(paged(visitor, Section::Sessions, "sessions", sessions["sessions"].clone(), all))
}

fn faults(visitor: &Visitor<'_>, workspace: &Value, part: bool) -> Result<Map<String, Value>, Problem> {
    let mut context = object(json!({"faults": visitor.get("/faults", "")?}));
    if !part {
        let all = workspace["keys"].as_u64().unwrap_or(0);
        let start = all.saturating_sub(CHOICES);
        context.insert("keys".to_owned(), visitor.get("/keys", &format!("offset={start}"))?);
        context.insert("groups".to_owned(), groups(visitor, &workspace["settings"]["deviations"])?);
    }
    Ok(context)
}

/// The deviations by group, each with whether it is on.
fn groups(visitor: &Visitor<'_>, on: &Value) -> Result<Value, Problem> {
    let mut groups: Vec<Value> = Vec::new();
    let on = on.as_array().map_or(&[][..], Vec::as_slice);
    for entry in visitor.get_of_all("deviations", "")?.as_array_mut().into_iter().flatten() {
        let is_on = on.contains(&entry["name"]);
        entry["on"] = is_on.into();
        if groups.last().is_none_or(|last| last["name"] != entry["group"]) {
            groups.push(json!({"name": entry["group"], "on": 0, "entries": []}));
        }
        if let Some(group) = groups.last_mut() {
            group["on"] = (group["on"].as_u64().unwrap_or(0) + u64::from(is_on)).into();
            if let Some(entries) = group["entries"].as_array_mut() {
                entries.push(entry.take());
            }
        }
    }
    Ok(groups.into())
}

/// A table with links to what comes before and after it.
fn paged(visitor: &Visitor<'_>, section: Section, name: &str, rows: Value, all: u64) -> Map<String, Value> {
    let offset = offset(visitor);
    let link = |offset: u64| section.link(&visitor.workspace, &[("offset", &offset.to_string())]);
    object(json!({
        name: rows,
        "all": all,
        "newer": (offset > 0).then(|| link(offset.saturating_sub(PAGE))),
        "older": (offset + PAGE < all).then(|| link(offset + PAGE)),
    }))
}

fn offset(visitor: &Visitor<'_>) -> u64 {
    let offset = visitor.request.parameter("offset").and_then(|text| text.parse::<u32>().ok());
    offset.unwrap_or(0).into()
}

/// The conditions that were chosen for requests, each behind an `&`. What is empty is no condition.
pub(super) fn filter_query(visitor: &Visitor<'_>) -> String {
    let chosen = PARAMETERS.iter().filter_map(|(name, _)| {
        let value = visitor.request.parameter(name).filter(|value| !value.trim().is_empty())?;
        Some(format!("&{}", query(&[(name, value.trim())])))
    });
    chosen.collect()
}

/// What was done, by the word the address says it with: an address must not put words into our mouth.
fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "revoked" => "The key is revoked: from now on it gets 401.",
        "cleared" => "The journal is empty.",
        "reset" => "Sessions, scores, windows and requests are forgotten.",
        "set" => "It is set.",
        "clock" => "The clock is set.",
        "fault" => "The fault is switched on.",
        "mended" => "It is switched off.",
        _ => return None,
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
