//! A recording: every request whole, one line of JSON each, so that it can be sent again with other keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::contract::{Scope, Tier};
use crate::mock::engine::Located;
use crate::mock::request::Request;

use super::keep::{Mask, header, query};

/// A request of a recording. No text in it holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// When it arrived, in milliseconds since the mock was started.
    pub at_ms: u64,
    /// The method, as sent.
    pub method: String,
    /// The path in its workspace.
    pub path: String,
    /// What follows `?`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The key it was known by; nothing for none.
    pub key: Option<RecordedKey>,
    /// Pairs of name and value; what was masked in a value is `…`.
    pub headers: Vec<(String, String)>,
    /// The body, where it is text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The body in base64, where it is not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body_base64: String,
    /// The status it was answered with; 0 for none.
    pub status: u16,
}

/// A key of a recording, by what may be written down of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedKey {
    /// Its name.
    pub name: String,
    /// The tier it was on.
    pub tier: Tier,
    /// Whether it might read.
    pub reads: bool,
    /// Whether it might post events.
    pub writes: bool,
}

impl Recorded {
    /// What is kept of a request that arrived at `at_ms` and has no answer yet.
    pub(crate) fn of(request: &Request<'_>, located: &Located<'_>, at_ms: u64) -> Self {
        let mask = Mask::of(located.presented);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let is_told = |name: &str| located.key.is_some() && name.eq_ignore_ascii_case("x-api-key");
        let headers = request.headers.iter().filter(|(name, _)| !is_told(name));
        let (body, body_base64) = match String::from_utf8(mask.apply(request.body).into_owned()) {
            Ok(body) => (body, String::new()),
            Err(bytes) => (String::new(), STANDARD.encode(bytes.as_bytes())),
        };
        Self {
            at_ms,
            method: request.method.to_owned(),
            path: text(&mask.apply(located.path.unwrap_or(request.path).as_bytes())),
            query: query(mask, request.query),
            key: located.key.as_ref().map(|key| RecordedKey {
                name: key.name.to_string(),
                tier: key.tier,
                reads: key.scopes.contains(&Scope::ReadAnalytics),
                writes: key.scopes.contains(&Scope::WriteEvents),
            }),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), text(&header(mask, name, value))))
                .collect(),
            body,
            body_base64,
            status: 0,
        }
    }

    /// The body, as it came.
    ///
    /// # Errors
    /// What is wrong with its base64.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        if self.body_base64.is_empty() {
            return Ok(self.body.clone().into_bytes());
        }
        STANDARD.decode(&self.body_base64).map_err(|error| format!("`body_base64`: {error}"))
    }
}
