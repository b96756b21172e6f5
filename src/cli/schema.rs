//! `trenchcheck schema`: the files of this project for editors.

use std::io;

use super::mock::MockFile;
use crate::deployment::TargetFile;
use crate::known::DeviationsFile;
use crate::load::profile::Profile;
use crate::run::evidence_schema;
use crate::scenario::{requests_schema, schema};

/// Prints the JSON Schema of scenario files, target files, load profiles, configurations of the mock or evidence.
///
/// With the schema in a file, most editors complete and check scenarios as they are written:
/// `# yaml-language-server: $schema=check.schema.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trenchcheck schema > check.schema.json
  trenchcheck schema requests > requests.schema.json
  trenchcheck schema target > target.schema.json")]
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
}

/// Writes the schema.
///
/// # Errors
/// Those of `out`.
pub fn run(args: &SchemaArgs, out: &mut dyn io::Write) -> io::Result<()> {
    let schema = match args.which {
        SchemaOf::Check => schema(),
        SchemaOf::Requests => requests_schema(),
        SchemaOf::Target => schemars::schema_for!(TargetFile).to_value(),
        SchemaOf::Profile => Profile::schema(),
        SchemaOf::Deviations => schemars::schema_for!(DeviationsFile).to_value(),
        SchemaOf::Mock => schemars::schema_for!(MockFile).to_value(),
        SchemaOf::Evidence => evidence_schema().to_value(),
    };
    writeln!(out, "{schema:#}")
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
