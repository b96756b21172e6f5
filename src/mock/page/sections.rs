//! What the page is divided into, and what each section shows.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::mock::control::CONTROL_PREFIX;
use crate::mock::journal::{JournalOutcome, PARAMETERS};
use crate::mock::reply::Reply;
use crate::system::shell_word;
use crate::words::words;

use super::client::{Client, Form, Problem, step};
use super::templates::render;

/// What every path of the page but the first begins with.
pub(super) const BELOW: &str = "/_mock/page/";

/// How many requests the list holds; the script keeps to it as well.
const ROWS: usize = 200;

/// How many rows any other table shows at once.
const PAGE: u64 = 50;

/// How many keys can be chosen for a fault, and workspaces to look at.
const CHOICES: u64 = 100;

/// How many windows are shown beside the requests.
const WINDOWS: u64 = 12;

words! {
    /// A part of the page with an address of its own.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Section: name {
        Requests => "requests",
        Keys => "keys",
        Limits => "limits",
        Sessions => "sessions",
        Faults => "faults",
    }
}

impl Section {
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }

    /// Its name with a capital.
    pub(super) fn title(self) -> String {
        let (first, rest) = self.name().split_at(1);
        first.to_ascii_uppercase() + rest
    }

    /// Where it is, for a workspace.
    pub(super) fn link(self, workspace: &str, parameters: &[(&str, &str)]) -> String {
        let mut link = match self {
            Self::Requests => CONTROL_PREFIX.to_owned(),
            _ => format!("{BELOW}{}", self.name()),
        };
        link.push('?');
        link.push_str(&query(&[&[("workspace", workspace)], parameters].concat()));
        link
    }
}

/// A query string.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let pair =
        |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

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
pub(super) fn section(client: &Client<'_>, section: Section, extra: Extra) -> Result<Reply, Problem> {
    let part = client.request.parameter("part").is_some();
    let mut context = Map::new();
    context.insert("workspace".to_owned(), client.get("", "")?);
    context.extend(match section {
        Section::Requests if part => windows(client)?,
        Section::Requests => requests(client)?,
        Section::Keys => keys(client, &context["workspace"])?,
        Section::Limits => limits(client)?,
        Section::Sessions => sessions(client)?,
        Section::Faults => faults(client, &context["workspace"], part)?,
    });
    if part {
        return Ok(render(&format!("{}_part.html", section.name()), 200, &Value::Object(context)));
    }
    context.extend(frame(client, section)?);
    let status = extra.problem.as_ref().map_or(200, |problem| problem.status);
    context.insert("problem".to_owned(), extra.problem.map(|problem| problem.message).into());
    context.insert("made".to_owned(), extra.made.into());
    context.insert("form".to_owned(), extra.form.fields().into());
    context.insert("scopes_chosen".to_owned(), extra.form.all("scope").collect::<Vec<_>>().into());
    Ok(render(&format!("{}.html", section.name()), status, &Value::Object(context)))
}

/// One request, with its headers and bodies.
pub(super) fn request(client: &Client<'_>, number: &str) -> Result<Reply, Problem> {
    let entry = client.get(&format!("/journal/{}", step(number)?), "")?;
    let workspace = client.get("", "")?;
    let mut context = object(json!({
        "curl": curl(client, &entry),
        "e": entry,
        "keys": choices(client, &workspace)?,
        "workspace": workspace,
    }));
    if client.request.parameter("part").is_some() {
        return Ok(render("entry.html", 200, &Value::Object(context)));
    }
    context.extend(frame(client, Section::Requests)?);
    Ok(render("request.html", 200, &Value::Object(context)))
}

/// The keys that can be chosen, the newest of many.
fn choices(client: &Client<'_>, workspace: &Value) -> Result<Value, Problem> {
    let all = workspace["keys"].as_u64().unwrap_or(0);
    client.get("/keys", &format!("offset={}", all.saturating_sub(CHOICES)))
}

/// What sends a request again from a shell, with its key from a variable; nothing where its body is not kept whole.
fn curl(client: &Client<'_>, entry: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if entry["body"]["truncated"] == true {
        return None;
    }
    let mut command = "curl".to_owned();
    if entry["method"] != "GET" {
        command.push_str(&format!(" -X {}", shell_word(&text(&entry["method"]))));
    }
    if let Some(name) = entry["key"]["name"].as_str() {
        let variable = if name.starts_with("TRENCHCHECK_KEY_") { name } else { "TRENCHCHECK_KEY" };
        command.push_str(&format!(" -H \"X-API-Key: ${variable}\""));
    }
    let headers = entry["headers"].as_array().into_iter().flatten();
    if let Some(kind) = headers.clone().find(|pair| pair[0] == "content-type") {
        command.push_str(&format!(" -H {}", shell_word(&format!("Content-Type: {}", text(&kind[1])))));
    }
    if entry["body"]["bytes"] != 0 {
        command.push_str(&format!(" --data-binary {}", shell_word(&text(&entry["body"]["text"]))));
    }
    let (host, query) = (client.request.header_text("host").unwrap_or_default(), text(&entry["query"]));
    let mark = if query.is_empty() { "" } else { "?" };
    let url = format!("http://{host}{}{mark}{query}", text(&entry["path"]));
    Some(format!("{command} {}", shell_word(&url)))
}

