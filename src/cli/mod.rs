//! The commands: arguments and one file for each.

pub mod mock;
