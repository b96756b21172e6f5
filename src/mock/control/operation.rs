//! An operation of the control API, the call that asks for one, the answer it gives, and `/_mock/openapi.json`, which is made
//! from the table of operations.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::mock::engine::Engine;
use crate::mock::gateway::Gateway;
use crate::mock::journal::{Filter, Found};
use crate::mock::reply::{Data, Reply, error, too_large};
use crate::mock::request::Request;
use crate::mock::workspace::Workspace;

/// What every path of the control API begins with.
pub const CONTROL_PREFIX: &str = "/_mock/";

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

type Run = Box<dyn Fn(&Call<'_>) -> Result<Answer, Reply> + Send + Sync>;

/// What an operation answers when all is well.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    Nothing,
    Json(u16, SchemaOf),
    Text(&'static str),
}

#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) is_number: bool,
}

pub(super) const fn text(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, is_number: false }
}

pub(super) const fn number(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, is_number: true }
}

/// For operations that give a list, part by part if one wants.
pub(super) const PART: [Parameter; 2] = [
    number("limit", "How many at most; all without it."),
    number("offset", "How many are left out before them."),
];

/// Something the control API can do.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// The path below [`CONTROL_PREFIX`]; what stands in braces is a parameter.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<SchemaOf>,
    pub(super) gives: Gives,
    pub(super) run: Run,
}

impl Operation {
    pub(super) fn new(method: &'static str, path: &'static str, id: &'static str) -> Self {
        let run: Run = Box::new(|_| Ok(Answer::Reply(Reply::empty(204))));
        let (parameters, body, gives) = (Vec::new(), None, Gives::Nothing);
        Self { method, path, id, about: "", parameters, body, gives, run }
    }

    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    pub(super) fn with(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend_from_slice(parameters);
        self
    }

    /// With a body of this type, which [`Call::body`] reads.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<T>());
        self
    }

    pub(super) fn json<T: Serialize + JsonSchema>(
        self,
        status: u16,
        run: impl Fn(&Call<'_>) -> Result<T, Reply> + Send + Sync + 'static,
    ) -> Self {
        let data = move |call: &Call<'_>| Ok(Answer::Reply(Reply::data(status, run(call)?)));
        self.answers(Gives::Json(status, data_of::<T>), data)
    }

    /// Gives nothing but the news that it is done.
    pub(super) fn nothing(
        self,
        run: impl Fn(&Call<'_>) -> Result<(), Reply> + Send + Sync + 'static,
    ) -> Self {
        self.answers(Gives::Nothing, move |call| run(call).map(|()| Answer::Reply(Reply::empty(204))))
    }

    pub(super) fn answers(
        mut self,
        gives: Gives,
        run: impl Fn(&Call<'_>) -> Result<Answer, Reply> + Send + Sync + 'static,
    ) -> Self {
        self.gives = gives;
        self.run = Box::new(run);
        self
    }
}

/// A request on its way to an operation.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a Arc<Gateway>,
    pub(super) engine: &'a Arc<Engine>,
    pub(super) request: &'a Request<'a>,
    /// The server's time in milliseconds.
    pub(super) now: u64,
    steps: Vec<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn new(gateway: &'a Arc<Gateway>, request: &'a Request<'a>, now: u64) -> Self {
        let rest = request.path.strip_prefix(CONTROL_PREFIX).unwrap_or_default();
        Self { gateway, engine: &gateway.engine, request, now, steps: rest.split('/').collect() }
    }

    /// Whether an operation with this path is meant.
    pub(super) fn goes_to(&self, path: &str) -> bool {
        let mut steps = self.steps.iter();
        let fits = path.split('/').all(|wanted| {
            steps.next().is_some_and(|step| wanted == *step || wanted.starts_with('{') && !step.is_empty())
        });
        fits && steps.next().is_none()
    }

    pub(super) fn step(&self, place: usize) -> &'a str {
        self.steps.get(place).copied().unwrap_or_default()
    }

    pub(super) fn workspace(&self) -> Result<Arc<Workspace>, Reply> {
        self.engine.workspace(self.step(1)).ok_or_else(|| nowhere("There is no such workspace."))
    }

    /// Reads the body; none at all is `{}`.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        if self.request.body_too_large {
            return Err(too_large());
        }
        let body = if self.request.body.is_empty() { b"{}" } else { self.request.body };
        serde_json::from_slice(body)
            .map_err(|problem| bad_request(format!("The body cannot be read: {problem}")))
    }

    /// The part of a list that is asked for; all of it, unless something else is said.
    pub(super) fn part<T>(&self, list: impl Iterator<Item = T>) -> Result<Vec<T>, Reply> {
        let most = u64::from(u32::MAX);
        let (offset, limit) = (self.number("offset", 0, 0..=most)?, self.number("limit", most, 1..=most)?);
        Ok(list.skip(offset as usize).take(limit as usize).collect())
    }

    pub(super) fn number(&self, name: &str, default: u64, range: RangeInclusive<u64>) -> Result<u64, Reply> {
        let Some(text) = self.request.parameter(name) else {
            return Ok(default);
        };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (start, end) = (range.start(), range.end());
            bad_request(format!("`{name}` is a whole number from {start} to {end}, not `{text}`"))
        })
    }
}