/// What stands around every section.
fn frame(client: &Client<'_>, section: Section) -> Result<Map<String, Value>, Problem> {
    let here = |of: Section| json!({"title": of.title(), "link": of.link(&client.workspace, &[]), "on": of == section});
    let workspaces = client.get_of_all("workspaces", &format!("limit={CHOICES}"))?;
    let ids = workspaces.as_array().map_or(&[][..], Vec::as_slice).iter().map(|workspace| &workspace["id"]);
    Ok(object(json!({
        "section": section.name(),
        "title": section.title(),
        "sections": Section::ALL.map(here),
        "workspaces": ids.collect::<Vec<_>>(),
        "faults_on": client.get("/faults", "")?.as_array().map_or(0, Vec::len),
        "said": client.request.parameter("said").and_then(|code| said(&code)),
        "part": section.link(&client.workspace, &[("part", "1")]),
        "host": client.request.header_text("host"),
    })))
}

fn requests(client: &Client<'_>) -> Result<Map<String, Value>, Problem> {
    let chosen = filter_query(client);
    let journal = client.get("/journal", &format!("limit={ROWS}&{chosen}"))?;
    let mut context = windows(client)?;
    // The stream goes on where the list ends.
    let after = journal["next"].as_u64().unwrap_or(0).checked_sub(1);
    let filter: Map<String, Value> = PARAMETERS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), client.request.parameter(name).unwrap_or_default().into()))
        .collect();
    let at = |name| format!("{BELOW}{name}?{}&{chosen}", query(&[("workspace", client.workspace.as_str())]));
    context.extend(object(json!({
        "entries": journal["entries"],
        "total": journal["total"],
        "stream": at("stream"),
        "after": after,
        "rows": ROWS,
        "filter": filter,
        "filtered": !chosen.is_empty(),
        "outcomes": JournalOutcome::ALL.map(JournalOutcome::word),
        "export": at("journal.har"),
        "left_out": 0,
    })));
    Ok(context)
}

/// The windows in which something is used, and when requests came.
fn windows(client: &Client<'_>) -> Result<Map<String, Value>, Problem> {
    Ok(object(json!({
        "windows": client.get("/limits", &format!("used=true&limit={WINDOWS}"))?,
        "timeline": client.get("/journal/timeline", &filter_query(client))?,
    })))
}

/// The newest keys come first.
fn keys(client: &Client<'_>, workspace: &Value) -> Result<Map<String, Value>, Problem> {
    let all = workspace["keys"].as_u64().unwrap_or(0);
    let end = all.saturating_sub(offset(client));
    let start = end.saturating_sub(PAGE);
    let keys = match end - start {
        0 => json!([]),
        some => client.get("/keys", &format!("offset={start}&limit={some}"))?,
    };
    Ok(paged(client, Section::Keys, "keys", keys, all))
}

fn limits(client: &Client<'_>) -> Result<Map<String, Value>, Problem> {
    let offset = offset(client);
    // One more than is shown tells whether there is another page.
    let limits = client.get("/limits", &format!("offset={offset}&limit={}", PAGE + 1))?;
    let found = limits.as_array().map_or(0, Vec::len) as u64;
    let limits = limits.as_array().map(|limits| limits.iter().take(PAGE as usize).cloned().collect());
    Ok(paged(client, Section::Limits, "windows", limits.unwrap_or_default(), offset + found))
}

fn sessions(client: &Client<'_>) -> Result<Map<String, Value>, Problem> {
    let sessions = client.get("/sessions", &format!("offset={}&limit={PAGE}", offset(client)))?;
    let all = sessions["total"].as_u64().unwrap_or(0);
    Ok(paged(client, Section::Sessions, "sessions", sessions["sessions"].clone(), all))
}

fn faults(client: &Client<'_>, workspace: &Value, part: bool) -> Result<Map<String, Value>, Problem> {
    let mut context = object(json!({"faults": client.get("/faults", "")?}));
    if !part {
        context.insert("keys".to_owned(), choices(client, workspace)?);
        context.insert("groups".to_owned(), groups(client, &workspace["settings"]["deviations"])?);
    }
    Ok(context)
}

/// The deviations by group, each with whether it is on.
fn groups(client: &Client<'_>, on: &Value) -> Result<Value, Problem> {
    let mut groups: Vec<Value> = Vec::new();
    let on = on.as_array().map_or(&[][..], Vec::as_slice);
    for entry in client.get_of_all("deviations", "")?.as_array_mut().into_iter().flatten() {
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
fn paged(client: &Client<'_>, section: Section, name: &str, rows: Value, all: u64) -> Map<String, Value> {
    let offset = offset(client);
    let link = |offset: u64| section.link(&client.workspace, &[("offset", &offset.to_string())]);
    object(json!({
        name: rows,
        "all": all,
        "newer": (offset > 0).then(|| link(offset.saturating_sub(PAGE))),
        "older": (offset + PAGE < all).then(|| link(offset + PAGE)),
    }))
}

fn offset(client: &Client<'_>) -> u64 {
    let offset = client.request.parameter("offset").and_then(|text| text.parse::<u32>().ok());
    offset.unwrap_or(0).into()
}

/// The conditions that were chosen for requests. What is empty is no condition.
pub(super) fn filter_query(client: &Client<'_>) -> String {
    let chosen = PARAMETERS.iter().filter_map(|(name, _)| {
        let value = client.request.parameter(name).filter(|value| !value.trim().is_empty())?;
        Some(query(&[(name, value.trim())]))
    });
    chosen.collect::<Vec<_>>().join("&")
}

/// What was done, by the word the address says it with: an address must not put words into our mouth.
fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "revoked" => "The key is revoked: from now on it gets 401.",
        "again" => "It was sent again; its answer is the newest of the requests.",
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
