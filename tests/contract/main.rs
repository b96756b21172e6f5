//! Every check of the shipped suite fails against a deployment with the one fault it is there for, and names it;
//! and no check fails a deployment that only does something else than the reference.
//!
//! - `one_fault`: faults that need no memory, at a deployment of its own, written from the vendor's page in
//!   [`api`] and sharing nothing with the mock. The faults are the tables in [`faults`].
//! - `spelling`: the one fault that wiremock cannot show, behind a small proxy.
//! - `counting`: faults that need memory, as deviations of the mock.
//! - `conforming`: what a deployment may do differently.
//! - `reference`: the mock itself passes all of it, over both versions of HTTP.
//! - `nothing_to_judge`: servers that show nothing of what checks are about.
//! - `lax_startup`: a deployment with many faults at once.
//! - `complete`: no check of the suite is left out above.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod api;
mod complete;
mod conforming;
mod counting;
mod deployment;
mod faults;
mod lax_startup;
mod nothing_to_judge;
mod one_fault;
mod playing;
mod reference;
mod silent_endpoint;
mod spelling;
