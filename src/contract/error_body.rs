//! The codes and messages of the documented error bodies.

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
