//! One stream of events in; terminal, JUnit and JSON out.

mod event;
mod exit;
mod failure;
mod json;
mod junit;
pub(crate) mod page;
mod redact;
mod results;
#[cfg(test)]
pub(crate) mod samples;
mod sink;
mod terminal;
pub(crate) mod timeline;

pub(crate) use event::millis;
pub use event::{Cause, CheckResult, Event, Exchange, Failure, KnownDeviation, RunInfo, RunSummary, Verdict};
pub use exit::ExitCode;
pub(crate) use json::Tool;
pub use json::{Json, report_schema};
pub use junit::Junit;
pub use page::{level_meaning, level_word};
pub use redact::Redactor;
pub use results::could_not_check;
pub(crate) use sink::save;
pub use sink::{Reporter, Reports};
pub use terminal::{Terminal, TerminalOptions, Verbosity};
pub use timeline::{Lane, Stretch, Timeline};
