//! A form as browsers send it.

use serde_json::{Map, Value};

use crate::mock::message::{Request, decoded};

use super::ask::Problem;

/// What was filled in; fields left empty are not there.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    pub(super) fn of(request: &Request<'_>) -> Result<Self, Problem> {
        let kind = request.header_text("content-type").unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") || request.body_too_large {
            return Err(Problem::new(400, "This is no form of the page."));
        }
        let text = String::from_utf8_lossy(request.body);
        let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let pairs = pairs.map(|(name, value)| (decoded(name).into_owned(), decoded(value).trim().to_owned()));
        Ok(Self(pairs.filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// The first value of a field.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that is a whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let number = |text: &str| {
            text.parse().map_err(|_| Problem::new(400, format!("`{name}` is a whole number, not `{text}`")))
        };
        self.first(name).map(number).transpose()
    }

    /// The fields, to be shown again.
    pub(super) fn fields(&self) -> Map<String, Value> {
        self.0.iter().rev().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    }
}
