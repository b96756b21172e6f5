//! The words for one request.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::span::Spanned;

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How the key travels. Without it: the key as it is, in X-API-Key. `{}` sends no key at all.
    pub credentials: Option<Credentials>,
    /// Another method than the request's own.
    pub method: Option<Spanned<String>>,
    /// Another way to write the request's path.
    pub path: Option<PathForm>,
    /// Query parameters added to the request's own.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Header fields added to the request's own.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Another body than the request's own.
    pub body: Option<Body>,
    /// Gives the batch's session a name for `find_session`.
    pub session: Option<Spanned<String>>,
    /// Whether it travels on a connection that was used before, where there is one; else each has one of its own.
    #[serde(default)]
    pub used_connection: bool,
}

/// Where the key, or something like it, is put. Every field that is given is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Credentials {
    /// In the X-API-Key header.
    pub x_api_key: Option<KeyForm>,
    /// In a second X-API-Key field line, after the first.
    pub x_api_key_again: Option<KeyForm>,
    /// Another spelling of the X-API-Key header's name, with the key as it is in it.
    pub spelled: Option<String>,
    /// In `Authorization: Bearer …`.
    pub bearer: Option<KeyForm>,
    /// In `Authorization: ApiKey …`.
    pub api_key_scheme: Option<KeyForm>,
    /// In `Authorization`, as it is, after this word.
    pub scheme: Option<String>,
    /// In `Authorization: Basic …`, as user name and as password.
    pub basic: Option<KeyForm>,
    /// In the named header, as it is.
    pub header: Option<String>,
    /// In the named query parameter, as it is.
    pub query: Option<String>,
    /// In the named cookie, as it is.
    pub cookie: Option<String>,
    /// In the named member of the JSON body, as it is.
    pub body: Option<String>,
}

/// What is sent in a key's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// The key itself.
    Valid,
    /// Nothing: an empty value.
    Empty,
    /// One blank.
    Blank,
    /// A well-formed key that was never given out.
    Unknown,
    /// The key with its last character changed.
    LastChanged,
    /// The key with the case of one letter flipped.
    CaseFlipped,
    /// The key without its last character.
    OneLess,
    /// The key with one character more.
    OneMore,
    /// The first half of the key's random part.
    FirstHalf,
    /// The key's random part without `ct_live_`.
    NoPrefix,
    /// The key's random part after `ct_test_`.
    OtherPrefix,
    /// `ct_live_` and nothing else.
    PrefixAlone,
    /// `Bearer ` and the key.
    BearerInside,
    /// A key of 8 KiB.
    Huge,
    /// Bytes above 127.
    NonAscii,
    /// Quotes and other marks that code might trip over.
    Quotes,
    /// `ct_live_%`: every key, to who looks keys up by a pattern.
    Wildcard,
    /// `ct_live_*`: the same in another notation.
    Star,
}

/// A way to write a path that careless code takes for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathForm {
    /// With a slash at the end.
    TrailingSlash,
    /// With its last slash doubled.
    DoubleSlash,
    /// With its first slash doubled.
    LeadingDoubleSlash,
    /// With its last part in capitals.
    UpperCase,
    /// With a parameter after its last part, such as `;v=1`, which some frameworks cut off.
    Parameter,
    /// With `.json` at the end, which some frameworks take for the wanted format.
    Suffix,
    /// With the first letter of its last part percent-encoded, which means the same (RFC 3986, 6.2.2.2).
    PercentEncoded,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: agreed on with TLS, and with prior knowledge where there is no TLS.
    Http2,
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A batch of this many events in the target's envelope.
    Events(u32),
    /// A batch of this many evaluation scores.
    Scores(u32),
    /// This text, whatever it is.
    Text(String),
}

impl Body {
    /// How many events it holds, if it is a batch of them.
    pub fn events(&self) -> Option<u32> {
        if let Self::Events(events) = self { Some(*events) } else { None }
    }
}

/// A request that checks share, from `requests.yaml`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestDef {
    /// The endpoint, whose path a target file may change; see `trenchcheck explain endpoints`.
    pub endpoint: Option<Spanned<String>>,
    /// A path of its own, for what is no documented endpoint.
    pub path: Option<String>,
    /// The method; without it the endpoint's documented one.
    pub method: Option<String>,
    /// Whether a deployment may lack it; checks about it are then skipped.
    #[serde(default)]
    pub optional: bool,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The body; without it none.
    pub body: Option<Body>,
}

impl RequestDef {
    /// Whether it carries a batch of events, which is written in the target's envelope.
    pub fn posts_events(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.events().is_some())
    }
}
