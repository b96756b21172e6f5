//! The target file: what differs from the documented deployment, and which variables hold the keys.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use reqwest::{Certificate, Identity};
use schemars::JsonSchema;
use serde::Deserialize;

use super::control::Control;
use super::reach::Reach;
use super::role::{CONTROL_TOKEN_VARIABLE, Key, Role, filled, role_variable};
use super::target::{Envelope, Keys, Target, TargetInfo, default_keys, merge_same, read_key};
use super::{HttpVersions, ReachError, TargetError, is_this_machine};
use crate::contract::{ApiKey, Endpoint, Limits, Scope, Tier};
use crate::scenario::words::Span;
use crate::yaml::{At, Problem, Problems, Spanned, read_document};

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeysFrom {
    /// The environment where a key variable is set; else, unless the file names keys, a mock's control API where one answers
    /// on this machine.
    #[default]
    Auto,
    /// Environment variables only; waits take real time.
    Environment,
    /// A mock's control API at the base URL; waits advance its clock.
    Mock,
}

/// A deployment, described in YAML. Keys are named by the variables that hold them, never written down.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Its path and what is in it, for quoting; empty where the command line says all there is.
    #[serde(skip)]
    pub(crate) source: (String, String),
    /// Where the API is, without `/api/v1`.
    pub base_url: Option<Spanned<String>>,
    /// The keys. Without it, the default variables are read.
    #[serde(default)]
    pub keys: Vec<Spanned<KeyEntry>>,
    /// Where keys come from.
    #[serde(default)]
    pub keys_from: KeysFrom,
    /// Paths that differ from the documented ones, by endpoint.
    #[serde(default)]
    pub endpoints: Paths,
    /// Limits that differ from the documented ones, by tier.
    #[serde(default)]
    pub limits: TierLimits,
    /// How events are written.
    #[serde(default)]
    pub envelope: Envelope,
    /// How long one request may take in all, such as `30s`.
    pub timeout: Option<Span>,
    /// Whether error bodies may have more members than the page shows.
    #[serde(default)]
    pub allow_extra_members: bool,
    /// Header fields that go with every request, by their names. `$NAME` in a value is the environment variable of that name,
    /// and as secret as a key.
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    /// A PEM file with the certificates of authorities that are trusted besides the system's; beside this file, unless its
    /// path is absolute.
    pub ca: Option<Spanned<PathBuf>>,
    /// A PEM file with a client certificate and its private key.
    pub client_certificate: Option<Spanned<PathBuf>>,
    /// Whether certificates are not checked at all.
    #[serde(default)]
    pub insecure: bool,
    /// The proxy for every request, such as `http://proxy.example:3128`. Without it, HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and
    /// NO_PROXY say. This machine is never asked through a proxy.
    pub proxy: Option<Spanned<String>>,
    /// The version of HTTP, where it is not to be agreed on.
    #[serde(default)]
    pub http: HttpVersions,
    /// Addresses to use in the place of those that names have, such as `api.example: 127.0.0.1`.
    #[serde(default)]
    pub resolve: BTreeMap<String, Spanned<String>>,
}

/// One key of a target file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The role it plays; tells tier and scopes unless they are given.
    pub role: Option<Role>,
    /// The environment variable that holds it.
    pub env: Spanned<String>,
    /// Its tier.
    pub tier: Option<Tier>,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// A name for the account it belongs to; keys with the same name share it.
    pub account: Option<String>,
}

/// Limits of a tier on this deployment.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// Requests a minute.
    pub requests: Option<u32>,
    /// Events a minute.
    pub events: Option<u32>,
}

/// Paths of endpoints on this deployment.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Where events are posted.
    pub events: Option<String>,
    /// Where evaluation scores are posted.
    pub scores: Option<String>,
    /// Where sessions are listed.
    pub sessions: Option<String>,
    /// Where the overview is read.
    pub overview: Option<String>,
    /// Where the tools are read.
    pub tools: Option<String>,
}

/// Limits of the tiers on this deployment.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierLimits {
    /// The Standard tier's.
    pub standard: Option<LimitsEntry>,
    /// The Premium tier's.
    pub premium: Option<LimitsEntry>,
    /// The Ingestion tier's.
    pub ingestion: Option<LimitsEntry>,
}

impl Paths {
    fn by_endpoint(&self) -> BTreeMap<Endpoint, String> {
        [
            (Endpoint::Events, &self.events),
            (Endpoint::Scores, &self.scores),
            (Endpoint::Sessions, &self.sessions),
            (Endpoint::Overview, &self.overview),
            (Endpoint::Tools, &self.tools),
        ]
        .into_iter()
        .filter_map(|(endpoint, path)| Some((endpoint, path.clone()?)))
        .collect()
    }
}

