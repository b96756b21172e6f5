//! Evidence in a file.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{DOCUMENT, Recording, SCHEMA, Tool};
use crate::report::save;

/// Why a file cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It cannot be read.
    #[error("cannot read the evidence {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// It is something else.
    #[error("{} is no evidence: {why}; `trenchcheck test --evidence FILE` writes such a file", path.display())]
    NotEvidence {
        /// The file.
        path: PathBuf,
        /// What it is, or why it cannot be one.
        why: String,
    },
    /// It has another form than the one that is read here.
    #[error(
        "{} is evidence of form {schema}, written by trenchcheck {written_by}; this is trenchcheck {}, which reads forms 1 \
         to {SCHEMA}: {}",
        path.display(), env!("CARGO_PKG_VERSION"), way_out(*schema)
    )]
    OtherForm {
        /// The file.
        path: PathBuf,
        /// Its form.
        schema: u64,
        /// The version of trenchcheck that wrote it.
        written_by: String,
    },
    /// It is evidence, but not as it was written.
    #[error("the evidence {} is damaged: {why}; record it again with `trenchcheck test --evidence FILE`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
}

fn way_out(schema: u64) -> &'static str {
    if schema > u64::from(SCHEMA) {
        "judge it with a newer trenchcheck"
    } else {
        "record it again, or judge it with the trenchcheck that wrote it"
    }
}

/// What tells one file from another.
#[derive(Deserialize)]
struct Head {
    document: Option<String>,
    schema: Option<u64>,
    tool: Option<Tool>,
    /// Reports have a summary.
    summary: Option<IgnoredAny>,
}

impl Recording {
    /// Writes the evidence to a file, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        save(path, &text)
    }

    /// Reads evidence from a file.
    ///
    /// # Errors
    /// [`EvidenceError`], which says what the file is instead.
    pub fn read(path: &Path) -> Result<Self, EvidenceError> {
        let named = || path.to_owned();
        let text = std::fs::read(path).map_err(|why| EvidenceError::Unreadable { path: named(), why })?;
        let not_evidence = |why: String| EvidenceError::NotEvidence { path: named(), why };
        let head: Head = serde_json::from_slice(&text)
            .map_err(|error| not_evidence(format!("it is not the JSON it should be ({error})")))?;
        let schema = match head {
            Head { document: Some(document), schema: Some(schema), .. } if document == DOCUMENT => schema,
            Head { summary: Some(_), .. } => return Err(not_evidence("it is a report".to_owned())),
            _ => return Err(not_evidence("it does not say that it is".to_owned())),
        };
        if !(1..=u64::from(SCHEMA)).contains(&schema) {
            let written_by =
                head.tool.map_or_else(|| "of an unknown version".to_owned(), |tool| tool.version);
            return Err(EvidenceError::OtherForm { path: named(), schema, written_by });
        }
        serde_json::from_slice(&text)
            .map_err(|error| EvidenceError::Damaged { path: named(), why: error.to_string() })
    }
}
