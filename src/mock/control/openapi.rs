//! `/_mock/openapi.json`, made from the table of operations.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{CONTROL_PREFIX, Gives, Operation};

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
