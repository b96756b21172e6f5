//! Deployments that take a key from elsewhere than X-API-Key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wiremock::Request;

use super::{Row, header, to};
use crate::api::{Reply, as_if_sent};

const OTHERS: &[&str] =
    &["auth.no-bearer", "auth.no-basic", "auth.no-query", "auth.no-cookie", "auth.no-body", "auth.unknown"];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new(
            "auth.no-bearer",
            "a key is taken as Bearer",
            "the status is 200, not 401",
            |request, reply| elsewhere(request, reply, bearer(request)),
        )
        .spares(&[
            "auth.no-query",
            "auth.no-basic",
            "auth.no-other-header",
            "auth.not-rescued",
            "auth.unknown",
        ]),
        Row::new(
            "auth.no-bearer",
            "a key is taken as Bearer for posting",
            "the status is 200, not 401",
            |request, reply| elsewhere_at("/events", request, reply, bearer(request)),
        )
        .only_with("request=post-events")
        .spares(&["auth.no-query", "auth.no-cookie"]),
        Row::new(
            "auth.only-header-for-scores",
            "a key is taken as Bearer for evaluation scores",
            "not 401",
            |request, reply| elsewhere_at("/scores", request, reply, bearer(request)),
        )
        .spares(&["auth.no-bearer", "auth.missing-for-scores"]),
        Row::new("auth.no-basic", "a key is taken as user name", "the status is 200", |request, reply| {
            let user = basic(request).and_then(|pair| Some(pair.split_once(':')?.0.to_owned()));
            elsewhere(request, reply, user.as_deref())
        })
        .spares(&["auth.no-bearer", "auth.no-query", "auth.no-other-header"]),
        Row::new(
            "auth.no-basic",
            "a key is taken as password for reading",
            "the status is 200",
            |request, reply| {
                let password = basic(request).and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
                elsewhere_at("/sessions", request, reply, password.as_deref())
            },
        )
        .only_with("request=list-sessions"),
        Row::new(
            "auth.no-other-header",
            "a key is taken as Authorization: ApiKey",
            "the status is 200",
            |request, reply| {
                let key = header(request, "authorization").and_then(|value| value.strip_prefix("ApiKey "));
                elsewhere(request, reply, key)
            },
        )
        .spares(&["auth.no-bearer", "auth.no-basic", "auth.no-query"]),
        Row::new(
            "auth.no-other-header",
            "a key is taken as Authorization: Token",
            "the status is 200",
            |request, reply| {
                let key = header(request, "authorization").and_then(|value| value.strip_prefix("Token "));
                elsewhere(request, reply, key)
            },
        )
        .spares(&["auth.no-bearer", "auth.no-basic", "auth.no-query"]),
        Row::new(
            "auth.not-rescued",
            "a Bearer key makes up for a bad one",
            "the status is 200",
            |request, reply| rescued(request, reply, bearer(request), |_| true),
        )
        .spares(&["auth.no-bearer", "auth.no-query", "auth.unknown", "auth.empty"]),
        Row::new(
            "auth.not-rescued",
            "a key in the query makes up for an empty header",
            "the status is 200",
            |request, reply| {
                let key = parameter(request, "api_key");
                rescued(request, reply, key.as_deref(), |bad| bad.trim().is_empty())
            },
        )
        .only_with("form=empty")
        .spares(&["auth.no-bearer", "auth.no-query", "auth.empty"]),
    ];
    for name in
        ["api_key", "apikey", "apiKey", "key", "token", "access_token", "x-api-key", "X-API-Key", "auth"]
    {
        let change =
            move |request: &Request, reply| elsewhere(request, reply, parameter(request, name).as_deref());
        let fault = format!("a key is taken as ?{name}=");
        let row = Row::new("auth.no-query", fault, "the status is 200", change);
        rows.push(row.only_with(format!("name={name} ")).spares(&["auth.no-bearer", "auth.no-cookie"]));
    }
    for name in ["api_key", "apikey", "key", "token", "session", "x-api-key", "X-API-Key"] {
        let change = move |request: &Request, reply| elsewhere(request, reply, cookie(request, name));
        let fault = format!("a key is taken from the cookie {name}");
        let row = Row::new("auth.no-cookie", fault, "the status is 200", change);
        rows.push(row.only_with(format!("name={name} ")).spares(&["auth.no-bearer", "auth.no-query"]));
    }
    for name in ["api_key", "apikey", "apiKey", "key", "token", "x-api-key"] {
        let change = move |request: &Request, reply| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
            elsewhere(request, reply, body[name].as_str())
        };
        let fault = format!("a key is taken from the body's member {name}");
        let row = Row::new("auth.no-body", fault, "the status is 200", change);
        rows.push(row.only_with(format!("name={name}")).spares(&["auth.no-query", "auth.missing"]));
    }
    for name in [
        "Api-Key",
        "ApiKey",
        "X-ApiKey",
        "X-Auth-Token",
        "X-Auth-Key",
        "X-Access-Token",
        "X-Token",
        "X-API-Token",
        "X-API-Secret",
        "X-Authorization",
        "Token",
        "Proxy-Authorization",
        "Authorization",
    ] {
        let change = move |request: &Request, reply| elsewhere(request, reply, header(request, name));
        let fault = format!("a key is taken from the header {name}");
        let row = Row::new("auth.no-other-header", fault, "the status is 200", change);
        rows.push(row.only_with(format!("name={name} ")).spares(OTHERS));
    }
    rows
}

/// Looks for the key in another place where X-API-Key is absent.
fn elsewhere(request: &Request, reply: Reply, key: Option<&str>) -> Reply {
    match key {
        Some(key) if header(request, "x-api-key").is_none() => as_if_sent(request, Some(key)),
        _ => reply,
    }
}

/// Does so at one endpoint only.
fn elsewhere_at(end: &str, request: &Request, reply: Reply, key: Option<&str>) -> Reply {
    if to(request, end) { elsewhere(request, reply, key) } else { reply }
}

/// Looks for the key in another place where X-API-Key is there, and `bad`.
fn rescued(request: &Request, reply: Reply, key: Option<&str>, bad: fn(&str) -> bool) -> Reply {
    match (key, header(request, "x-api-key")) {
        (Some(key), Some(given)) if reply.status == 401 && bad(given) => as_if_sent(request, Some(key)),
        _ => reply,
    }
}

fn bearer(request: &Request) -> Option<&str> {
    header(request, "authorization")?.strip_prefix("Bearer ")
}

fn basic(request: &Request) -> Option<String> {
    let encoded = header(request, "authorization")?.strip_prefix("Basic ")?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    header(request, "cookie")?.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
