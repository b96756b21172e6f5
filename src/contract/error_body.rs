//! The codes and messages of the documented error bodies.

use std::time::Duration;

use super::Scope;

/// The `code` of an error body, with the status it belongs to (clauses `error.401`, `error.403`, `error.429`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 401: the key is missing or does not exist.
    Unauthorized,
    /// 403: the key lacks the scope.
    Forbidden,
    /// 429: the key is over a limit.
    RateLimited,
}

impl ErrorCode {
    /// All documented codes.
    pub const ALL: [Self; 3] = [Self::Unauthorized, Self::Forbidden, Self::RateLimited];

    /// The word in the body.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::RateLimited => "RATE_LIMITED",
        }
    }

    /// The status that carries the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::RateLimited => 429,
        }
    }

    /// The documented 401 sentence.
    pub const UNAUTHORIZED_MESSAGE: &'static str = "Missing or invalid API key.";

    /// The documented 403 sentence, naming the scope the endpoint requires.
    pub fn forbidden_message(scope: Scope) -> String {
        format!("This API key does not have the required scope: {scope}")
    }

    /// The documented 429 sentence, with the whole seconds to wait.
    pub fn rate_limited_message(seconds: u64) -> String {
        format!("Rate limit exceeded. Retry after {seconds} seconds.")
    }
}

/// Why a Retry-After cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfterFault {
    /// There is none.
    Missing,
    /// There are several.
    Several,
    /// It is no whole number of seconds.
    NoNumber,
}

/// Reads the lines of a Retry-After (clause `error.retry-after`): one, with a whole number of seconds.
///
/// # Errors
/// [`RetryAfterFault`].
pub fn retry_after<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Duration, RetryAfterFault> {
    let mut lines = lines.into_iter();
    let line = lines.next().ok_or(RetryAfterFault::Missing)?;
    if lines.next().is_some() {
        return Err(RetryAfterFault::Several);
    }
    let digits = std::str::from_utf8(line).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = digits.and_then(|text| text.parse().ok()).ok_or(RetryAfterFault::NoNumber)?;
    Ok(Duration::from_secs(seconds))
}
