//! One stream of events in; terminal, JUnit and JSON out.

mod event;
mod exit;

pub use event::{CheckResult, Event, Exchange, Failure, RunInfo, RunSummary, Verdict};
pub use exit::ExitCode;
