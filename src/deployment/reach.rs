//! How a deployment is reached: what a gateway in front of it wants, and the way there.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy, Url};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::role::filled;
use super::{HttpVersions, ReachEntry, ReachError, TargetError, host_of, is_this_machine};
use crate::contract::ApiKey;

/// How long a connection may take where nothing but that is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a deployment is reached.
#[derive(Clone, Default)]
pub struct Reach {
    headers: HeaderMap,
    secrets: Vec<ApiKey>,
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    insecure: bool,
    proxy: Option<Url>,
    http: HttpVersions,
    resolve: Vec<(String, SocketAddr)>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        formatter
            .debug_struct("Reach")
            .field("headers", &names)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

impl ReachEntry {
    /// Reads the files and variables that it names. Files are looked for beside the target file.
    ///
    /// # Errors
    /// [`ReachError`].
    pub fn resolve(
        &self,
        folder: &Path,
        lookup: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Reach, ReachError> {
        let mut reach = Reach { insecure: self.insecure, http: self.http, ..Reach::default() };
        for (name, value) in &self.headers {
            let bad = |why: String| ReachError::Header { name: name.clone(), why };
            if name.eq_ignore_ascii_case("x-api-key") {
                let why = "keys come from variables of their own, such as TRENCHCHECK_KEY_STANDARD";
                return Err(bad(why.to_owned()));
            }
            let header =
                HeaderName::try_from(name).map_err(|_| bad("it is no name of a header".to_owned()))?;
            let (text, secrets) = filled(value, lookup).map_err(&bad)?;
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| bad("its value holds a line break or another control character".to_owned()))?;
            value.set_sensitive(true);
            reach.headers.append(header, value);
            reach.secrets.extend(secrets);
        }
        if let Some(path) = &self.ca {
            reach.authorities = read(folder, path, "file of authorities", Certificate::from_pem_bundle)?;
            if reach.authorities.is_empty() {
                let why = "there is no certificate in it, which would begin with -----BEGIN CERTIFICATE-----";
                let path = path.clone();
                return Err(ReachError::Certificate {
                    what: "file of authorities",
                    path,
                    why: why.to_owned(),
                });
            }
        }
        if let Some(path) = &self.client_certificate {
            reach.identity = Some(read(folder, path, "client certificate", Identity::from_pem)?);
        }
        if let Some(proxy) = &self.proxy {
            let url = Url::parse(proxy).map_err(|error| ReachError::Proxy(error.to_string()))?;
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(ReachError::Proxy("only http and https are spoken".to_owned()));
            }
            reach.proxy = Some(url);
        }
        for (host, address) in &self.resolve {
            let given = address.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
            let given = given.or_else(|_| address.parse::<SocketAddr>());
            let bad = |_| ReachError::Address { host: host.clone(), address: address.clone() };
            reach.resolve.push((host.clone(), given.map_err(bad)?));
        }
        Ok(reach)
    }
}

impl Reach {
    /// A client's builder that reaches URLs below `base_url` like this.
    ///
    /// # Errors
    /// [`ReachError::Proxy`].
    pub(crate) fn apply(&self, builder: ClientBuilder, base_url: &str) -> Result<ClientBuilder, ReachError> {
        let mut builder = crate::system::certificates_where_needed(builder, base_url);
        if !crate::system::is_plain(base_url) {
            if !self.authorities.is_empty() {
                builder = builder.tls_certs_merge(self.authorities.iter().cloned());
            }
            if let Some(identity) = &self.identity {
                builder = builder.identity(identity.clone());
            }
            builder = builder.tls_danger_accept_invalid_certs(self.insecure);
        }
        builder = match &self.proxy {
            _ if is_loopback(base_url) => builder.no_proxy(),
            Some(proxy) => {
                let proxy =
                    Proxy::all(proxy.as_str()).map_err(|error| ReachError::Proxy(error.to_string()))?;
                builder.proxy(proxy.no_proxy(NoProxy::from_env()))
            }
            // The client library reads the usual variables.
            None => builder,
        };
        builder = match self.http {
            HttpVersions::Auto => builder,
            HttpVersions::Http1 => builder.http1_only(),
            HttpVersions::Http2 => builder.http2_prior_knowledge(),
        };
        for (host, address) in &self.resolve {
            builder = builder.resolve(host, *address);
        }
        Ok(builder.default_headers(self.headers.clone()))
    }

