//! trenchcheck checks any deployment of the Trenchcoat API against its documented contract.
//!
//! # The map of the house
//!
//! [`contract`] is the vocabulary of the vendor's page: keys, scopes, tiers, endpoints, error bodies, clauses. Everyone
//! knows it; it knows nobody.
//!
//! [`mock`] is the reference API: a pure engine that is told the time, and the server that carries it. It knows
//! `contract` and nothing else, for it is judged like any other deployment.
//!
//! [`yaml`] reads every file a user writes, each value with its place, with diagnostics a person can act on.
//!
//! [`scenario`] is the language in YAML in which the contract is written. The shipped scenarios and the literal bodies
//! they expect lie in `scenarios/` and `fixtures/`.
//!
//! [`deployment`] is what is under test: a base URL, keys by role, and where keys come from. It is the one place beside
//! the command line that knows `mock`, because the embedded reference is a target too.
//!
//! `client` is the one HTTP client: what [`run`] and [`load`] send goes out there.
//!
//! [`run`] plays scenarios against a target and judges what comes back. Judge and judged share the vocabulary and no
//! code. A wrong count is at first a suspicion; it becomes a failure when no conforming limiter explains it.
//!
//! [`load`] holds keys at a rate and judges every window: a pure pacer, tickets from one precise thread, goose's users,
//! a ledger, and a verdict that is the same for one machine and for many. One record is collected, saved, merged, judged
//! and written.
//!
//! [`known`] is the list of checks a deployment is known to fail, with reasons and last days.
//!
//! [`report`] takes one stream of events, redacts it once, and feeds the terminal, JUnit and JSON from it.
//!
//! [`mutants`] judges the judge: it plays the suite against every wrong behaviour the mock knows, and says which of them
//! no check notices.
//!
//! [`matrix`] lays reports of several deployments side by side, by clauses of the page.
//!
//! [`cli`] is the command line, one file a command, and `args` for what several have; `main` parses, dispatches, exits.

mod amounts;
pub mod cli;
mod client;
pub mod contract;
pub mod deployment;
pub mod known;
pub mod load;
pub mod matrix;
pub mod mock;
pub mod mutants;
mod nearest;
mod payload;
pub mod report;
pub mod run;
pub mod scenario;
mod system;
mod words;
pub mod yaml;
