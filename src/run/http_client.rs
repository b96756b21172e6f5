//! One HTTP client for everything the judge sends.

use std::io::Read as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

use super::clock::Clock;
use super::connector::{ConnectionLimiter, Connector};
use super::delayed_body::DelayedBody;
use super::fault::Fault;
use super::message::{Answer, MOST_BODY_BYTES, Outgoing};
use super::raw_http::Connection;
use crate::deployment::{Reach, Target};
use crate::scenario::model::HttpVersion;
use crate::system;

/// How this program calls itself.
pub(super) const USER_AGENT: &str = concat!("trenchcheck/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept: shorter than common servers keep it, so that we do not send into
/// a connection that is just being closed.
const POOL_IDLE: Duration = Duration::from_secs(2);

/// The most of a body that is unpacked.
const MOST_PLAIN_BYTES: u64 = 8 * MOST_BODY_BYTES as u64;

/// How long an answer to the question whether HTTP/2 is spoken is waited for.
const PATIENCE_FOR_HTTP2: Duration = Duration::from_secs(3);

/// Which connections a request may travel on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Those that are open already.
    Reused,
    /// One of its own.
    Fresh,
    /// One of its own, on which the body waits so long for an answer to the header. Many small servers refuse a
    /// request by its header, read no body and close; their answer is lost to those who are still sending.
    Patient(Duration),
}

/// Clients that speak one version of HTTP, or whatever the target prefers.
#[derive(Debug, Clone)]
struct Clients {
    reused: Connector,
    fresh: Connector,
}

impl Clients {
    fn new(site: &Site, version: Option<HttpVersion>) -> Result<Self, Fault> {
        let Site { base_url, limiter, timeout, reach } = site;
        let builder = |idle: usize| {
            let builder = reqwest::Client::builder()
                .redirect(Policy::none())
                // Other parts of this program need decompression; what is judged is read as it came.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .timeout(*timeout)
                .pool_idle_timeout(POOL_IDLE)
                .pool_max_idle_per_host(idle)
                .tcp_nodelay(true)
                .user_agent(USER_AGENT);
            let builder = reach.apply(builder, base_url)?;
            Ok(match version {
                None => builder,
                Some(HttpVersion::Http1) => builder.http1_only(),
                // With TLS this offers h2 and nothing else; without, it is spoken without asking.
                Some(HttpVersion::Http2) => builder.http2_prior_knowledge(),
            })
        };
        let connector = |idle| Connector::new(limiter.as_ref(), || builder(idle));
        Ok(Self { reused: connector(usize::MAX)?, fresh: connector(0)? })
    }
}

/// Where requests go.
#[derive(Debug)]
struct Site {
    base_url: String,
    /// How many connections may be opening at once, where it is on this machine and no TLS is spoken.
    limiter: Option<ConnectionLimiter>,
    /// How long an answer is waited for.
    timeout: Duration,
    reach: Reach,
}

/// The client.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    any: Clients,
    http1: Arc<OnceLock<Clients>>,
    http2: Arc<OnceLock<Clients>>,
    site: Arc<Site>,
}

