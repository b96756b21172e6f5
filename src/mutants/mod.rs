//! Judging the judge: the suite against every wrong behaviour the mock knows.
//!
//! A *mutant* is the reference with one change. [`mutants`] lists them: the reference itself, the limiters and legal
//! variants, which nothing may be held against, and the deviations, each of which some check has to name. [`hunt()`]
//! plays the suite against them and says which deviation survived, and which check never caught one.
//!
//! A mutant may also be one server with several deviations that show beside each other: each has to be named, and no check
//! may fail that is about none of them.
//!
//! This is the one place that knows both the mock's catalogue and the judge. They still know nothing of each other.

mod hunt;
mod judge;
mod mutant;
#[cfg(test)]
mod samples;
mod summary;
mod table;
mod view;

pub use hunt::{Ground, Hunt, HuntError, HuntOptions, hunt};
pub use judge::{CameTo, Examined, Held, Missed, MutantStatus};
pub use mutant::{BadComposition, Mutant, NoShare, Share, compose, mutants};
pub use summary::{Failing, GroupCount, IdleCheck, Summary};
pub use table::print;
pub use view::{hunt_schema, save_hunt};
