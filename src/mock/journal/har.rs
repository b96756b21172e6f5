//! A journal as an HTTP archive (HAR 1.2), which browsers' developer tools and other programs open.

use serde_json::{Value, json};

use super::entry::EntryView;

/// The archive of some entries. Answers' headers are not kept by a journal and so not in it; keys are masked.
pub(crate) fn har(entries: &[EntryView]) -> Value {
    let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})
}

fn entry(entry: &EntryView) -> Value {
    let pair = |(name, value): (&str, &str)| json!({"name": name, "value": value});
    let header = |wanted: &str| {
        let named = entry.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map_or("", |(_, value)| value.as_str())
    };
    let query = entry.query.split('&').filter(|part| !part.is_empty());
    let query: Vec<Value> = query.map(|part| pair(part.split_once('=').unwrap_or((part, "")))).collect();
    let mark = if entry.query.is_empty() { "" } else { "?" };
    let took_ms = entry.duration_us as f64 / 1e3;
    let message = json!({"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1});
    let mut request = message.clone();
    request["method"] = entry.method.as_str().into();
    request["url"] = format!("http://{}{}{mark}{}", header("host"), entry.path, entry.query).into();
    request["headers"] =
        entry.headers.iter().map(|(name, value)| pair((name.as_str(), value.as_str()))).collect();
    request["queryString"] = query.into();
    request["bodySize"] = entry.body.bytes.into();
    if entry.body.bytes > 0 {
        request["postData"] = json!({"mimeType": header("content-type"), "text": entry.body.text});
    }
    let mut response = message;
    response["status"] = entry.status.into();
    response["statusText"] = "".into();
    response["headers"] = json!([]);
    response["redirectURL"] = "".into();
    response["bodySize"] = entry.answer.bytes.into();
    response["content"] = json!({
        "size": entry.answer.bytes, "mimeType": "application/json", "text": entry.answer.text,
    });
    json!({
        "startedDateTime": entry.at,
        "time": took_ms,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": took_ms, "receive": 0},
        "comment": entry.why.as_ref().map_or("", |why| why.message.as_str()),
    })
}
