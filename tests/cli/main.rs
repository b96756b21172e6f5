//! The program as people and CI systems meet it: its arguments, its outputs, its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod again;
#[path = "../common/api.rs"]
mod api;
mod control_token;
mod dead_keys;
mod deviations;
mod exit_codes;
mod files;
mod gating;
#[path = "../common/http.rs"]
mod http;
mod interruption;
mod keys;
mod knowledge;
mod output;
mod plan;
#[path = "../common/program.rs"]
mod program;
mod reach;
mod reports;
mod selection;
mod target;
mod watch;
mod within;
