//! The control API under `/_mock/`: workspaces, keys, clocks, limits, faults, the journal.
//!
//! Everything it can do is one [`Operation`] in one table; requests are dispatched by that table, and
//! `/_mock/openapi.json` is made from it.
//!
//! It may be used by whoever has the token, or without one by whoever sits at this machine. A page of somebody else's in the
//! browser of who sits there may not: DNS rebinding shows in `Host`, a request from another site in `Origin` and `Sec-Fetch-Site`.

mod journal;
mod keys;
mod operation;
mod workspaces;

use std::fmt;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::gateway::Gateway;
use super::reply::{Reply, error};
use super::request::Request;
use crate::nearest::{meant, nearest};
use operation::{Call, Gives, Operation, bad_request, nowhere};

pub(crate) use journal::WaitView;
pub use operation::CONTROL_PREFIX;
pub(crate) use operation::{Answer, EventFormat, Follow, Wait, event};

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    // The generated names in the description follow this order.
    let parts = server().into_iter().chain(workspaces::operations()).chain(keys::operations());
    parts.chain(workspaces::contents()).chain(journal::operations()).collect()
});

#[derive(Debug)]
pub(crate) struct Control {
    gateway: Arc<Gateway>,
    token: Option<ControlToken>,
}

impl Control {
    /// A control API; with a token, only for who sends it, else only for this machine.
    pub(crate) fn new(gateway: Arc<Gateway>, token: Option<ControlToken>) -> Self {
        Self { gateway, token }
    }

    /// Answers a request below [`CONTROL_PREFIX`] at the server's time `now`, in milliseconds.
    pub(crate) fn handle(&self, request: &Request<'_>, now: u64) -> Answer {
        let answer = self.check(request).and_then(|()| self.ask(request, now));
        answer.unwrap_or_else(Answer::Reply)
    }

    /// Answers a request that the page makes for who may use it, or that was let in.
    pub(crate) fn ask(&self, request: &Request<'_>, now: u64) -> Result<Answer, Reply> {
        let call = Call::new(&self.gateway, request, now);
        let method = if request.method == "HEAD" { "GET" } else { request.method };
        let here = || OPERATIONS.iter().filter(|operation| call.goes_to(operation.path));
        if let Some(operation) = here().find(|operation| operation.method == method) {
            let known: Vec<&str> = operation.parameters.iter().map(|parameter| parameter.name).collect();
            let names = request.query.split('&').filter(|pair| !pair.is_empty());
            for name in names.map(|pair| pair.split('=').next().unwrap_or_default()) {
                if !known.contains(&name) {
                    return Err(bad_request(unknown_parameter(name, &known)));
                }
            }
            return (operation.run)(&call);
        }
        let mut allow: Vec<&str> = here().map(|operation| operation.method).collect();
        if allow.is_empty() {
            return Err(nowhere("There is no such control endpoint."));
        }
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        let mut reply = error(405, "METHOD_NOT_ALLOWED", "The control endpoint does not take this method.");
        reply.push("allow", allow.join(", "));
        Err(reply)
    }

    fn check(&self, request: &Request<'_>) -> Result<(), Reply> {
        let Some(token) = &self.token else {
            return check_machine(request);
        };
        // Hashes are compared, so the time it takes tells nothing about the token.
        if bearer(request).and_then(ControlToken::new).as_ref() == Some(token) {
            return Ok(());
        }
        Err(error(401, "UNAUTHORIZED", "The control API needs its token as `Authorization: Bearer …`."))
    }

