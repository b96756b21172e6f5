//! Load: hold keys at a rate, count every window, judge what was seen.
//!
//! A run leaves a [`RunRecord`] behind: counts by lane and window, latencies by outcome class. [`judge`]
//! turns it into a verdict, and does the same for a record that was merged from many machines.

mod document;
mod findings;
mod interval_log;
mod merge;
mod quantile;
mod record;
mod report;
#[cfg(test)]
mod samples;
mod series;
mod store;
mod stored;
mod thresholds;
mod totals;
mod verdict;

pub use document::load_schema;
pub use findings::{About, Finding, Miss, findings};
pub use merge::{MergeError, merge};
pub use record::{LaneRecord, Latencies, Outcome, RunRecord, WindowCounts, histogram, record_time};
pub use report::{Outputs, Reported, report};
pub use store::{StoreError, read_back, store};
pub use thresholds::{LatencyLimits, OutcomeLimits, Thresholds};
pub use verdict::{LoadVerdict, Unjudged, judge};
