//! Holding answers against expectations. Everything here is pure.

mod answer;
mod body;
mod header;
mod promise;

pub(crate) use answer::{Rules, excerpt, judge_answer};
pub(crate) use promise::spread;

/// One broken expectation, before it is put into its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What broke, in one sentence.
    pub(crate) what: String,
    /// What was expected.
    pub(crate) expected: String,
    /// What was seen.
    pub(crate) actual: String,
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
    fn broke(&mut self, what: impl Into<String>, expected: impl Into<String>, actual: impl Into<String>) {
        self.findings.push(Finding { what: what.into(), expected: expected.into(), actual: actual.into() });
    }

    fn cannot(&mut self, why: impl Into<String>) {
        self.nothing_to_judge.get_or_insert_with(|| why.into());
    }
}
