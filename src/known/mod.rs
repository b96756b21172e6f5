//! Known deviations: the list of checks a deployment is known to fail, why that is accepted, and until when.
//!
//! A listed check is played like any other. That it fails is then no news; that it passes is, and so is an entry whose
//! day has gone by: both say that the list no longer tells the truth. Nothing here reads a clock; the day is passed in.

mod draft;
mod file;

pub use draft::{DraftError, Drafted, draft};
pub use file::{DeviationsFile, Entry, KnownError, ListedCheck, known};
