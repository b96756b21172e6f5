//! The server as a whole: whether it is there, how much it did, what it can do.

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::message::Reply;

use super::answer::{Answer, data};
use super::openapi;
use super::operation::{Call, Gives, Operation, data_of, no_parameters};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "health",
        id: "health",
        about: "Says who answers.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<Health>),
        run: |_| {
            let version = env!("CARGO_PKG_VERSION");
            Ok(data(200, Health { status: "ok", name: "trenchcheck-mock", version }))
        },
    },
    Operation {
        method: "GET",
        path: "metrics",
        id: "metrics",
        about: "Counts for Prometheus.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Text("text/plain; version=0.0.4; charset=utf-8"),
        run: metrics,
    },
    Operation {
        method: "GET",
        path: "openapi.json",
        id: "openapi",
        about: "This description.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, |generator| generator.subschema_for::<serde_json::Value>()),
        run: |_| Ok(Answer::Reply(Reply::json(200, openapi::document().as_slice()))),
    },
];

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
    name: &'static str,
    version: &'static str,
}

fn metrics(call: &Call<'_>) -> Result<Answer, Reply> {
    let Gives::Text(kind) = OPERATIONS[1].gives else {
        return Ok(Answer::Reply(Reply::empty(204)));
    };
    let text = call.control.meters.exposition(&call.control.engine);
    let mut reply = Reply { status: 200, body: text.into_bytes().into(), ..Reply::default() };
    reply.push("content-type", kind);
    Ok(Answer::Reply(reply))
}
