//! The language as JSON Schema, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::file::{ACTIONS, BODY, ExperimentFile, HEAD, READ, RequestsFile};
use super::rules::ROLES;
use crate::contract::{CLAUSES, Endpoint};

/// A text with a variable of `for_each` in it.
const VARIABLE: &str = r"\{[a-z_]+\}";

/// What is said once and not filled in: the files, the heads of checks, and words that only stand there.
const PLAIN: [&str; 4] = ["ExperimentFile", "ReadingFile", "Level", "Fact"];

/// The schema of a scenario file: of one check, or of an experiment.
///
/// A variable may stand for any value of a step, so wherever a step takes a word, a number or a boolean, the
/// schema also takes a text with a variable in it.
pub fn schema() -> Value {
    // A file that holds experiments would name them among its definitions, like everything else.
    let mut schema = described::<Vec<ExperimentFile>>();
    for (name, definition) in schema["$defs"].as_object_mut().into_iter().flatten() {
        if !PLAIN.contains(&name.as_str()) {
            with_variables(definition);
        }
    }
    schema["$defs"]["StepFile"]["oneOf"] = required(ACTIONS);
    let clauses = json!(CLAUSES.iter().map(|clause| clause.id).collect::<Vec<_>>());
    restrict(&mut schema, "/$defs/ReadingFile/properties/clause", "enum", &clauses);
    restrict(&mut schema, "/$defs/ReadingFile/properties/also/items", "enum", &clauses);
    let role = json!([{"enum": ROLES}, {"type": "string", "pattern": VARIABLE}]);
    restrict(&mut schema, "/$defs/ExperimentFile/properties/key", "anyOf", &role);
    restrict(&mut schema, "/$defs/ExperimentFile/properties/keys/additionalProperties", "anyOf", &role);
    // A file of one check has parts of both, and what it expects at its steps.
    let mut check = json!({
        "description": "One check of the contract that has its steps to itself.",
        "type": "object",
        "additionalProperties": false,
        "required": ["check", "clause", "level", "about", "steps"]
    });
    for (part, fields) in [("ReadingFile", &HEAD[..]), ("ExperimentFile", &BODY)] {
        for field in fields {
            check["properties"][field] = schema["$defs"][part]["properties"][field].clone();
        }
    }
    schema["$defs"]["CheckFile"] = check;
    for (file, never) in [("CheckFile", &["as"][..]), ("ExperimentFile", &READ)] {
        schema["$defs"][file]["properties"]["steps"]["items"]["not"] = json!({ "anyOf": required(never) });
    }
    let description =
        "A scenario file: one check with its steps, or an experiment with the checks that read it.";
    json!({
        "$schema": schema["$schema"],
        "title": "ScenarioFile",
        "description": description,
        "oneOf": [{"$ref": "#/$defs/CheckFile"}, {"$ref": "#/$defs/ExperimentFile"}],
        "$defs": schema["$defs"]
    })
}

/// The schema of `requests.yaml`.
pub fn requests_schema() -> Value {
    let mut schema = described::<RequestsFile>();
    let endpoints = json!(Endpoint::ALL.map(Endpoint::name));
    restrict(&mut schema, "/$defs/RequestDef/properties/endpoint", "enum", &endpoints);
    schema["$defs"]["RequestDef"]["oneOf"] = required(&["endpoint", "path"]);
    schema
}

/// That a field is given, for each of some fields.
fn required(fields: &[&str]) -> Value {
    fields.iter().map(|field| json!({ "required": [field] })).collect()
}

fn described<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(as_read));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// What a reader of YAML does otherwise than one of JSON: a field is left out rather than null, and a text may
/// be a number or a boolean written without quotes.
fn as_read(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    without_null(object);
    let is_free_text = object.get("type") == Some(&json!("string"))
        && !["pattern", "const", "enum"].iter().any(|narrow| object.contains_key(*narrow));
    if is_free_text {
        object.insert("type".to_owned(), json!(["string", "integer", "boolean"]));
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

/// Lets a variable stand for every value in a schema.
fn with_variables(schema: &mut Value) {
    for variant in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        with_variables(variant);
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, property) in properties.into_iter().flatten() {
        for part in ["items", "additionalProperties"] {
            property.get_mut(part).filter(|part| part.is_object()).into_iter().for_each(or_variable);
        }
        or_variable(property);
    }
}

fn or_variable(schema: &mut Value) {
    let description = schema.get("description").cloned();
    *schema = json!({"anyOf": [schema.take(), {"type": "string", "pattern": VARIABLE}]});
    if let Some(description) = description {
        schema["description"] = description;
    }
}

/// Narrows a free text to the words it may be.
fn restrict(schema: &mut Value, path: &str, keyword: &str, words: &Value) {
    if let Some(Value::Object(text)) = schema.pointer_mut(path) {
        text.remove("type");
        text.insert(keyword.to_owned(), words.clone());
    }
}
