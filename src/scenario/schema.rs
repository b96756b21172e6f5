//! The language as JSON Schema, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::file::{RequestsFile, ScenarioFile};
use super::rules::{ACTIONS, ROLES};
use crate::contract::{CLAUSES, Endpoint};

/// A text with a variable of `for_each` in it.
const VARIABLE: &str = r"\{[a-z_]+\}";

/// What is said once and not filled in: the files, the heads of checks, and words that only stand there.
const PLAIN: [&str; 5] = ["CheckFile", "ExperimentFile", "ReadingFile", "Level", "Fact"];

/// The schema of a scenario file: of one check, or of an experiment.
///
/// A variable may stand for any value of a step, so wherever a step takes a word, a number or a boolean, the
/// schema also takes a text with a variable in it.
pub fn schema() -> Value {
    let mut schema = described::<ScenarioFile>();
    if let Some(root) = schema.as_object_mut() {
        let forms = root.remove("anyOf").unwrap_or_default();
        root.insert("oneOf".to_owned(), forms);
    }
    if let Some(definitions) = object(&mut schema, &["$defs"]) {
        for (_, definition) in definitions.iter_mut().filter(|(name, _)| !PLAIN.contains(&name.as_str())) {
            with_variables(definition);
        }
    }
    let with = |field: &str| json!({"required": [field]});
    if let Some(step) = object(&mut schema, &["$defs", "StepFile"]) {
        step.insert("oneOf".to_owned(), ACTIONS.map(with).to_vec().into());
    }
    let clauses: Vec<&str> = CLAUSES.iter().map(|clause| clause.id).collect();
    let role = json!([{"enum": ROLES}, {"type": "string", "pattern": VARIABLE}]);
    for (file, never) in [("CheckFile", vec!["as"]), ("ExperimentFile", vec!["given", "expect", "observe"])] {
        let never: Vec<Value> = never.into_iter().map(with).collect();
        if let Some(step) = object(&mut schema, &["$defs", file, "properties", "steps", "items"]) {
            step.insert("not".to_owned(), json!({"anyOf": never}));
        }
        restrict(&mut schema, &["$defs", file, "properties", "key"], "anyOf", role.clone());
        restrict(
            &mut schema,
            &["$defs", file, "properties", "keys", "additionalProperties"],
            "anyOf",
            role.clone(),
        );
    }
    for head in ["CheckFile", "ReadingFile"] {
        restrict(&mut schema, &["$defs", head, "properties", "clause"], "enum", json!(clauses));
        restrict(&mut schema, &["$defs", head, "properties", "also", "items"], "enum", json!(clauses));
    }
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

/// Lets a variable stand for every value in a schema.
fn with_variables(schema: &mut Value) {
    for (_, property) in object(schema, &["properties"]).into_iter().flatten() {
        for part in ["items", "additionalProperties"] {
            property.get_mut(part).filter(|part| part.is_object()).into_iter().for_each(or_variable);
        }
        or_variable(property);
    }
}

fn or_variable(schema: &mut Value) {
    let description = schema.get("description").cloned();
    *schema = json!({"anyOf": [schema.take(), {"type": "string", "pattern": VARIABLE}]});
    if let (Some(description), Some(object)) = (description, schema.as_object_mut()) {
        object.insert("description".to_owned(), description);
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
