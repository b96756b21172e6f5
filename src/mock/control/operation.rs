//! The table of operations, and the way from a request to one of them.

use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::mock::errors::{error, too_large};
use crate::mock::message::{Reply, Request};
use crate::mock::workspace::Workspace;

use super::answer::{Answer, bad_request, nowhere};
use super::{
    CONTROL_PREFIX, Control, clock, deviations, faults, journal, keys, limits, server, sessions, workspaces,
};

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an operation answers when all is well.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// Nothing but the status 204.
    Nothing,
    /// JSON with this schema.
    Json(u16, SchemaOf),
    /// Text of this type.
    Text(&'static str),
}

/// A query parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) is_number: bool,
}

/// Something the control API can do.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// The path below `/_mock/`; what stands in braces is a parameter.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: fn() -> Vec<Parameter>,
    /// The schema of the body it takes.
    pub(super) body: Option<SchemaOf>,
    pub(super) gives: Gives,
    pub(super) run: fn(&Call<'_>) -> Result<Answer, Reply>,
}

/// A request on its way to an operation.
pub(super) struct Call<'a> {
    pub(super) control: &'a Control,
    pub(super) request: &'a Request<'a>,
    /// The server's time in milliseconds.
    pub(super) now: u64,
    steps: Vec<&'a str>,
}

/// Every operation, by subject.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    let subjects: [&'static [Operation]; 9] = [
        server::OPERATIONS,
        workspaces::OPERATIONS,
        keys::OPERATIONS,
        clock::OPERATIONS,
        limits::OPERATIONS,
        sessions::OPERATIONS,
        deviations::OPERATIONS,
        faults::OPERATIONS,
        journal::OPERATIONS,
    ];
    subjects.into_iter().flatten()
}

/// Runs the operation a request asks for.
pub(super) fn dispatch(call: &Call<'_>) -> Result<Answer, Reply> {
    let method = if call.request.method == "HEAD" { "GET" } else { call.request.method };
    let here = || operations().filter(|operation| call.goes_to(operation.path));
    if let Some(operation) = here().find(|operation| operation.method == method) {
        for pair in call.request.query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            let known: Vec<_> = (operation.parameters)().iter().map(|parameter| parameter.name).collect();
            if !known.contains(&name) {
                return Err(bad_request(&unknown_parameter(name, &known)));
            }
        }
        return (operation.run)(call);
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

fn unknown_parameter(name: &str, known: &[&str]) -> String {
    let nearest =
        known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match nearest {
        Some(nearest) => format!("There is no parameter `{name}` here; did you mean `{nearest}`?"),
        None => format!("There is no parameter `{name}` here; this endpoint takes none."),
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(control: &'a Control, request: &'a Request<'a>, now: u64) -> Self {
        let rest = request.path.strip_prefix(CONTROL_PREFIX).unwrap_or_default();
        Self { control, request, now, steps: rest.split('/').collect() }
    }

    fn goes_to(&self, path: &str) -> bool {
        let mut steps = self.steps.iter();
        let fits = path.split('/').all(|wanted| {
            steps.next().is_some_and(|step| wanted == *step || wanted.starts_with('{') && !step.is_empty())
        });
        fits && steps.next().is_none()
    }

    /// The step of the path at this place, from 0.
    pub(super) fn step(&self, place: usize) -> &'a str {
        self.steps.get(place).copied().unwrap_or_default()
    }

    /// The workspace the path names.
    pub(super) fn workspace(&self) -> Result<Arc<Workspace>, Reply> {
        self.control.engine.workspace(self.step(1)).ok_or_else(|| nowhere("There is no such workspace."))
    }

    /// Reads the body; none at all is `{}`.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        if self.request.body_too_large {
            return Err(too_large());
        }
        let body = if self.request.body.is_empty() { b"{}" } else { self.request.body };
        serde_json::from_slice(body)
            .map_err(|problem| bad_request(&format!("The body cannot be read: {problem}")))
    }

    /// The part of a list that is asked for; all of it, unless something else is said.
    pub(super) fn part<T>(&self, list: impl Iterator<Item = T>) -> Result<impl Iterator<Item = T>, Reply> {
        let most = u64::from(u32::MAX);
        let (offset, limit) = (self.number("offset", 0, 0..=most)?, self.number("limit", most, 1..=most)?);
        Ok(list.skip(offset as usize).take(limit as usize))
    }

    /// Reads a parameter that is a whole number.
    pub(super) fn number(
        &self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Reply> {
        let Some(text) = self.request.parameter(name) else {
            return Ok(default);
        };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            bad_request(&format!(
                "`{name}` is a whole number from {} to {}, not `{text}`",
                range.start(),
                range.end()
            ))
        })
    }
}

/// For operations that give a list, part by part if one wants.
pub(super) fn list_parameters() -> Vec<Parameter> {
    vec![
        Parameter { name: "limit", about: "How many at most; all without it.", is_number: true },
        Parameter { name: "offset", about: "How many are left out before them.", is_number: true },
    ]
}

/// For operations without parameters.
pub(super) fn no_parameters() -> Vec<Parameter> {
    Vec::new()
}

/// The schema of an answer with data.
pub(super) fn data_of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<super::answer::Data<T>>()
}