impl TierLimits {
    fn by_tier(&self) -> BTreeMap<Tier, Limits> {
        [(Tier::Standard, self.standard), (Tier::Premium, self.premium), (Tier::Ingestion, self.ingestion)]
            .into_iter()
            .filter_map(|(tier, entry)| {
                let (entry, documented) = (entry?, tier.limits());
                let requests = entry.requests.unwrap_or(documented.requests);
                Some((tier, Limits { requests, events: entry.events.or(documented.events) }))
            })
            .collect()
    }
}

impl KeyEntry {
    /// The key this entry describes, with what the role tells where the entry is silent.
    fn key(&self, secret: ApiKey) -> Key {
        let scopes = if self.scopes.is_empty() {
            self.role.map(Role::scopes).unwrap_or_default()
        } else {
            self.scopes.clone()
        };
        let automatic = scopes.contains(&Scope::WriteEvents).then_some(Tier::Ingestion);
        Key {
            variable: self.env.value.clone(),
            secret,
            tier: self.tier.or(self.role.and_then(Role::tier)).or(automatic),
            scopes,
            account: self.account.clone(),
            given_for: self.role,
            mock_id: None,
        }
    }
}

impl TargetFile {
    /// Reads a target file.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`] and [`TargetError::BadFile`], the latter with every problem in it.
    pub fn read(path: &Path) -> Result<Self, TargetError> {
        let text =
            std::fs::read_to_string(path).map_err(|why| TargetError::Unreadable(path.to_owned(), why))?;
        let name = path.display().to_string();
        let file: Self = read_document(&name, &text).map_err(TargetError::BadFile)?;
        Ok(Self { source: (name, text), ..file })
    }

    fn problem(&self, at: At, what: impl AsRef<str>) -> Problem {
        Problem::at(&self.source.0, &self.source.1, at, what)
    }

    /// The target the file describes; `lookup` is the environment.
    ///
    /// # Errors
    /// Every [`TargetError`] except those of reading and of the embedded mock.
    pub async fn resolve(
        &self,
        lookup: &(dyn Fn(&str) -> Option<OsString> + Sync),
    ) -> Result<Target, TargetError> {
        let TargetInfo { base_url, loopback, limits, keys } = self.info(lookup)?;
        let reach = self.reach(lookup)?;
        let token = lookup(CONTROL_TOKEN_VARIABLE).filter(|token| !token.is_empty());
        let token = token.map(OsString::into_string).transpose().map_err(|_| TargetError::BadToken)?;
        let no_mock = |error| match self.keys_from {
            KeysFrom::Auto if token.is_none() => self.no_keys(&base_url),
            _ => error,
        };
        let keys = match keys {
            Some(keys) => Keys::Environment(keys),
            None => {
                reach.listens(&base_url).await?;
                Keys::Mock(Control::connect_with(&base_url, &reach, token.as_deref()).await.map_err(no_mock)?)
            }
        };
        let like_the_page = Target::on_this_machine(base_url, keys);
        Ok(Target {
            loopback,
            limits,
            paths: self.endpoints.by_endpoint(),
            envelope: self.envelope,
            timeout: self.timeout.map_or(like_the_page.timeout, Span::duration),
            extra_members_allowed: self.allow_extra_members,
            reach,
            ..like_the_page
        })
    }

