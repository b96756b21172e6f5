//! Scenarios and fixtures are compiled in; a new file among them must be noticed.
#![allow(clippy::print_stdout, reason = "how a build script talks to cargo")]

fn main() {
    for folder in ["scenarios", "fixtures"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
