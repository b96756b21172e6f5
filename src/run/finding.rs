//! What broke, as people read it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One broken expectation, before it is put into its case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    /// What broke, in one sentence.
    pub(crate) what: String,
    /// What was expected.
    pub(crate) expected: String,
    /// What was seen.
    pub(crate) actual: String,
}

/// How many characters of what a target said go into a sentence.
const MOST_OF_A_SENTENCE: usize = 500;

/// How many characters of a body are shown.
const MOST_OF_A_BODY: usize = 4_000;

/// A body as pretty-printed JSON, as far as people read.
pub(crate) fn pretty(value: &Value) -> String {
    shorten(serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string()), MOST_OF_A_BODY)
}

/// The beginning of a text of `most` characters, and how long the whole is.
fn shorten(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        None => text,
    }
}

/// What came of judging.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Everything that broke.
    pub(crate) findings: Vec<Finding>,
    /// Why something could not be judged although nothing broke: another check names the cause.
    pub(crate) nothing_to_judge: Option<String>,
}

impl Judgement {
    pub(super) fn broke(
        &mut self,
        what: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) {
        self.findings.push(Finding {
            what: shorten(what.into(), MOST_OF_A_SENTENCE),
            expected: expected.into(),
            actual: shorten(actual.into(), MOST_OF_A_BODY),
        });
    }

    pub(super) fn cannot(&mut self, why: impl Into<String>) {
        self.nothing_to_judge.get_or_insert_with(|| why.into());
    }
}