    /// The way there: reads the files and variables that are named.
    ///
    /// # Errors
    /// [`TargetError::Reach`], or [`TargetError::BadFile`] where the file says what is wrong.
    pub fn reach(&self, lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Reach, TargetError> {
        let wrong = |at: At, error: ReachError| match at == At::default() {
            // The command line has put it over what the file says.
            true => error.into(),
            // A value may be a secret.
            false => TargetError::BadFile(self.problem(at, error.to_string()).without_the_rest().into()),
        };
        let mut reach = Reach { insecure: self.insecure, http: self.http, ..Reach::default() };
        for (name, Spanned { value, at }) in &self.headers {
            let bad = |why: &str| wrong(*at, ReachError::Header { name: name.clone(), why: why.to_owned() });
            if name.eq_ignore_ascii_case("x-api-key") {
                return Err(bad("keys come from variables of their own, such as TRENCHCHECK_KEY_STANDARD"));
            }
            let header = HeaderName::try_from(name).map_err(|_| bad("it is no name of a header"))?;
            let (filled, secrets) = filled(value, lookup).map_err(|why| bad(&why))?;
            let mut value = HeaderValue::try_from(filled)
                .map_err(|_| bad("its value holds a line break or another control character"))?;
            value.set_sensitive(true);
            reach.headers.append(header, value);
            reach.secrets.extend(secrets);
        }
        let folder = Path::new(&self.source.0).parent().unwrap_or(Path::new(""));
        if let Some(Spanned { value: path, at }) = &self.ca {
            let read = read_pem(folder, path, "file of authorities", |pem| {
                let none =
                    "there is no certificate in it, which would begin with -----BEGIN CERTIFICATE-----";
                let found = Certificate::from_pem_bundle(pem).map_err(|error| error.to_string())?;
                if found.is_empty() { Err(none.to_owned()) } else { Ok(found) }
            });
            reach.authorities = read.map_err(|why| wrong(*at, why))?;
        }
        if let Some(Spanned { value: path, at }) = &self.client_certificate {
            let read = read_pem(folder, path, "client certificate", |pem| {
                Identity::from_pem(pem).map_err(|error| error.to_string())
            });
            reach.identity = Some(read.map_err(|why| wrong(*at, why))?);
        }
        if let Some(Spanned { value: proxy, at }) = &self.proxy {
            let bad = |why: &str| wrong(*at, ReachError::Proxy(why.to_owned()));
            let url = reqwest::Url::parse(proxy).map_err(|error| bad(&error.to_string()))?;
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(bad("only http and https are spoken"));
            }
            reach.proxy = Some(url);
        }
        for (host, Spanned { value: address, at }) in &self.resolve {
            let given = address.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
            let given = given.or_else(|_| address.parse::<SocketAddr>()).map_err(|_| {
                wrong(*at, ReachError::Address { host: host.clone(), address: address.clone() })
            });
            reach.resolve.push((host.clone(), given?));
        }
        Ok(reach)
    }

