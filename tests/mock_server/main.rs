//! The mock over real HTTP.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod api;
mod clients;
mod control;
mod deviations;
mod faults;
mod hostile;
mod journal;
mod openapi;
mod page;
mod program;
mod recording;
mod settings;
mod stopping;
mod support;
