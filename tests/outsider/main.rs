//! The suite against a server that none of us had in mind: a second implementation of the contract, with other
//! limiters, other code and no word in common with the mock, and faults as real teams make them.
//!
//! It speaks the control protocol of the mock (workspaces, keys, a clock that can be set forward), so a minute costs
//! nothing here, either.
//!
//! - `faults`: one fault at a time. The check that is there for it fails, and what it has nothing to do with passes.
//! - `conforming`: what a server may do otherwise. Nothing is held against it.
//! - `program`: the built program against it, with keys in environment variables.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod answer;
mod conforming;
mod control;
mod faults;
mod handler;
mod judged;
mod limiter;
#[path = "../common/program.rs"]
mod program;
mod quirk;
mod server;
mod site;
mod whole_program;
