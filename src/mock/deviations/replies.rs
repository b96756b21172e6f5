//! Changes to a finished reply that several deviations make.

use chrono::DateTime;

use crate::mock::reply::Reply;
use crate::mock::request::RequestContext;

/// Replaces a part of the body.
pub(super) fn replace(reply: &mut Reply, from: &str, to: &str) {
    reply.body = reply.text().replace(from, to).into_bytes().into();
}

/// Adds the id of the request to an error.
pub(super) fn request_id(context: &RequestContext<'_>, reply: &mut Reply) {
    if reply.status >= 400
        && let Some(error) = reply.text().strip_suffix("}}")
    {
        let body = format!("{error},\"request_id\":\"req_{}\"}}}}", context.ordinal);
        reply.body = body.into_bytes().into();
    }
}

/// Takes the `error` around code and message away.
pub(super) fn flat(reply: &mut Reply) {
    replace(reply, "{\"error\":{", "{");
    replace(reply, "}}", "}");
}

/// Makes it plain text.
pub(super) fn plain(reply: &mut Reply, body: &'static str) {
    reply.body = body.as_bytes().into();
    reply.set("content-type", "text/plain");
}

/// Names the message of an error before its code.
pub(super) fn reorder(reply: &mut Reply) {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&reply.body) else {
        return;
    };
    let error = &body["error"];
    if error["details"].is_null() && error["code"].is_string() {
        let body = format!(r#"{{"error":{{"message":{},"code":{}}}}}"#, error["message"], error["code"]);
        reply.body = body.into_bytes().into();
    }
}

/// Indents JSON.
pub(super) fn indent(reply: &mut Reply) {
    let body = serde_json::from_slice::<serde_json::Value>(&reply.body);
    if let Ok(indented) = body.and_then(|body| serde_json::to_vec_pretty(&body)) {
        reply.body = indented.into();
    }
}

/// The seconds promised, if the reply promises some.
pub(super) fn seconds(reply: &Reply) -> Option<u64> {
    reply.header("retry-after")?.parse().ok()
}

/// Writes Retry-After anew, from the seconds it promised; nothing takes it away.
pub(super) fn retry_after(reply: &mut Reply, write: impl Fn(u64) -> Option<String>) {
    match seconds(reply).map(write) {
        Some(Some(value)) => reply.set("retry-after", value),
        Some(None) => reply.remove("retry-after"),
        None => {}
    }
}

/// An instant in the format of HTTP header fields.
pub(super) fn http_date(at: i64) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
