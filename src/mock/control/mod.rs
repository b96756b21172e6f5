//! The control API under `/_mock/`: workspaces, keys, clocks, limits, faults, the journal.
//!
//! Everything it can do is one [`Operation`] in one table; requests are dispatched by that table, and
//! `/_mock/openapi.json` is made from it.

mod access;
mod faults;
mod journal;
mod keys;
mod openapi;
mod operation;
mod workspaces;

use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::Serialize;

use super::gateway::Gateway;
use super::reply::{Reply, error};
use super::request::Request;
use crate::nearest::{meant, nearest};

pub use access::ControlToken;
pub(crate) use journal::WaitView;
pub use operation::CONTROL_PREFIX;
pub(crate) use operation::{Answer, EventFormat, Follow, Wait, event};
use operation::{Call, Gives, Operation, bad_request, nowhere};

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let mut all = Vec::new();
    all.extend(server());
    all.extend(workspaces::operations());
    all.extend(keys::operations());
    all.extend(workspaces::clock_operations());
    all.extend(keys::limits_operations());
    all.extend(workspaces::session_operations());
    all.extend(faults::deviation_operations());
    all.extend(faults::operations());
    all.extend(journal::operations());
    all
});

/// The control API over a gateway and its engine.
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

    pub(crate) fn check_page(&self, request: &Request<'_>) -> Result<(), Reply> {
        access::check_page(request, self.token.as_ref())
    }

    /// Answers a request below [`CONTROL_PREFIX`] at the server's time `now`, in milliseconds.
    pub(crate) fn handle(&self, request: &Request<'_>, now: u64) -> Answer {
        let answer = access::check(request, self.token.as_ref()).and_then(|()| self.ask(request, now));
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
        static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| openapi::document(&OPERATIONS));
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

#[cfg(test)]
mod tests;
