//! What can be wrong with a target, and the mend.

use std::path::PathBuf;

use super::variables::CONTROL_TOKEN_VARIABLE;

/// Why there is no target to judge.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// This is no base URL, for this reason.
    #[error("`{0}` is no base URL ({1}); expected something like https://app.trenchcoat.com")]
    BadUrl(String, String),
    /// No key variable is set, and no mock makes keys.
    #[error(
        "no keys for {url}: none of the variables {variables} is set; export at least one, for example {example}=…, or \
         take a mock's own with --keys mock"
    )]
    NoKeys {
        /// The target.
        url: String,
        /// The variables that were looked at.
        variables: String,
        /// One to begin with.
        example: String,
    },
    /// Nobody listens at this URL.
    #[error("nobody answers at {0}: {1}")]
    Unreachable(String, String),
    /// This variable holds something that is no key, and is not shown.
    #[error("the variable {0} holds no usable key: {1}")]
    BadKey(String, crate::contract::InvalidApiKey),
    /// These two variables hold one key, for two tiers.
    #[error(
        "the variables {0} and {1} hold the same key, and a key is on one tier only; set just one of them"
    )]
    TwoTiers(String, String),
    /// The target file cannot be read.
    #[error("cannot read the target file {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, std::io::Error),
    /// The target file is wrong.
    #[error("{0}")]
    BadFile(crate::yaml::Problems),
    /// A mock's control API at this URL did not do what was asked.
    #[error("the mock's control API at {0} {1}")]
    Control(String, String),
    /// The file with variables is wrong.
    #[error(transparent)]
    EnvFile(#[from] super::env_file::EnvFileError),
    /// The way there is not one.
    #[error(transparent)]
    Reach(#[from] super::reach_entry::ReachError),
    /// A control token is no token.
    #[error("the variable {CONTROL_TOKEN_VARIABLE} holds no usable token: use visible ASCII characters")]
    BadToken,
    /// The embedded mock did not start.
    #[error("the embedded mock did not start: {0}")]
    Embedded(String),
}
