//! Load: hold keys at a rate, count every window, judge what was seen.
//!
//! A run goes through these, in this order:
//!
//! 1. [`profile`] reads what is asked for; [`LoadPlan`] lays it out for a target: lanes, each with a schedule;
//! 2. `keys` gathers the keys, sees that they work, and waits for their fresh windows;
//! 3. `senders` are the threads that send; in each, `tickets` releases every request when it is due, as [`pacer`] says;
//! 4. `attack`, on goose, has users whose slots take tickets and send; `client` says what came of it;
//! 5. `bookkeeping` takes it to the `ledger` of its lane, which counts it, and to those who watch: it is shown `live`;
//! 6. [`play()`] conducts all of them and returns the record.
//!
//! A run leaves a [`RunRecord`] behind: counts by lane and window, times by `series`. From there on nothing
//! knows whether one machine made it or many:
//!
//! - [`findings()`] holds every threshold of every lane against the record, and [`judge`] makes one verdict of it:
//!   *invalid*, where the load was not the one that was asked for, before anything about the target;
//! - [`report()`] tells it: to people, as JSON, as JUnit, and as a directory that [`merge()`] reads;
//! - [`merge()`] makes one record of the directories of all shards;
//! - [`Comparison`] lays a record beside that of another run.
//!
//! Percentiles are never averaged: what is shown of several keys comes from their histograms, added bucket by
//! bucket.

mod attack;
mod bookkeeping;
mod client;
mod compare;
mod error;
mod findings;
mod first_miss;
mod keys;
mod ledger;
mod live;
mod merge;
mod metrics;
pub mod pacer;
mod plan;
mod play;
pub mod profile;
mod record;
mod report;
mod sample;
#[cfg(test)]
mod samples;
mod senders;
mod series;
mod store;
mod thresholds;
mod tickets;
mod timeline;
mod times;
mod verdict;
#[cfg(test)]
mod virtual_time;

pub use compare::{Change, Comparison, Estimate, Limit, Measured, Metric};
pub use error::LoadError;
pub use findings::{About, Finding, Miss, findings};
pub use merge::{MergeError, merge};
pub use metrics::{Collector, Watchers};
pub use plan::{LanePlan, LoadPlan, Overrides};
pub use play::{Conduct, View, play};
pub use record::{LaneRecord, Part, RunRecord, Shard, WindowCounts, WindowTimes};
pub use report::compared;
pub use report::{Outputs, Reported, load_schema, report};
pub use sample::Outcome;
pub use series::{Histograms, Percentiles, Series};
pub use store::{StoreError, read_back, store};
pub use thresholds::{Beside, LatencyLimits, OutcomeLimits, Thresholds, TimeLimit};
pub use timeline::{Coarse, Interval, Timeline};
pub use times::Times;
pub use verdict::{Climb, LoadVerdict, Step, Unjudged, judge};