    /// Finds out whether somebody listens at a URL, and sends nothing. Behind a proxy only the proxy could tell.
    ///
    /// # Errors
    /// [`TargetError::Unreachable`] where nobody does.
    pub async fn listens(&self, base_url: &str) -> Result<(), TargetError> {
        let Ok(url) = Url::parse(base_url) else { return Ok(()) };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Ok(()) };
        if !is_loopback(base_url) && (self.proxy.is_some() || proxy_in_environment(url.scheme())) {
            return Ok(());
        }
        let given = self.resolve.iter().find(|(name, _)| name == host).map(|(_, address)| *address);
        let connect = async || match given {
            Some(address) if address.port() == 0 => TcpStream::connect((address.ip(), port)).await,
            Some(address) => TcpStream::connect(address).await,
            None => TcpStream::connect((host.trim_matches(['[', ']']), port)).await,
        };
        let why = match timeout(PATIENCE, connect()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.get_ref().is_none() => error.kind().to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no connection within {} s", PATIENCE.as_secs()),
        };
        Err(TargetError::Unreachable(base_url.to_owned(), why))
    }

    /// Header fields that go with every request.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> &[ApiKey] {
        &self.secrets
    }

    /// Whether certificates are not checked.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Whether connections of our own, without the client library, go where its connections go.
    pub(crate) fn is_direct(&self, base_url: &str) -> bool {
        let by_proxy = !is_loopback(base_url) && (self.proxy.is_some() || proxy_in_environment("http"));
        self.resolve.is_empty() && self.http != HttpVersions::Http2 && !by_proxy
    }
}

/// Whether a proxy is set for a scheme, where those who connect by hand ask: the client library knows the rest.
fn proxy_in_environment(scheme: &str) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let names = [format!("{scheme}_proxy"), "all_proxy".to_owned()];
    names.iter().any(|name| is_set(name) || is_set(&name.to_uppercase()))
}

fn is_loopback(base_url: &str) -> bool {
    is_this_machine(&host_of(base_url))
}

fn read<T>(
    folder: &Path,
    path: &Path,
    what: &'static str,
    parse: impl Fn(&[u8]) -> reqwest::Result<T>,
) -> Result<T, ReachError> {
    let bad = |why: String| ReachError::Certificate { what, path: path.to_owned(), why };
    let text = std::fs::read(folder.join(path)).map_err(|error| bad(error.to_string()))?;
    parse(&text).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<OsString> {
        (name == "TOKEN").then(|| "t0ps3cret".into())
    }

    fn headers(pairs: &[(&str, &str)]) -> ReachEntry {
        let headers = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ReachEntry { headers, ..ReachEntry::default() }
    }

    #[test]
    fn values_come_from_variables_and_are_secret() {
        let entry = headers(&[("Authorization", "Bearer ${TOKEN}"), ("X-Tenant", "acme")]);
        let reach = entry.resolve(Path::new("."), &environment).unwrap();
        assert_eq!(reach.headers()["authorization"], "Bearer t0ps3cret");
        assert_eq!(reach.secrets().iter().map(ApiKey::reveal).collect::<Vec<_>>(), ["t0ps3cret"]);
        assert!(!format!("{reach:?}").contains("t0ps3cret"));
    }

    #[test]
    fn what_cannot_be_sent_is_named_without_its_value() {
        let why = |name: &str, value: &str| {
            let entry = headers(&[(name, value)]);
            entry.resolve(Path::new("."), &environment).unwrap_err().to_string()
        };
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
        let error = |entry: ReachEntry| entry.resolve(folder.path(), &environment).unwrap_err().to_string();
        assert!(error(ReachEntry { ca: Some("ca.pem".into()), ..ReachEntry::default() }).contains("ca.pem"));
        assert!(
            error(ReachEntry { ca: Some("none.pem".into()), ..ReachEntry::default() }).contains("none.pem")
        );
        let resolve = [("api.example".to_owned(), "nowhere".to_owned())].into();
        assert!(error(ReachEntry { resolve, ..ReachEntry::default() }).contains("`nowhere` is no address"));
        assert!(error(ReachEntry { proxy: Some("proxy".into()), ..ReachEntry::default() }).contains("proxy"));
    }
}
