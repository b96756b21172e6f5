//! How a run is played.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::report::KnownDeviation;

/// How many jobs are under way at once. Most of their time is spent waiting for answers.
pub const JOBS: usize = 8;

/// How a run is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether `should` gates.
    pub strict: bool,
    /// Whether `rfc` gates.
    pub rfc: bool,
    /// Whether the run ends with the first failure that gates.
    pub fail_fast: bool,
    /// Whether every exchange is told.
    pub verbose: bool,
    /// The host the user named with `--allow-host`: bursts go there, and to this machine, and nowhere else.
    pub allowed_hosts: Vec<String>,
    /// How many jobs are under way at once: [`JOBS`], unless somebody knows better.
    pub jobs: usize,
    /// How long the run may take, where it is to end by itself with what was judged by then.
    pub within: Option<Duration>,
    /// The checks that are known to fail at this target, by id.
    pub known: BTreeMap<String, KnownDeviation>,
    /// The command line that plays the same again, without the checks, where there was one.
    pub again: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strict: false,
            rfc: false,
            fail_fast: false,
            verbose: false,
            allowed_hosts: Vec::new(),
            jobs: JOBS,
            within: None,
            known: BTreeMap::new(),
            again: None,
        }
    }
}