impl HttpClient {
    /// A client for URLs of a target that follows no redirect (a redirect is an answer) and undoes no compression.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub(crate) fn new(target: &Target) -> Result<Self, Fault> {
        let Target { base_url, loopback, timeout, reach, .. } = target;
        let limiter = (*loopback && system::is_plain(base_url)).then(ConnectionLimiter::new);
        let (base_url, reach) = (base_url.clone(), reach.clone());
        let site = Site { base_url, limiter, timeout: *timeout, reach };
        let any = Clients::new(&site, None)?;
        Ok(Self { any, http1: Arc::default(), http2: Arc::default(), site: Arc::new(site) })
    }

    /// The clients for a version; those that few checks need are made when they are first asked for.
    fn clients(&self, version: Option<HttpVersion>) -> Result<&Clients, Fault> {
        let made = match version {
            None => return Ok(&self.any),
            Some(HttpVersion::Http1) => &self.http1,
            Some(HttpVersion::Http2) => &self.http2,
        };
        match made.get() {
            Some(clients) => Ok(clients),
            None => {
                let clients = Clients::new(&self.site, version)?;
                Ok(made.get_or_init(|| clients))
            }
        }
    }

    /// A connection that is surely the same for every request, where the target speaks plain HTTP; elsewhere only the
    /// client library can be asked for one that is open.
    pub(super) fn one_connection(&self) -> Option<Connection> {
        let Site { base_url, reach, .. } = &*self.site;
        let direct = system::is_plain(base_url) && reach.is_direct(base_url);
        direct.then(|| self.by_hand())
    }

    fn by_hand(&self) -> Connection {
        Connection::new(self.site.timeout, self.site.reach.headers().clone())
    }

    /// Whether the target answers in HTTP/2.
    pub(crate) async fn offers_http2(&self, outgoing: &Outgoing) -> bool {
        let Ok(clients) = self.clients(Some(HttpVersion::Http2)) else { return false };
        let asked = clients.fresh.client().request(outgoing.method.clone(), &outgoing.url).send();
        // One that does not know HTTP/2 may wait for the rest of what it takes for a line of HTTP/1.1.
        tokio::time::timeout(PATIENCE_FOR_HTTP2.min(self.site.timeout), asked)
            .await
            .is_ok_and(|got| got.is_ok())
    }

    /// Sends a request and reads its answer whole, whatever it is.
    ///
    /// # Errors
    /// A [`Fault`] when there is no whole answer.
    pub(crate) async fn exchange(
        &self,
        outgoing: &Outgoing,
        connections: Connections,
        clock: &Clock,
    ) -> Result<Answer, Fault> {
        self.prepare(outgoing, connections)?.send(clock).await
    }

    /// Writes a request, so that nothing is left to do but to let it go.
    ///
    /// # Errors
    /// [`Fault::Unsendable`] when it cannot be written.
    pub(crate) fn prepare<'a>(
        &'a self,
        outgoing: &'a Outgoing,
        connections: Connections,
    ) -> Result<Prepared<'a>, Fault> {
        if outgoing.spelled.is_some() {
            return Ok(Prepared { client: self, way: Way::Raw(outgoing) });
        }
        let clients = self.clients(outgoing.http)?;
        let connector = match connections {
            Connections::Reused => &clients.reused,
            Connections::Fresh | Connections::Patient(_) => &clients.fresh,
        };
        let mut headers = HeaderMap::with_capacity(outgoing.headers.len());
        headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &outgoing.headers {
            headers.append(name.clone(), value.clone());
        }
        let mut request = connector.client().request(outgoing.method.clone(), &outgoing.url).headers(headers);
        if let Some(body) = &outgoing.body {
            let body = body.bytes();
            request = request.body(match connections {
                Connections::Patient(patience) => reqwest::Body::wrap(DelayedBody::new(body, patience)),
                Connections::Reused | Connections::Fresh => body.into(),
            });
        }
        let request = request.build().map_err(|error| Fault::of(error, self.site.timeout, ""))?;
        Ok(Prepared { client: self, way: Way::Plain(connector, Box::new(request)) })
    }
}

/// A request that is written and has not left.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    client: &'a HttpClient,
    way: Way<'a>,
}

#[derive(Debug)]
enum Way<'a> {
    Plain(&'a Connector, Box<reqwest::Request>),
    /// With the key's header spelled like this.
    Raw(&'a Outgoing),
}

impl Prepared<'_> {
    /// Sends it and reads its answer whole, whatever it is.
    ///
    /// # Errors
    /// A [`Fault`] when there is no whole answer.
    pub(crate) async fn send(self, clock: &Clock) -> Result<Answer, Fault> {
        let timeout = self.client.site.timeout;
        let (connector, request) = match self.way {
            Way::Plain(connector, request) => (connector, *request),
            Way::Raw(outgoing) => {
                return self.client.by_hand().exchange(outgoing, clock).await;
            }
        };
        let (sent, response) = connector.execute(request, clock).await;
        let mut response = response.map_err(|error| Fault::of(error, timeout, "no header came"))?;
        let answered = clock.now();
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MOST_BODY_BYTES => {
                    return Err(Fault::TooLarge(MOST_BODY_BYTES));
                }
                // Copied: what comes is a slice of a buffer that is much larger than most answers.
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    let got = format!("status {status} and {} bytes of body came", body.len());
                    return Err(Fault::of(error, timeout, &got));
                }
            }
        }
        let headers = std::mem::take(response.headers_mut());
        let (body, compressed) = decoded(&headers, body.freeze());
        Ok(Answer { status, headers, body, compressed, sent, answered, done: clock.now() })
    }
}

/// A body as it was meant, and whether it came compressed although nobody had asked for that. What cannot be undone stays
/// as it came.
pub(super) fn decoded(headers: &HeaderMap, body: Bytes) -> (Bytes, bool) {
    let encoding = headers.get(http::header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let mut plain = Vec::new();
    let read = match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity" | "") => return (body, false),
        Some("gzip" | "x-gzip") => {
            MultiGzDecoder::new(&body[..]).take(MOST_PLAIN_BYTES).read_to_end(&mut plain)
        }
        Some("deflate") => ZlibDecoder::new(&body[..]).take(MOST_PLAIN_BYTES).read_to_end(&mut plain),
        Some(_) => return (body, true),
    };
    if read.is_ok() { (plain.into(), true) } else { (body, true) }
}