    /// Refuses who may not use the page. A browser is asked for the token, which it sends as a password: with whatever it
    /// sends from then on, so that a form has to show where it comes from.
    pub(crate) fn check_page(&self, request: &Request<'_>) -> Result<(), Reply> {
        match &self.token {
            None => check_machine(request)?,
            Some(token) => {
                let sent = bearer(request).map(str::to_owned).or_else(|| password(request));
                if sent.as_deref().and_then(ControlToken::new).as_ref() != Some(token) {
                    let message = "The page needs the control token, as a password with any name.";
                    let mut reply = error(401, "UNAUTHORIZED", message);
                    reply.push("www-authenticate", "Basic realm=\"trenchcheck mock\", charset=\"UTF-8\"");
                    return Err(reply);
                }
            }
        }
        let safe = matches!(request.method, "GET" | "HEAD");
        if safe || is_from_here(request) {
            return Ok(());
        }
        Err(forbidden("The page takes no forms from elsewhere; programs use the control API."))
    }
}

fn unknown_parameter(name: &str, known: &[&str]) -> String {
    let all = match known {
        [] => "this endpoint takes none.".to_owned(),
        known => format!("there are {}.", known.join(", ")),
    };
    format!("There is no parameter `{name}` here; {}{all}", meant(nearest(name, known.iter().copied())))
}

/// The server as a whole: whether it is there, how much it did, what it can do.
fn server() -> [Operation; 3] {
    let document = |_: &Call<'_>| {
        // Made once: the table does not change.
        static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| operation::document(&OPERATIONS));
        Ok(Answer::Reply(Reply::json(200, DOCUMENT.as_slice())))
    };
    [
        Operation::new("GET", "health", "health").about("Says who answers.").json(200, |_| {
            let version = env!("CARGO_PKG_VERSION");
            Ok(Health { status: "ok", name: "trenchcheck-mock", version })
        }),
        Operation::new("GET", "metrics", "metrics").about("Counts for Prometheus.").answers(
            Gives::Text(METRICS),
            |call| {
                let text = call.gateway.meters.exposition(&call.gateway.engine);
                Ok(Answer::Reply(Reply::of_type(200, METRICS, text.into_bytes())))
            },
        ),
        Operation::new("GET", "openapi.json", "openapi")
            .about("This description.")
            .answers(Gives::Json(200, |generator| generator.subschema_for::<serde_json::Value>()), document),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
    name: &'static str,
    version: &'static str,
}

/// A token for the control API, of which only a hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlToken([u8; 32]);

impl ControlToken {
    /// Takes the token in plaintext; an empty one is none.
    pub fn new(plaintext: &str) -> Option<Self> {
        (!plaintext.is_empty()).then(|| Self(Sha256::digest(plaintext).into()))
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ControlToken(…)")
    }
}

/// Whether the page itself sent this. Every browser says where a form comes from, in one of these headers.
fn is_from_here(request: &Request<'_>) -> bool {
    let origin = request.header_text("origin").map(|origin| {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some() && host == request.header_text("host")
    });
    let site = request.header_text("sec-fetch-site").map(|site| matches!(site, "same-origin" | "none"));
    origin.or(site) == Some(true) && site != Some(false)
}

fn bearer<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.header_text("authorization")?.strip_prefix("Bearer ")
}

fn password(request: &Request<'_>) -> Option<String> {
    let pair = STANDARD.decode(request.header_text("authorization")?.strip_prefix("Basic ")?).ok()?;
    String::from_utf8(pair).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

/// Refuses whoever does not sit at this machine, and other sites in the browser of who does.
fn check_machine(request: &Request<'_>) -> Result<(), Reply> {
    if !request.peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return Err(forbidden(
            "The control API answers this machine only; start the mock with --control-token-env for others.",
        ));
    }
    let host = request.header_text("host").filter(|host| is_local(host));
    let Some(host) = host else {
        return Err(forbidden("The control API is reached as localhost, 127.0.0.1 or [::1] only."));
    };
    match request.header_text("origin") {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            Err(forbidden("The control API takes no requests from other sites."))
        }
        _ => Ok(()),
    }
}

fn forbidden(message: &str) -> Reply {
    error(403, "FORBIDDEN", message)
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

#[cfg(test)]
mod tests;
