//! The vocabulary of the vendor's *Authentication* page: keys, scopes, tiers, endpoints, error bodies, clauses.
//!
//! Everyone may know these words; they know nobody. No I/O, no clock.
//! The judge ([`crate::run`]) and the judged ([`crate::mock`]) share this module and nothing else,
//! and the judge takes expected bodies from `fixtures/`, never from here.

mod clause;
mod endpoint;
mod error_body;
mod key;
mod limits;
mod scope;

pub use clause::{CLAUSES, Clause, Coverage, clause};
pub use endpoint::{EVENT_TYPES, Endpoint};
pub use error_body::{ErrorCode, RetryAfterFault, retry_after};
pub use key::{ApiKey, InvalidApiKey};
pub use limits::{Limits, Tier, WINDOW_SECONDS};
pub use scope::{Scope, UnknownScope};
