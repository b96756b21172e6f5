//! Holding answers against expectations. Everything here is pure.

mod answer;
mod body;
mod check;
mod context;
mod counts;
mod each_429;
mod events;
mod facts;
mod header;
mod isolation;
mod learn;
mod paced;
mod plays;
mod polled;
mod promise;
mod reading;
mod ruling;
mod sent;
mod whole_run;
mod window;

pub(crate) use check::{Broken, Doubt, Judged, Measured, judge};
pub(crate) use counts::gets;
pub(crate) use learn::{Taught, learn};
pub(crate) use sent::compared;
