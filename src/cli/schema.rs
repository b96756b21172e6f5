//! `trenchcheck schema`: the files of this project for editors and programs.

use std::io;

use schemars::Schema;
use serde_json::Value;

use super::mock::MockFile;
use super::plan::plan_schema;
use crate::deployment::TargetFile;
use crate::known::DeviationsFile;
use crate::load::load_schema;
use crate::load::profile::Profile;
use crate::matrix::matrix_schema;
use crate::mutants::hunt_schema;
use crate::report::report_schema;
use crate::run::evidence_schema;
use crate::scenario::{requests_schema, schema};

/// Prints the JSON Schema of a kind of file: those you write, and those that trenchcheck writes.
///
/// With the schema in a file, most editors complete and check scenarios as they are written:
/// `# yaml-language-server: $schema=check.schema.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trenchcheck schema > check.schema.json
  trenchcheck schema target > target.schema.json
  trenchcheck schema report > report.schema.json")]
pub struct SchemaArgs {
    /// The kind of file the schema is for.
    #[arg(value_enum, default_value_t)]
    pub which: SchemaOf,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SchemaOf {
    /// A check.
    #[default]
    Check,
    /// The requests that checks share, `requests.yaml`.
    Requests,
    /// A target file.
    Target,
    /// A load profile.
    Profile,
    /// A list of known deviations.
    Deviations,
    /// A configuration of the mock.
    Mock,
    /// What `test --evidence` writes.
    Evidence,
    /// What `test --json` writes.
    Report,
    /// What `plan --json` writes.
    Plan,
    /// What `load --json` and `merge --json` write.
    Load,
    /// What `matrix --json` writes.
    Matrix,
    /// What `mutants --json` writes.
    Mutants,
}

/// Writes the schema.
pub fn run(args: &SchemaArgs, out: &mut dyn io::Write) -> io::Result<()> {
    let schema = match args.which {
        SchemaOf::Check => identified("check", schema())?,
        SchemaOf::Requests => identified("requests", requests_schema())?,
        SchemaOf::Target => identified("target", schemars::schema_for!(TargetFile).to_value())?,
        SchemaOf::Profile => identified("profile", Profile::schema())?,
        SchemaOf::Deviations => identified("deviations", schemars::schema_for!(DeviationsFile).to_value())?,
        SchemaOf::Mock => identified("mock", schemars::schema_for!(MockFile).to_value())?,
        SchemaOf::Evidence => evidence_schema(),
        SchemaOf::Report => report_schema(),
        SchemaOf::Plan => plan_schema(),
        SchemaOf::Load => load_schema(),
        SchemaOf::Matrix => matrix_schema(),
        SchemaOf::Mutants => hunt_schema(),
    };
    writeln!(out, "{}", serde_json::to_string_pretty(&schema)?)
}

/// The schema with a name that stays the same wherever its file lies.
fn identified(name: &str, schema: Value) -> io::Result<Schema> {
    let mut schema = Schema::try_from(schema)?;
    schema.insert("$id".to_owned(), format!("urn:trenchcheck:schema:{name}").into());
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_has_a_schema_of_its_own() {
        let written = |which| {
            let mut out = Vec::new();
            run(&SchemaArgs { which }, &mut out).unwrap();
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()
        };
        assert!(written(SchemaOf::Evidence)["properties"]["evidence"].is_object());
        assert!(written(SchemaOf::Check)["$defs"]["CheckFile"]["properties"]["steps"].is_object());
        assert!(written(SchemaOf::Requests)["properties"]["requests"].is_object());
        assert!(written(SchemaOf::Target)["properties"]["base_url"].is_object());
        assert!(written(SchemaOf::Deviations)["properties"]["deviations"].is_object());
        assert!(written(SchemaOf::Profile)["properties"]["lanes"].is_object());
        assert!(written(SchemaOf::Mock)["properties"]["faults"].is_object());
    }
}
