//! Parses the command line, dispatches, exits.

fn main() {}
