//! Arguments, and one file per command.

pub mod completions;
pub mod explain;
pub mod list;
pub mod pattern;
#[cfg(test)]
mod samples;
