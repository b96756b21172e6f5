//! Judging the judge: the suite against every wrong behaviour the mock knows.
//!
//! A *mutant* is the reference with one change. [`mutants`] lists them: the reference itself, the limiters and legal
//! variants, which nothing may be held against, and the deviations, each of which some check has to name. [`hunt()`]
//! plays the suite against them and says which deviation survived, and which check never caught one.
//!
//! This is the one place that knows both the mock's catalogue and the judge. They still know nothing of each other.

mod examine;
mod ground;
mod hunt;
mod judge;
mod mutant;
#[cfg(test)]
mod samples;
mod summary;
mod table;
mod view;

pub use ground::Ground;
pub use hunt::{Hunt, HuntError, HuntOptions, hunt};
pub use judge::{Examined, Held, Outcome};
pub use mutant::{Mutant, Nature, mutants};
pub use summary::{GroupCount, IdleCheck, Summary};
pub use table::print;
pub use view::{hunt_schema, save_hunt};
