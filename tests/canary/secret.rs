//! Keys made for one run, and the search for any trace of them.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::program::Ran;

/// So many characters of a key in a row are a leak.
const RUN: usize = 12;

/// A new key of the documented form.
pub(crate) fn new_key() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).unwrap();
    let random: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % 62])).collect();
    format!("ct_live_{random}")
}

/// What must not turn up of a key.
pub(crate) struct Traces {
    /// In any case of letters.
    plain: Vec<String>,
    /// As they are.
    exact: Vec<String>,
}

impl Traces {
    pub(crate) fn of(key: &str) -> Self {
        let random = key.strip_prefix("ct_live_").unwrap();
        let runs: Vec<&str> = (0..=random.len() - RUN).map(|at| &random[at..at + RUN]).collect();
        let each = |write: fn(u8) -> String| {
            runs.iter().map(|run| run.bytes().map(write).collect::<String>()).collect::<Vec<_>>()
        };
        let mut plain = each(|byte| char::from(byte.to_ascii_lowercase()).to_string());
        plain.extend(each(|byte| format!("%{byte:02x}")));
        plain.extend(each(|byte| format!("\\u{byte:04x}")));
        plain.extend(each(|byte| format!("{byte:02x}")));
        plain.extend(each(|byte| format!("&#{byte};")));
        plain.extend(each(|byte| format!("&#x{byte:x};")));
        let mut exact = Vec::new();
        for run in &runs {
            for run in [(*run).to_owned(), run.to_uppercase(), run.to_lowercase()] {
                for before in 0..3 {
                    // Only the characters in the middle depend on nothing but the run.
                    let text = STANDARD.encode(format!("{}{run}", "-".repeat(before)));
                    let (from, to) = ((before * 8).div_ceil(6), (before + RUN) * 8 / 6);
                    exact.push(text[from..to].to_owned());
                    exact.push(text[from..to].replace('+', "-").replace('/', "_"));
                }
            }
        }
        Self { plain, exact }
    }

    /// Fails where a trace is in the text.
    #[track_caller]
    pub(crate) fn assert_absent(&self, text: &str, place: &str) {
        let folded = text.to_lowercase();
        let here = |trace: &String, at: usize, text: &str| {
            let around: String = text[..at].chars().rev().take(200).collect();
            let around: String = around.chars().rev().collect();
            panic!("{place} holds {trace:?} behind\n{around}");
        };
        for trace in &self.plain {
            if let Some(at) = folded.find(&trace.to_lowercase()) {
                here(trace, at, &folded);
            }
        }
        for trace in &self.exact {
            if let Some(at) = text.find(trace) {
                here(trace, at, text);
            }
        }
    }

    /// Fails where a trace is in what was printed, or in a file of the folder but those in `own`.
    #[track_caller]
    pub(crate) fn assert_absent_from_all(&self, ran: &Ran, folder: &Path, own: &[&str]) {
        self.assert_absent(&ran.out, "standard output");
        self.assert_absent(&ran.err, "standard error");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            self.assert_absent(&name, "a file's name");
            if path.is_file() && !own.contains(&name.as_str()) {
                self.assert_absent(&String::from_utf8_lossy(&fs::read(&path).unwrap()), &name);
            }
        }
    }
}

/// The search itself finds what it is there to find.
#[test]
fn every_dress_is_recognised() {
    let key = new_key();
    let dresses = [
        key.clone(),
        key.to_uppercase(),
        key[12..30].to_owned(),
        STANDARD.encode(&key),
        URL_SAFE.encode(format!("x{key}:")),
        STANDARD.encode(format!("user:{key}").to_uppercase()),
        key.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        key.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        key.bytes().map(|byte| format!("{byte:02X}")).collect(),
        key.bytes().map(|byte| format!("&#{byte};")).collect(),
        key.bytes().map(|byte| format!("&#x{byte:X};")).collect(),
    ];
    for dress in dresses {
        let traces = Traces::of(&key);
        let found = std::panic::catch_unwind(|| traces.assert_absent(&format!("ab {dress} cd"), "a text"));
        assert!(found.is_err(), "{dress}");
    }
}
