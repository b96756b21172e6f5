//! Playing contract scenarios against a target and judging what comes back.
//!
//! An experiment sends (`runner`, `steps`) and leaves `evidence`; a check only reads (`judge`), and
//! `causes` says which failure explains which. `play` does it in rounds: a `survey` of what everything else stands on;
//! every experiment once, side by side as far as keys allow (`schedule`); then those again that left a doubt which a
//! conforming limiter may explain. What they leave is a [`Recording`], and by that the run is judged. The judge knows the
//! contract's vocabulary and nothing of the mock.
//!
//! A test in Rust plays the suite, or a part of it, against its own server with [`test()`]; [`play()`] is for those who also want
//! the events that reports are made of.

mod admissions;
mod again;
mod allocator;
mod apart;
mod burst_gate;
mod burst_result;
mod case;
mod causes;
mod clock;
mod credentials;
mod early_end;
mod environment;
mod estimate;
mod evidence;
mod finding;
mod instant;
mod job;
mod judge;
mod keys;
mod learned;
mod limiters;
mod options;
mod plan;
mod play;
mod playable;
mod player;
mod queue;
mod recording;
mod render;
mod request;
mod run_context;
mod run_state;
mod runner;
mod schedule;
mod sending;
mod sharing;
mod steps;
mod survey;
mod trace;
mod waiters;
mod walk;

pub use crate::client::Fault;
pub use options::{JOBS, Options};
pub use plan::{LeftOut, TestPlan, plan};
pub use play::{play, record, test};
pub use recording::{EvidenceError, Recording, evidence_schema, judge_recording};