    /// The target the file describes, without asking it anything: where no key is given and it may be a mock on this
    /// machine, it is taken for one.
    ///
    /// # Errors
    /// Those of [`TargetFile::resolve`], except that nobody is asked for keys.
    pub fn info(&self, lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<TargetInfo, TargetError> {
        let mut problems: Vec<_> = self
            .keys
            .iter()
            .filter(|entry| entry.role.is_none() && entry.scopes.is_empty())
            .map(|entry| self.problem(entry.at, "a key needs a role, or its scopes"))
            .collect();
        let found = base_url(self.base_url.as_ref().map_or("", |url| url.as_str()));
        if !self.source.1.is_empty() {
            problems.extend(found.as_ref().err().map(|error| self.bad_url(error)));
        }
        if let Some(problems) = Problems::new(problems) {
            return Err(TargetError::BadFile(problems));
        }
        let (base_url, loopback) = found?;
        let mut keys = Vec::new();
        for entry in &self.keys {
            if let Some(secret) = read_key(&entry.env, lookup)? {
                keys.push(entry.key(secret));
            }
        }
        if self.keys.is_empty() {
            keys = default_keys(lookup)?;
        }
        let keys = merge_same(keys)?;
        let keys = match self.keys_from {
            KeysFrom::Mock => None,
            KeysFrom::Auto | KeysFrom::Environment if !keys.is_empty() => Some(keys),
            // Nobody else's machine is asked whether it is a mock, nor one for which the file names keys.
            KeysFrom::Auto if loopback && self.keys.is_empty() => None,
            KeysFrom::Auto | KeysFrom::Environment => return Err(self.no_keys(&base_url)),
        };
        Ok(TargetInfo { base_url, loopback, limits: self.limits.by_tier(), keys })
    }

    /// What is wrong with the file's base URL, at its place.
    fn bad_url(&self, error: &TargetError) -> Problem {
        let Some(given) = &self.base_url else {
            let missing = self.problem(At::default(), "`base_url` is missing");
            return missing.help("say where the API is, such as `base_url: https://app.trenchcoat.com`");
        };
        let problem = self.problem(given.at, error.to_string());
        if may_hold_a_secret(given) { problem.without_the_rest() } else { problem }
    }

    fn no_keys(&self, base_url: &str) -> TargetError {
        let mut variables: Vec<String> = self.keys.iter().map(|entry| entry.env.value.clone()).collect();
        if variables.is_empty() {
            let named = Role::ALL.into_iter().filter(|role| *role != Role::Any);
            variables = named.map(|role| role_variable(role, 1)).collect();
        }
        let example = variables.first().cloned().unwrap_or_default();
        TargetError::NoKeys { url: base_url.to_owned(), variables: variables.join(", "), example }
    }
}

/// Reads a PEM file that lies beside the target file, unless its path is absolute.
fn read_pem<T>(
    folder: &Path,
    path: &Path,
    what: &'static str,
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<T, ReachError> {
    let text = std::fs::read(folder.join(path)).map_err(|error| error.to_string());
    let read = text.and_then(|text| parse(&text));
    read.map_err(|why| ReachError::Certificate { what, path: path.to_owned(), why })
}

/// Whether the URL has a user name, a query or a fragment.
fn may_hold_a_secret(url: &str) -> bool {
    url.contains(['@', '?', '#'])
}

/// Checks a base URL, cuts its trailing slash, and tells whether its host is this machine.
fn base_url(text: &str) -> Result<(String, bool), TargetError> {
    let shown = if may_hold_a_secret(text) { "<hidden>" } else { text };
    let bad = |why: &str| TargetError::BadUrl(shown.to_owned(), why.to_owned());
    if text.is_empty() {
        return Err(bad("it is empty; give it with --target or as base_url"));
    }
    let url = reqwest::Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https are spoken"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds a user name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a query or a fragment"));
    }
    let host = url.host_str().ok_or_else(|| bad("it names no host"))?;
    let loopback = is_this_machine(host);
    // Who writes out the path of the API means what lies before it.
    let base = url.as_str().trim_end_matches('/');
    Ok((base.strip_suffix("/api/v1").unwrap_or(base).to_owned(), loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_loses_its_slash_and_knows_its_host() {
        assert_eq!(base_url("http://127.0.0.1:80/").unwrap(), ("http://127.0.0.1".to_owned(), true));
        assert_eq!(base_url("https://[::1]:8443/x/").unwrap(), ("https://[::1]:8443/x".to_owned(), true));
        assert!(!base_url("https://app.trenchcoat.com").unwrap().1);
        for bad in ["", "app.trenchcoat.com", "ftp://x", "http://u:p@x", "http://x/?key=1"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    fn environment(name: &str) -> Option<OsString> {
        (name == "TOKEN").then(|| "t0ps3cret".into())
    }

    /// A value of the command line.
    fn flag<T>(value: T) -> Spanned<T> {
        Spanned { value, at: At::default() }
    }

    fn header(name: &str, value: &str) -> TargetFile {
        let headers = [(name.to_owned(), flag(value.to_owned()))].into();
        TargetFile { headers, ..TargetFile::default() }
    }

    #[test]
    fn values_come_from_variables_and_are_secret() {
        let file = header("Authorization", "Bearer ${TOKEN}");
        let reach = file.reach(&environment).unwrap();
        assert_eq!(reach.headers["authorization"], "Bearer t0ps3cret");
        assert_eq!(reach.secrets().iter().map(ApiKey::reveal).collect::<Vec<_>>(), ["t0ps3cret"]);
        assert!(!format!("{reach:?}").contains("t0ps3cret"));
    }

    #[test]
    fn what_cannot_be_sent_is_named_without_its_value() {
        let why = |name: &str, value: &str| header(name, value).reach(&environment).unwrap_err().to_string();
        assert!(why("X-API-Key", "a").contains("TRENCHCHECK_KEY_STANDARD"));
        assert_eq!(why("X-A", "$NONE"), "the header `X-A` cannot be sent: the variable NONE is not set");
        assert!(why("X A", "b").contains("no name of a header"));
        assert!(why("X-A", "a$").contains("no variable's name"));
        assert!(why("X-A", "a\nb").contains("line break"));
    }

    #[test]
    fn files_and_addresses_that_are_none_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
        let name = folder.path().join("target.yaml").display().to_string();
        let error = |file: TargetFile| {
            let source = (name.clone(), String::new());
            TargetFile { source, ..file }.reach(&environment).unwrap_err().to_string()
        };
        let ca = |path: &str| TargetFile { ca: Some(flag(path.into())), ..TargetFile::default() };
        assert!(error(ca("ca.pem")).contains("ca.pem"));
        assert!(error(ca("none.pem")).contains("none.pem"));
        let resolve = [("api.example".to_owned(), flag("nowhere".to_owned()))].into();
        assert!(error(TargetFile { resolve, ..TargetFile::default() }).contains("`nowhere` is no address"));
        let proxy = Some(flag("proxy".to_owned()));
        assert!(error(TargetFile { proxy, ..TargetFile::default() }).contains("proxy"));
    }
}
