//! The language as JSON Schema, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::file::{CheckFile, RequestsFile};
use super::rules::{ACTIONS, ROLES};
use crate::contract::{CLAUSES, Endpoint};

/// A text with a variable of `for_each` in it.
const VARIABLE: &str = r"\{[a-z_]+\}";

/// The schema of a check file.
///
/// A variable may stand for any value of a step, so wherever a step takes a word, a number or a boolean, the
/// schema also takes a text with a variable in it.
pub fn schema() -> Value {
    let mut schema = described::<CheckFile>();
    let clauses: Vec<&str> = CLAUSES.iter().map(|clause| clause.id).collect();
    if let Some(definitions) = object(&mut schema, &["$defs"]) {
        // The level is said once, outside the steps.
        for (_, definition) in definitions.iter_mut().filter(|(name, _)| *name != "Level") {
            with_variables(definition);
        }
    }
    if let Some(step) = object(&mut schema, &["$defs", "Step"]) {
        let each: Vec<Value> = ACTIONS.iter().map(|action| json!({"required": [action]})).collect();
        step.insert("oneOf".to_owned(), each.into());
    }
    let role = json!([{"enum": ROLES}, {"type": "string", "pattern": VARIABLE}]);
    restrict(&mut schema, &["properties", "clause"], "enum", json!(clauses));
    restrict(&mut schema, &["properties", "also", "items"], "enum", json!(clauses));
    restrict(&mut schema, &["properties", "key"], "anyOf", role.clone());
    restrict(&mut schema, &["properties", "keys", "additionalProperties"], "anyOf", role);
    schema
}

/// The schema of `requests.yaml`.
pub fn requests_schema() -> Value {
    let mut schema = described::<RequestsFile>();
    let endpoints = json!(Endpoint::ALL.map(Endpoint::name));
    restrict(&mut schema, &["$defs", "RequestDef", "properties", "endpoint"], "enum", endpoints);
    if let Some(request) = object(&mut schema, &["$defs", "RequestDef"]) {
        let each = json!([{"required": ["endpoint"]}, {"required": ["path"]}]);
        request.insert("oneOf".to_owned(), each);
    }
    schema
}

fn described<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(AsRead);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// What a reader of YAML does otherwise than one of JSON: a field is left out rather than null, and a text may
/// be a number or a boolean written without quotes.
#[derive(Clone)]
struct AsRead;

impl Transform for AsRead {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        without_null(object);
        let is_free_text = object.get("type") == Some(&json!("string"))
            && !["pattern", "const", "enum"].iter().any(|narrow| object.contains_key(*narrow));
        if is_free_text {
            object.insert("type".to_owned(), json!(["string", "integer", "boolean"]));
        }
    }
}

fn without_null(object: &mut Map<String, Value>) {
    let null = json!("null");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| *one != null);
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| option.get("type") != Some(&null));
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

/// Lets a variable stand for every scalar in a schema.
fn with_variables(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    let variable = json!({"type": "string", "pattern": VARIABLE});
    for choice in ["anyOf", "oneOf"] {
        let Some(Value::Array(options)) = object.get_mut(choice) else { continue };
        // A lone reference leads to a definition, which takes variables itself.
        if options.iter().all(|option| option.get("$ref").is_some()) {
            continue;
        }
        for items in options.iter_mut().filter_map(|option| option.get_mut("items")) {
            with_variables(items);
        }
        options.push(variable);
        return;
    }
    match object.get("type").and_then(Value::as_str) {
        Some("integer" | "boolean" | "number") => {
            let mut plain = std::mem::take(object);
            for said in ["description", "default"] {
                object.extend(plain.remove(said).map(|value| (said.to_owned(), value)));
            }
            object.insert("anyOf".to_owned(), json!([plain, variable]));
        }
        Some("string") if object.contains_key("enum") => {
            let words = object.remove("enum").unwrap_or_default();
            object.insert("anyOf".to_owned(), json!([{"enum": words}, variable]));
        }
        _ => {
            for part in ["items", "additionalProperties"] {
                object.get_mut(part).into_iter().for_each(with_variables);
            }
            let properties = object.get_mut("properties").and_then(Value::as_object_mut);
            properties.into_iter().flatten().for_each(|(_, property)| with_variables(property));
        }
    }
}

fn object<'v>(schema: &'v mut Value, path: &[&str]) -> Option<&'v mut Map<String, Value>> {
    let found = path.iter().try_fold(schema, |value, key| value.get_mut(key))?;
    found.as_object_mut()
}

/// Narrows a free text to the words it may be.
fn restrict(schema: &mut Value, path: &[&str], keyword: &str, words: Value) {
    if let Some(text) = object(schema, path) {
        text.remove("type");
        text.insert(keyword.to_owned(), words);
    }
}
