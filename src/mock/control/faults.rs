//! Faults of a workspace, and the catalogue of deviations, which are switched with its settings.

use std::sync::atomic::Ordering;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::deviations::{NamedChange, Nature, catalogue};
use crate::mock::faults::{Fault, FaultSpec, NotAdded};
use crate::mock::ingest::format_timestamp;

use super::operation::{Call, Operation, bad_request, not_created, nowhere};

pub(super) fn deviation_operations() -> [Operation; 1] {
    let about = "Every deviation and legal variant that can be switched on.";
    [Operation::new("GET", "deviations", "listDeviations")
        .about(about)
        .json(200, |_| Ok(catalogue().iter().map(DeviationView::from).collect::<Vec<_>>()))]
}

pub(super) fn operations() -> [Operation; 4] {
    [
        Operation::new("GET", "workspaces/{workspace}/faults", "listFaults")
            .about("Every fault that is not over.")
            .json(200, |call| {
                let workspace = call.workspace()?;
                let faults = workspace.faults.list(workspace.time(call.now));
                Ok(faults.iter().map(|fault| FaultView::of(call, fault)).collect::<Vec<_>>())
            }),
        Operation::new("POST", "workspaces/{workspace}/faults", "createFault")
            .about("Makes something go wrong from now on.")
            .takes::<FaultSpec>()
            .json(201, |call| {
                let workspace = call.workspace()?;
                let fault = workspace.faults.add(call.body()?, workspace.time(call.now));
                fault.map(|fault| FaultView::of(call, &fault)).map_err(|problem| match problem {
                    NotAdded::Bad(wrong) => bad_request(wrong),
                    NotAdded::TooMany => not_created(problem),
                })
            }),
        Operation::new("DELETE", "workspaces/{workspace}/faults", "clearFaults")
            .about("Takes all faults away.")
            .nothing(|call| {
                call.workspace()?.faults.clear();
                Ok(())
            }),
        Operation::new("DELETE", "workspaces/{workspace}/faults/{fault}", "deleteFault")
            .about("Takes one fault away.")
            .nothing(|call| {
                let removed = call.workspace()?.faults.remove(call.step(3));
                removed.then_some(()).ok_or_else(|| nowhere("There is no such fault."))
            }),
    ]
}

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

impl FaultView {
    fn of(call: &Call<'_>, fault: &Fault) -> Self {
        Self {
            id: fault.id.to_string(),
            matched: fault.matched.load(Ordering::Relaxed),
            met: fault.met.load(Ordering::Relaxed),
            ends_at: fault.ends.map(|ends| format_timestamp(call.engine.wall(ends))),
            fault: fault.spec.clone(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct DeviationView {
    name: &'static str,
    group: String,
    /// What it does, in one sentence.
    about: &'static str,
    /// The weight of the promise it breaks, `must`, `should` or `rfc`; null for a legal variant.
    breaks: Option<&'static str>,
    /// The checks that ought to name it.
    checks: &'static [&'static str],
}

impl From<&NamedChange> for DeviationView {
    fn from(entry: &NamedChange) -> Self {
        let (breaks, checks) = match entry.nature {
            Nature::Deviation { breach, checks, .. } => (Some(breach.as_str()), checks),
            Nature::LegalVariant => (None, &[][..]),
        };
        Self { name: entry.name, group: entry.group.to_string(), about: entry.about, breaks, checks }
    }
}
