//! From a request's name to what goes onto the wire, and to a command a person can repeat it with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::credentials::{Unfit, add_query, dress};
use crate::client::{Content, Outgoing};
use crate::contract::{Endpoint, Scope};
use crate::deployment::{Envelope, Key, Target};
use crate::payload::Payloads;
use crate::scenario::model::{Body, Credentials, HttpVersion, KeyForm, PathForm, RequestDef};
use crate::yaml::Spanned;

/// The scope of a request's endpoint, where it has one.
pub(super) fn scope_of(def: &RequestDef) -> Option<Scope> {
    endpoint_of(def).map(Endpoint::scope)
}

fn endpoint_of(def: &RequestDef) -> Option<Endpoint> {
    let name = def.endpoint.as_ref()?;
    Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == name.as_str())
}

/// The requests that these scopes grant, the cheapest first: those that read, then those that every deployment has.
pub(super) fn granted<'a>(
    requests: &'a BTreeMap<String, Spanned<RequestDef>>,
    scopes: &[Scope],
) -> impl Iterator<Item = (&'a str, &'a RequestDef)> + use<'a> {
    let mut granted: Vec<(&str, &RequestDef)> = requests
        .iter()
        .map(|(name, def)| (name.as_str(), &def.value))
        .filter(|(_, def)| scope_of(def).is_some_and(|scope| scopes.contains(&scope)))
        .collect();
    let reads = |def: &RequestDef| endpoint_of(def).is_some_and(|endpoint| endpoint.method() == "GET");
    granted.sort_by_key(|(_, def)| (!reads(def), def.optional));
    granted.into_iter()
}

/// Everything that makes up a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// The shared definition.
    pub(crate) def: &'a RequestDef,
    /// Another method.
    pub(crate) method: Option<&'a str>,
    /// Another way to write the path.
    pub(crate) path: Option<PathForm>,
    /// The version of HTTP.
    pub(crate) http: Option<HttpVersion>,
    /// Added query parameters.
    pub(crate) query: &'a BTreeMap<String, String>,
    /// Added header fields.
    pub(crate) headers: &'a BTreeMap<String, String>,
    /// Another body.
    pub(crate) body: Option<&'a Body>,
    /// Bytes of padding in each of its events.
    pub(crate) padding: u32,
    /// How the key travels.
    pub(crate) credentials: Option<&'a Credentials>,
    /// The key.
    pub(crate) key: &'a Key,
    /// The session a batch belongs to.
    pub(crate) session: &'a str,
    /// How events are written.
    pub(crate) envelope: Envelope,
}

const NOTHING: &BTreeMap<String, String> = &BTreeMap::new();

impl<'a> Recipe<'a> {
    /// The request as it is defined, with the key where it belongs.
    pub(crate) fn plain(def: &'a RequestDef, key: &'a Key, session: &'a str, envelope: Envelope) -> Self {
        Self {
            def,
            method: None,
            path: None,
            http: None,
            query: NOTHING,
            headers: NOTHING,
            body: None,
            padding: 0,
            credentials: None,
            key,
            session,
            envelope,
        }
    }

    /// The request, ready to leave.
    ///
    /// # Errors
    /// [`Unfit`] where the key cannot be brought into the form that is asked for.
    pub(crate) fn make(
        &self,
        base_url: &str,
        target: &Target,
        payloads: &Payloads,
    ) -> Result<Outgoing, Unfit> {
        let endpoint = self
            .def
            .endpoint
            .as_ref()
            .and_then(|name| Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == name.as_str()));
        let path = match (endpoint, &self.def.path) {
            (Some(endpoint), _) => target.path(endpoint),
            (None, Some(path)) => path,
            (None, None) => "/",
        };
        let method =
            self.method.or(self.def.method.as_deref()).or(endpoint.map(Endpoint::method)).unwrap_or("GET");
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let mut url = format!("{base_url}{}", written(path, self.path));
        for (name, value) in self.def.query.iter().chain(self.query) {
            add_query(&mut url, name, value);
        }
        let mut headers = Vec::new();
        let body = self.body.or(self.def.body.as_ref()).map(|body| self.content(body, payloads));
        if body.is_some() {
            headers.push((http::header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                // One that is given takes the place of the request's own.
                headers.retain(|(own, _)| *own != name);
                headers.push((name, value));
            }
        }
        let mut outgoing = Outgoing { method, url, headers, body, spelled: None, http: self.http };
        dress(&mut outgoing, self.credentials, &self.key.secret)?;
        Ok(outgoing)
    }

    fn content(&self, body: &Body, payloads: &Payloads) -> Content {
        match body {
            Body::Events(count) => {
                Content::Events(payloads.events(*count, self.padding, self.envelope, self.session))
            }
            Body::Scores(count) => Content::Bytes(payloads.scores(*count, self.session)),
            Body::Text(text) => Content::Bytes(Bytes::from(text.clone())),
        }
    }

