//! Running the program against a target of these tests.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Grant;
use crate::program::{Ran, trenchcheck};

/// The key with both scopes.
pub(crate) const BOTH: &str = "ct_live_bothbothbothbothbothbothbothboth";
/// The key that only reads.
pub(crate) const READ: &str = "ct_live_readreadreadreadreadreadreadread";
/// The key that only posts events.
pub(crate) const WRITE: &str = "ct_live_writewritewritewritewritewritewr";
/// The key with a small quota of reads.
pub(crate) const STANDARD: &str = "ct_live_standardstandardstandardstandard";
/// The key with a small quota of posts.
pub(crate) const INGESTION: &str = "ct_live_ingestioningestioningestioningest";

/// The small quota.
pub(crate) const LIMIT: u32 = 20;

/// What the target grants these keys.
pub(crate) const GRANTS: [Grant; 5] = [
    Grant { key: BOTH, reads: true, writes: true, limit: u32::MAX },
    Grant { key: READ, reads: true, writes: false, limit: u32::MAX },
    Grant { key: WRITE, reads: false, writes: true, limit: u32::MAX },
    Grant { key: STANDARD, reads: true, writes: false, limit: LIMIT },
    Grant { key: INGESTION, reads: false, writes: true, limit: LIMIT },
];

/// A run, with its report as JSON.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) ran: Ran,
    pub(crate) report: Value,
}

impl Judged {
    /// The check's part of the report.
    #[track_caller]
    pub(crate) fn check(&self, id: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {}", self.report))
    }
}

/// Judges `url` with short time-outs; `keys` are roles of the target file with their keys.
pub(crate) async fn judge(url: &str, keys: &[(&str, &str)], timeout: &str, arguments: &[&str]) -> Judged {
    let entries: String = keys
        .iter()
        .map(|(role, _)| {
            let tier = if *role == "read" { ", tier: premium" } else { "" };
            format!("  - {{role: {role}, env: KEY_{role}{tier}}}\n")
        })
        .collect();
    let file = format!(
        "base_url: {url}\nkeys_from: environment\ntimeout: {timeout}\nkeys:\n{entries}limits:\n  \
         standard: {{requests: {LIMIT}}}\n  ingestion: {{requests: {LIMIT}}}\n"
    );
    // The keys without a small quota of their own are not held to one.
    let file = if keys.iter().any(|(role, _)| *role == "ingestion") {
        file
    } else {
        file.replace(&format!("ingestion: {{requests: {LIMIT}}}"), "ingestion: {requests: 100000}")
    };
    let variables: Vec<(String, String)> =
        keys.iter().map(|(role, key)| (format!("KEY_{role}"), (*key).to_owned())).collect();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let begun = Instant::now();
    let judged = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("target.yaml"), file).unwrap();
        let mut words = vec!["test", "--target", "target.yaml", "--json", "report.json"];
        words.extend(arguments.iter().map(String::as_str));
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
        let ran = trenchcheck(folder.path(), &words, &variables);
        let text = std::fs::read_to_string(folder.path().join("report.json"));
        let text = text.unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        Judged { ran, report: serde_json::from_str(&text).unwrap() }
    })
    .await
    .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", judged.ran);
    judged
}
