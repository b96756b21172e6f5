//! Several deviations in one server, as one meets them in the wild: is each of them named, and nobody else blamed?

mod compose;
mod judge;
mod play;
mod summary;
mod table;
mod view;

pub use compose::{BadComposition, Composition, compose};
#[cfg(test)]
pub(super) use judge::judge as judge_composition;
pub use judge::{CameTo, CompositionOutcome, ExaminedComposition, Missed};
pub use play::{CompositionHunt, CompositionOptions, hunt_compositions};
pub use summary::CompositionSummary;
pub use table::print_compositions;
pub(super) use view::CompositionView;