    /// A `curl` command that sends `outgoing` again; the key stands in it as `$VARIABLE`.
    pub(crate) fn curl(&self, outgoing: &Outgoing) -> String {
        const MOST_BODY: usize = 600;
        let key = self.key.secret.reveal();
        let variable = format!("${{{}}}", self.key.variable);
        // Double quotes keep the variable alive, so what else the shell would read inside them is escaped first.
        let quote = |text: &str| {
            let escaped: String = text
                .chars()
                .flat_map(|mark| match mark {
                    '"' | '\\' | '$' | '`' => vec!['\\', mark],
                    _ => vec![mark],
                })
                .collect();
            format!("\"{}\"", escaped.replace(key, &variable))
        };
        let mut words = vec!["curl -sS -i".to_owned()];
        if outgoing.method != Method::GET {
            words.push(format!("-X {}", outgoing.method));
        }
        let own_form = self.credentials.and_then(|given| given.x_api_key);
        for (name, value) in &outgoing.headers {
            let named =
                outgoing.spelled.clone().filter(|_| name == "x-api-key").unwrap_or_else(|| title(name));
            let shell =
                own_form.filter(|_| name == "x-api-key").and_then(|form| in_shell(form, &self.key.variable));
            words.push(match shell {
                Some(shell) => format!("-H \"{named}: {shell}\""),
                None if value.is_empty() => format!("-H \"{named};\""),
                None => format!(
                    "-H {}",
                    quote(&format!("{named}: {}", String::from_utf8_lossy(value.as_bytes())))
                ),
            });
        }
        match outgoing.body.as_ref().map(Content::bytes) {
            Some(body) if body.len() <= MOST_BODY => {
                words.push(format!("--data {}", quote(&String::from_utf8_lossy(&body))));
            }
            Some(body) => words.push(format!("--data @body.json  # {} bytes", body.len())),
            None => {}
        }
        words.insert(words.len() - usize::from(outgoing.body.is_some()), quote(&outgoing.url));
        words.join(" ")
    }
}

/// The path, written in another way where that is asked for.
fn written(path: &str, form: Option<PathForm>) -> Cow<'_, str> {
    let Some(form) = form else { return Cow::Borrowed(path) };
    let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
    Cow::Owned(match (form, last.chars().next()) {
        (PathForm::DoubleSlash, _) => format!("{before}//{last}"),
        (PathForm::PercentEncoded, Some(first)) if first.is_ascii() => {
            format!("{before}/%{:02X}{}", u32::from(first), &last[1..])
        }
        (PathForm::LeadingDoubleSlash, _) => format!("/{path}"),
        (PathForm::UpperCase, _) => format!("{before}/{}", last.to_ascii_uppercase()),
        (PathForm::Parameter, _) => format!("{path};v=1"),
        (PathForm::Suffix, _) => format!("{path}.json"),
        (PathForm::TrailingSlash | PathForm::PercentEncoded, _) => format!("{path}/"),
    })
}

/// A near-miss of the key as the shell can make it.
fn in_shell(form: KeyForm, variable: &str) -> Option<String> {
    match form {
        KeyForm::Valid => Some(format!("${{{variable}}}")),
        KeyForm::OneLess => Some(format!("${{{variable}%?}}")),
        KeyForm::LastChanged => Some(format!("${{{variable}%?}}_")),
        KeyForm::NoPrefix => Some(format!("${{{variable}#ct_live_}}")),
        KeyForm::OtherPrefix => Some(format!("ct_test_${{{variable}#ct_live_}}")),
        _ => None,
    }
}

/// A header's name as people write it.
fn title(name: &HeaderName) -> String {
    if name == "x-api-key" {
        return "X-API-Key".to_owned();
    }
    let word = |word: &str| {
        let mut marks = word.chars();
        marks.next().map(|first| first.to_ascii_uppercase().to_string() + marks.as_str()).unwrap_or_default()
    };
    name.as_str().split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_in_other_ways() {
        let path = "/api/v1/sessions";
        assert_eq!(written(path, None), path);
        assert_eq!(written(path, Some(PathForm::TrailingSlash)), "/api/v1/sessions/");
        assert_eq!(written(path, Some(PathForm::DoubleSlash)), "/api/v1//sessions");
        assert_eq!(written(path, Some(PathForm::PercentEncoded)), "/api/v1/%73essions");
        assert_eq!(written(path, Some(PathForm::LeadingDoubleSlash)), "//api/v1/sessions");
        assert_eq!(written(path, Some(PathForm::UpperCase)), "/api/v1/SESSIONS");
        assert_eq!(written(path, Some(PathForm::Parameter)), "/api/v1/sessions;v=1");
        assert_eq!(written(path, Some(PathForm::Suffix)), "/api/v1/sessions.json");
    }
}
