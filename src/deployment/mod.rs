//! What is under test: its base URL, its keys by role, and how fresh keys are obtained.
//!
//! Three ways lead to keys: the mock in this process, a mock elsewhere through its control API, and
//! environment variables. The first two give every check a workspace of its own with a clock that can be
//! advanced; the third is a real deployment with real minutes.

mod control;
mod embedded;
mod env_file;
mod error;
mod file;
mod host;
mod keys;
mod reach;
mod reach_entry;
mod role;
mod target;
mod variables;

pub use control::{Control, Workspace};
pub use embedded::Embedded;
pub use env_file::{EnvFile, EnvFileError};
pub use error::TargetError;
pub use file::{KeysFrom, TargetFile};
pub use host::Unwelcome;
pub(crate) use host::{address, is_this_machine, welcome};
pub use reach::Reach;
pub use reach_entry::{HttpVersions, ReachEntry, ReachError};
pub use role::{Key, Role};
pub use target::{Envelope, Keys, Target, TargetInfo};
pub use variables::{CONTROL_TOKEN_VARIABLE, KEY_VARIABLE_PREFIX, role_variable};
