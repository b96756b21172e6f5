//! What the forms do. Each becomes one call to the control API, which decides whether it makes sense.

use serde_json::{Map, Value, json};

use super::client::{Client, Form, Problem, step};
use super::sections::Section;

/// What became of a form.
pub(super) enum Done {
    /// It is done; look at this section, where it says so.
    Back(Section, &'static str),
    /// A key was made, and is shown this once.
    Made(Value),
}

/// Does what a form of a section asks for.
pub(super) fn act(client: &Client<'_>, section: Section, form: &Form) -> Result<Done, Problem> {
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
