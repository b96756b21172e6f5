//! Faults of a workspace.

use std::sync::atomic::Ordering;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::errors::error;
use crate::mock::faults::{Fault, FaultSpec, NotAdded};
use crate::mock::ingest::format_timestamp;
use crate::mock::message::Reply;

use super::answer::{Answer, bad_request, data, done, nowhere};
use super::operation::{Call, Gives, Operation, data_of, no_parameters};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/faults",
        id: "listFaults",
        about: "Every fault that is not over.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<Vec<FaultView>>),
        run: |call| {
            let workspace = call.workspace()?;
            let faults = workspace.faults.list(workspace.time(call.now));
            Ok(data(200, faults.iter().map(|fault| view(call, fault)).collect::<Vec<_>>()))
        },
    },
    Operation {
        method: "POST",
        path: "workspaces/{workspace}/faults",
        id: "createFault",
        about: "Makes something go wrong from now on.",
        parameters: no_parameters,
        body: Some(|generator| generator.subschema_for::<FaultSpec>()),
        gives: Gives::Json(201, data_of::<FaultView>),
        run: create,
    },
    Operation {
        method: "DELETE",
        path: "workspaces/{workspace}/faults",
        id: "clearFaults",
        about: "Takes all faults away.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Nothing,
        run: |call| {
            call.workspace()?.faults.clear();
            Ok(done())
        },
    },
    Operation {
        method: "DELETE",
        path: "workspaces/{workspace}/faults/{fault}",
        id: "deleteFault",
        about: "Takes one fault away.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Nothing,
        run: |call| {
            let removed = call.workspace()?.faults.remove(call.step(3));
            if removed { Ok(done()) } else { Err(nowhere("There is no such fault.")) }
        },
    },
];

#[derive(Serialize, JsonSchema)]
struct FaultView {
    id: String,
    /// How many requests it was meant for so far.
    matched: u64,
    /// How many of them it met.
    met: u64,
    /// When it ends, by the workspace's clock; null for never.
    ends_at: Option<String>,
    /// What was asked for.
    fault: FaultSpec,
}

fn create(call: &Call<'_>) -> Result<Answer, Reply> {
    let workspace = call.workspace()?;
    let spec: FaultSpec = call.body()?;
    let now = workspace.time(call.now);
    match workspace.faults.add(spec, now) {
        Ok(fault) => Ok(data(201, view(call, &fault))),
        Err(NotAdded::Bad(wrong)) => Err(bad_request(&wrong.to_string())),
        Err(NotAdded::TooMany) => Err(error(400, "NOT_CREATED", &NotAdded::TooMany.to_string())),
    }
}

fn view(call: &Call<'_>, fault: &Fault) -> FaultView {
    FaultView {
        id: fault.id.to_string(),
        matched: fault.matched.load(Ordering::Relaxed),
        met: fault.met.load(Ordering::Relaxed),
        ends_at: fault.ends.map(|ends| format_timestamp(call.control.engine.wall(ends))),
        fault: fault.spec.clone(),
    }
}
