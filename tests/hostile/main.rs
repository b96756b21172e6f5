//! Targets that misbehave, each in one way, and targets that are odd and conforming: every run ends in a verdict that
//! names the fact, never in a hang or a panic, and conforming oddities break no promise.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

#[path = "../common/api.rs"]
mod api;
mod conforming;
mod fault;
mod from_the_start;
#[path = "../common/http.rs"]
mod http;
mod oddity;
#[path = "../common/program.rs"]
mod program;
mod run;
mod without_a_key;
