//! One stream of events in; terminal, JUnit and JSON out.

mod event;
mod exit;
mod redact;
#[cfg(test)]
mod samples;
mod sink;

pub use event::{CheckResult, Event, Exchange, Failure, RunInfo, RunSummary, Verdict};
pub use exit::ExitCode;
pub use redact::Redactor;
pub use sink::{Reporter, Reports};