#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Reply),
    /// When enough entries of a journal match.
    Wait(Wait),
    /// Every entry of a journal that matches, as they come.
    Follow(Follow),
}

#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) filter: Filter,
    pub(crate) from: u64,
    pub(crate) count: usize,
    pub(crate) timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct Follow {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) filter: Filter,
    pub(crate) from: u64,
    pub(crate) format: EventFormat,
}

/// How entries are sent to who follows a journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventFormat {
    /// What is said at once: who reads it knows that from now on nothing is missed.
    pub(crate) greeting: &'static str,
    /// Writes what was found as server-sent events; nothing if there is nothing to tell.
    pub(crate) write: fn(&mut String, &Workspace, &Found),
    /// The most entries that are sent at once; only the newest, if there are more.
    pub(crate) most: usize,
    /// How long to wait before looking, so that many requests are sent at once.
    pub(crate) pause: Duration,
}

pub(crate) fn event<T: Serialize>(text: &mut String, kind: &str, id: Option<u64>, data: &T) {
    text.push_str(&format!("event: {kind}\n"));
    if let Some(id) = id {
        text.push_str(&format!("id: {id}\n"));
    }
    // Structs of numbers and strings always serialize, and JSON has no line breaks.
    let data = serde_json::to_string(data).unwrap_or_default();
    text.push_str(&format!("data: {data}\n\n"));
}

pub(super) fn data_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Data<T>>()
}

pub(super) fn bad_request(message: impl ToString) -> Reply {
    error(400, "BAD_REQUEST", &message.to_string())
}

pub(super) fn nowhere(message: &str) -> Reply {
    error(404, "NOT_FOUND", message)
}

/// Something was not made, because there are too many of it for instance.
pub(super) fn not_created(reason: impl ToString) -> Reply {
    error(400, "NOT_CREATED", &reason.to_string())
}

pub(super) fn document(operations: &[Operation]) -> Vec<u8> {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let described = describe_operation(operation, &mut generator);
        let path = paths.entry(format!("{CONTROL_PREFIX}{}", operation.path)).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Error".to_owned(), error_schema());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "trenchcheck mock: control API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the mock can be told, and asked. `default` is the id of the workspace that is \
                            always there. Without a control token it answers this machine only.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    });
    // Maps of strings always serialize.
    serde_json::to_vec_pretty(&document).unwrap_or_default()
}

fn describe_operation(operation: &Operation, generator: &mut schemars::SchemaGenerator) -> Value {
    let in_path = operation.path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = operation.parameters.iter().map(|parameter| {
        let kind = if parameter.is_number { "integer" } else { "string" };
        json!({"name": parameter.name, "in": "query", "description": parameter.about, "schema": {"type": kind}})
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let (status, good) = match operation.gives {
        Gives::Nothing => (204, json!({"description": "Done."})),
        Gives::Json(status, schema) => {
            let content = json!({"application/json": {"schema": schema(generator)}});
            (status, json!({"description": "Done.", "content": content}))
        }
        Gives::Text(kind) => {
            (200, json!({"description": "Text.", "content": {kind: {"schema": {"type": "string"}}}}))
        }
    };
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.about,
        "parameters": parameters,
        "responses": {
            status.to_string(): good,
            "default": {
                "description": "It was refused, and the message says why.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    });
    if let Some(schema) = operation.body {
        described["requestBody"] = json!({"content": {"application/json": {"schema": schema(generator)}}});
    }
    described
}

fn error_schema() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": text(), "message": text()},
            },
        },
    })
}
