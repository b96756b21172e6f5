//! Deployments that refuse whom they should, in the wrong words.

use std::time::Duration;

use wiremock::Request;

use super::{Row, header, to};
use crate::api::Reply;

const ELSEWHERE: &[&str] = &["auth.missing", "auth.unknown", "scope.body-read", "scope.body-write"];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new(
            "auth.body",
            "the 401 has another sentence",
            r#"error.message is "Unauthorized""#,
            |_, reply| reply.saying("Missing or invalid API key.", "Unauthorized"),
        )
        .spares(ELSEWHERE),
        Row::new(
            "auth.body",
            "the 401 of tools says more",
            "error.hint is not on the page",
            |request, reply| match reply.status {
                401 if to(request, "/tools") => reply.saying("\"}}", "\",\"hint\":\"see the docs\"}}"),
                _ => reply,
            },
        )
        .only_with("request=tools")
        .spares(ELSEWHERE),
        Row::new("auth.body", "the 401 lacks its code", "error.code is missing", |_, reply| {
            reply.saying("\"code\":\"UNAUTHORIZED\",", "")
        })
        .spares(ELSEWHERE),
        Row::new("auth.body", "the 401 is a page", "the body is not JSON", |_, reply| match reply.status {
            401 => Reply { body: "<h1>401 Authorization Required</h1>".to_owned(), ..reply },
            _ => reply,
        })
        .spares(ELSEWHERE),
        Row::new("auth.body", "the 401 for posting is empty", "the body is not JSON", |request, reply| {
            match reply.status {
                401 if to(request, "/events") => Reply { body: String::new(), ..reply },
                _ => reply,
            }
        })
        .only_with("request=post-events")
        .spares(ELSEWHERE),
        Row::new(
            "auth.body-uniform",
            "the 401 tells an unknown key from none",
            "the body is another one than",
            |request, reply| match header(request, "x-api-key") {
                Some(key) if key.len() == 40 => reply.saying("Missing or invalid", "Unknown"),
                _ => reply,
            },
        )
        .spares(&["auth.missing", "auth.unknown", "auth.empty"]),
        Row::new(
            "auth.body-uniform",
            "the 401 tells that a key is too short",
            "the body is another one than",
            |request, reply| match header(request, "x-api-key") {
                Some("ct_live_") => reply.saying("Missing or invalid API key.", "API key is too short."),
                _ => reply,
            },
        )
        .only_with("form=prefix-alone")
        .spares(&["auth.body", "auth.malformed", "auth.unknown"]),
        Row::new(
            "auth.challenge",
            "the 401 names no way in",
            "WWW-Authenticate is missing",
            |_, mut reply| {
                reply.headers.retain(|(name, _)| *name != "www-authenticate");
                reply
            },
        )
        .spares(&["auth.body", "auth.missing"]),
        Row::new(
            "auth.no-echo",
            "an unknown path is answered with the request's headers",
            "an answer holds the key it was asked with",
            |request, reply| match (reply.status, header(request, "x-api-key")) {
                (404, Some(key)) => {
                    let key = key.to_owned();
                    reply.with("x-debug-key", &key)
                }
                _ => reply,
            },
        )
        .spares(&["auth.missing", "auth.unknown"]),
        Row::new(
            "auth.no-echo",
            "the 401 quotes what it was given, without its prefix",
            "an answer holds the key it was asked with",
            |request, reply| match (reply.status, header(request, "authorization")) {
                (401, Some(given)) => {
                    let given = given.replace("Bearer ct_live_", "…");
                    reply.saying("Missing or invalid API key.", &format!("{given} is no API key."))
                }
                _ => reply,
            },
        )
        .spares(&["auth.missing", "auth.unknown"]),
        Row::new("auth.junk-safe", "quotes make it hang", "no answer", |request, reply| {
            match junk(request) {
                Some("quotes") => Reply { delay: Duration::from_secs(6), ..reply },
                _ => reply,
            }
        })
        .only_with("form=quotes")
        .spares(&["auth.unknown"]),
    ];
    for form in ["huge", "non-ascii", "quotes"] {
        let broken = move |request: &Request, reply: Reply| match junk(request) {
            Some(seen) if seen == form => Reply::json(500, "{}"),
            _ => reply,
        };
        let row = Row::new("auth.junk-safe", format!("{form} is 500"), "the status is 500", broken);
        rows.push(row.only_with(format!("form={form} ")).spares(&["auth.unknown", "auth.malformed"]));
    }
    rows
}

/// Which kind of junk stands in X-API-Key.
fn junk(request: &Request) -> Option<&'static str> {
    let value = request.headers.get("x-api-key")?.as_bytes();
    match value {
        _ if value.len() > 1_000 => Some("huge"),
        _ if !value.is_ascii() => Some("non-ascii"),
        _ if value.contains(&b'\'') => Some("quotes"),
        _ => None,
    }
}
