//! What can be wrong with a target, and the mend.

use std::path::PathBuf;

/// Why there is no target to judge.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The base URL cannot be read.
    #[error("`{url}` is no base URL ({why}); expected something like https://app.trenchcoat.com")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No key variable is set and the target is no mock.
    #[error(
        "no keys for {url}: none of the variables {variables} is set, and it is no mock on this machine; \
         export at least one, for example {example}=…"
    )]
    NoKeys {
        /// The target.
        url: String,
        /// The variables that were looked at.
        variables: String,
        /// One to begin with.
        example: String,
    },
    /// A variable holds something that is no key.
    #[error("the variable {variable} holds no usable key: {why}")]
    BadKey {
        /// The variable.
        variable: String,
        /// What is wrong with its value, which is not shown.
        why: crate::contract::InvalidApiKey,
    },
    /// One key is given for two tiers.
    #[error(
        "the variables {first} and {second} hold the same key, and a key is on one tier only; set just one of them"
    )]
    TwoTiers {
        /// A variable.
        first: String,
        /// Another one.
        second: String,
    },
    /// The target file cannot be read.
    #[error("cannot read the target file {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: std::io::Error,
    },
    /// The target file is wrong.
    #[error("{0}")]
    BadFile(crate::yaml::Problems),
    /// A mock's control API did not do what was asked.
    #[error("the mock's control API at {url} {what}")]
    Control {
        /// The URL that was called.
        url: String,
        /// What happened.
        what: String,
    },
    /// A control token is no token.
    #[error(
        "the variable {} holds no usable token: use visible ASCII characters",
        super::CONTROL_TOKEN_VARIABLE
    )]
    BadToken,
    /// The embedded mock did not start.
    #[error("the embedded mock did not start: {0}")]
    Embedded(String),
}
