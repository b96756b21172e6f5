//! How a deployment is reached: what a gateway in front of it wants, and the way there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy, Url};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{HttpVersions, TargetError, host_of, is_this_machine};
use crate::contract::ApiKey;

/// How long a connection may take where nothing but that is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a deployment cannot be reached as it is said.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// A header field cannot be sent.
    #[error("the header `{name}` cannot be sent: {why}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong; never quotes a value.
        why: String,
    },
    /// A file with certificates cannot be used.
    #[error("the {what} {} cannot be used: {why}", path.display())]
    Certificate {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The proxy's URL cannot be read.
    #[error("the proxy cannot be used: {0}; expected something like http://proxy.example:3128")]
    Proxy(String),
    /// A name cannot be given another address.
    #[error("`{address}` is no address for `{host}`; expected something like 127.0.0.1 or 127.0.0.1:8443")]
    Address {
        /// The name.
        host: String,
        /// What was given.
        address: String,
    },
}

/// How a deployment is reached.
#[derive(Clone, Default)]
pub struct Reach {
    /// What goes with every request.
    pub(crate) headers: HeaderMap,
    pub(super) secrets: Vec<ApiKey>,
    pub(super) authorities: Vec<Certificate>,
    pub(super) identity: Option<Identity>,
    /// Whether certificates are not checked.
    pub(crate) insecure: bool,
    pub(super) proxy: Option<Url>,
    pub(super) http: HttpVersions,
    pub(super) resolve: Vec<(String, SocketAddr)>,
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

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> &[ApiKey] {
        &self.secrets
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
