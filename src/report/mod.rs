//! One stream of events in; reports for people, programs and CI systems out.

mod event;
mod exit;
mod github;
mod gitlab;
mod json;
pub(crate) mod junit;
pub(crate) mod key_schedule;
mod key_use;
pub(crate) mod page;
mod redact;
mod rendered;
mod results;
#[cfg(test)]
pub(crate) mod samples;
mod save;
mod sink;
mod terminal;
mod verdict;

pub(crate) use event::plays_again;
pub use event::{Cause, Event, RunInfo, RunSummary};
pub use exit::ExitCode;
pub use github::Github;
pub(crate) use json::Tool;
pub use json::report_schema;
pub use key_schedule::{KeySchedule, PlannedLane, Stretch};
pub use page::level_meaning;
pub use redact::Redactor;
pub use rendered::{Format, ReportFile};
pub(crate) use rendered::{code, line, rendered};
pub use results::could_not_check;
pub(crate) use results::some;
pub(crate) use save::{is_standard_output, json_text, save, schema_of, try_out};
pub use sink::{Reporter, Reports};
pub use terminal::{Terminal, TerminalOptions, Verbosity};
pub use verdict::{CheckResult, Exchange, Failure, KnownDeviation, Verdict};
pub(crate) use verdict::{ONE_OF_MANY, Way, millis};
