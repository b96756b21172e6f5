//! A run can be judged again by its evidence, and everything comes out as it did: at once (`same`), and by the files of this
//! folder, which hold the judge to its verdicts whatever else changes (`kept`). Evidence is held against other scenarios
//! (`changed`); what is none is refused (`refused`), and no number in a file brings the judge down (`hostile`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod changed;
mod hostile;
mod kept;
mod playing;
#[path = "../common/program.rs"]
mod program;
mod refused;
mod same;
