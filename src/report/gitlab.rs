//! The report that GitLab shows beside a merge request: code quality.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::event::{Cause, RunSummary};
use super::results::{Record, causes};
use crate::system::hex;

/// A code quality report: an entry for each cause.
pub(super) fn text(record: &Record, run: &RunSummary) -> String {
    let entry = |cause: &Cause| {
        let check = record.results.iter().find(|result| result.id == cause.check);
        json!({
            "description": format!("{} ({}): {}", cause.check, cause.clause, cause.says),
            "check_name": cause.check,
            // The same fault has the same one in every run, whatever numbers it comes with.
            "fingerprint": hex(&Sha256::digest(&cause.check)),
            "severity": if cause.gates { "major" } else { "minor" },
            "location": {
                "path": check.map_or("", |check| check.file.as_str()),
                "lines": { "begin": cause.failure.line.max(1) },
            },
        })
    };
    let entries: Value = causes(&record.results, record.info.as_ref(), run).iter().map(entry).collect();
    format!("{entries:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{report, run};
    use crate::report::{Format, ReportFile};

    #[test]
    fn every_cause_is_an_entry_with_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quality.json");
        report(&run(), ReportFile::new(Format::Gitlab, &path));
        let entries: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let of = |entry: &Value| {
            let place = (entry["location"]["path"].clone(), entry["location"]["lines"]["begin"].clone());
            (entry["check_name"].clone(), entry["severity"].clone(), place)
        };
        let file = |name: &str| json!(format!("scenarios/{name}.yaml"));
        assert_eq!(
            entries.as_array().unwrap().iter().map(of).collect::<Vec<_>>(),
            [
                (json!("auth.no-query"), json!("major"), (file("auth/no-query"), json!(12))),
                (json!("limit.message-agrees"), json!("minor"), (file("limits/message"), json!(9))),
            ]
        );
        let fingerprints: Vec<&Value> =
            entries.as_array().unwrap().iter().map(|entry| &entry["fingerprint"]).collect();
        assert_ne!(fingerprints[0], fingerprints[1]);
    }
}
