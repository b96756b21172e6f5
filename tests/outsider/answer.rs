//! Answers.

use bytes::Bytes;

/// Stands for a status where the connection ends without an answer.
pub(crate) const NO_ANSWER: u16 = 0;

/// An answer, before it is put on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Whether the connection ends after it.
    pub(crate) close: bool,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), close: false }
    }

    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.into(), close: false }
    }

    pub(crate) fn text(status: u16, kind: &str, body: &str) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, body: body.to_owned().into(), close: false }
    }

    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, format!(r#"{{"error": {{"code": "{code}", "message": "{message}"}}}}"#))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::error(401, "UNAUTHORIZED", "Missing or invalid API key.").with("www-authenticate", "ApiKey")
    }

    pub(crate) fn forbidden(scope: &str) -> Self {
        Self::error(403, "FORBIDDEN", &format!("This API key does not have the required scope: {scope}"))
    }

    pub(crate) fn limited(seconds: u64) -> Self {
        let message = format!("Rate limit exceeded. Retry after {seconds} seconds.");
        Self::error(429, "RATE_LIMITED", &message).with("retry-after", &seconds.to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.without(name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(&mut self, name: &str) {
        self.headers.retain(|(other, _)| *other != name);
    }
}
