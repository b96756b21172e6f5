//! A client that sends every request as a check asks for it.
//!
//! A small server's queue of connections holds five, and one that finds it full is asked for again by the system after 1, 3, 7
//! and more seconds: a burst would last for minutes. So connections to this machine are asked for again by ourselves, and soon.
//! Nothing has been sent by then, so nothing is sent twice. Where many ask at once, the system may also take one for open that
//! had no room, and what is sent over it is lost for as long. So once the queue was seen to be full, connections are opened one
//! after the other.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Response};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;

use super::pool::{Pool, written};
use super::{Answer, Fault, IDENTITY, KEPT_IDLE, MOST_BODY_BYTES, OUR_NAME, Outgoing, Timekeeper};
use crate::deployment::{Reach, ReachError, Target};
use crate::scenario::model::HttpVersion;
use crate::system;

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

impl Site {
    /// A client of the library that keeps so many idle connections.
    fn builder(&self, version: Option<HttpVersion>, idle: usize) -> Result<ClientBuilder, ReachError> {
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            // Other parts of this program need decompression; what is judged is read as it came.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .timeout(self.timeout)
            .pool_idle_timeout(KEPT_IDLE)
            .pool_max_idle_per_host(idle)
            .tcp_nodelay(true)
            .user_agent(OUR_NAME);
        let builder = self.reach.apply(builder, &self.base_url)?;
        Ok(match version {
            None => builder,
            Some(HttpVersion::Http1) => builder.http1_only(),
            // With TLS this offers h2 and nothing else; without, it is spoken without asking.
            Some(HttpVersion::Http2) => builder.http2_prior_knowledge(),
        })
    }
}

/// The client. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    site: Arc<Site>,
    /// Those that keep their connections, and those that make one for each request, by version; each is made when it is first
    /// asked for.
    connectors: Arc<[[OnceLock<Connector>; 3]; 2]>,
}

impl HttpClient {
    /// A client for URLs of a target that follows no redirect (a redirect is an answer) and undoes no compression.
    ///
    /// # Errors
    /// [`Fault::Unsendable`] when the system's certificates cannot be read, or the way to the target cannot be used.
    pub(crate) fn new(target: &Target) -> Result<Self, Fault> {
        let Target { base_url, loopback, timeout, reach, .. } = target;
        let limiter = (*loopback && system::is_plain(base_url)).then(ConnectionLimiter::new);
        let (base_url, reach) = (base_url.clone(), reach.clone());
        let site = Site { base_url, limiter, timeout: *timeout, reach };
        let client = Self { site: Arc::new(site), connectors: Arc::default() };
        client.connector(None, Connections::Reused)?;
        Ok(client)
    }

    /// What makes connections for requests of a version, or of whatever the target prefers.
    fn connector(&self, version: Option<HttpVersion>, connections: Connections) -> Result<&Connector, Fault> {
        let (keeping, idle) = match connections {
            Connections::Reused => (0, usize::MAX),
            Connections::Fresh | Connections::Patient(_) => (1, 0),
        };
        let speaking = match version {
            None => 0,
            Some(HttpVersion::Http1) => 1,
            Some(HttpVersion::Http2) => 2,
        };
        let made = &self.connectors[keeping][speaking];
        match made.get() {
            Some(connector) => Ok(connector),
            None => {
                let connector =
                    Connector::new(self.site.limiter.as_ref(), || self.site.builder(version, idle))?;
                Ok(made.get_or_init(|| connector))
            }
        }
    }

    /// Connections below the client library to where `url` points: one that is surely the same for every request. `None` where
    /// TLS or a proxy lies between; there only the library can be asked for one that is open.
    pub(crate) fn pool(&self, url: &str) -> Option<Pool> {
        let Site { timeout, reach, .. } = &*self.site;
        Pool::to(url, *timeout).filter(|_| reach.is_direct(url))
    }

    /// A request as it goes over a [`Pool`].
    ///
    /// # Errors
    /// [`Fault::Unsendable`] when it cannot be written.
    pub(crate) fn written(&self, outgoing: &Outgoing) -> Result<http::Request<Full<Bytes>>, Fault> {
        written(outgoing, &self.site.reach.headers)
    }

    /// Whether the target answers in HTTP/2.
    pub(crate) async fn offers_http2(&self, outgoing: &Outgoing) -> bool {
        let version = Some(HttpVersion::Http2);
        let Ok(connector) = self.connector(version, Connections::Fresh) else { return false };
        let asked = connector.client.request(outgoing.method.clone(), &outgoing.url).send();
        // One that does not know HTTP/2 may wait for the rest of what it takes for a line of HTTP/1.1.
        tokio::time::timeout(PATIENCE_FOR_HTTP2.min(self.site.timeout), asked)
            .await
            .is_ok_and(|got| got.is_ok())
    }

    /// Sends a request and reads its answer whole, whatever it is.
    ///
    /// # Errors
    /// A [`Fault`] when there is no whole answer.
    pub(crate) async fn exchange<C: Timekeeper>(
        &self,
        outgoing: &Outgoing,
        connections: Connections,
        clock: &C,
    ) -> Result<Answer<C::Instant>, Fault> {
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
            return Ok(Prepared { client: self, way: Way::Spelled(outgoing) });
        }
        let connector = self.connector(outgoing.http, connections)?;
        let mut headers = HeaderMap::with_capacity(outgoing.headers.len());
        for (name, value) in &outgoing.headers {
            headers.append(name.clone(), value.clone());
        }
        headers.entry(http::header::ACCEPT_ENCODING).or_insert(IDENTITY);
        let mut request = connector.client.request(outgoing.method.clone(), &outgoing.url).headers(headers);
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
    /// With the key's header spelled in a way of its own, over plain HTTP.
    Spelled(&'a Outgoing),
}

impl Prepared<'_> {
    /// Sends it and reads its answer whole, whatever it is.
    ///
    /// # Errors
    /// A [`Fault`] when there is no whole answer.
    pub(crate) async fn send<C: Timekeeper>(self, clock: &C) -> Result<Answer<C::Instant>, Fault> {
        let timeout = self.client.site.timeout;
        let (connector, request) = match self.way {
            Way::Plain(connector, request) => (connector, *request),
            Way::Spelled(outgoing) => {
                let request = self.client.written(outgoing)?;
                let pool = Pool::to(&outgoing.url, timeout);
                let pool = pool.ok_or_else(|| Fault::Unsendable("the URL cannot be read".to_owned()))?;
                return pool.spelling(outgoing.spelled.clone()).exchange(request, clock).await;
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
        Ok(Answer::new(status, headers, body.freeze(), (sent, answered, clock.now())))
    }
}

/// How long a connection may take to open: where nothing lies between us and the target, it opens at once or not before
/// it is asked for again.
const AT_ONCE: Duration = Duration::from_millis(25);

/// How long it is asked for so, until we wait as for any other target: the way there may be longer than it looks, or
/// nobody may be taking connections up.
const HASTY_FOR: Duration = Duration::from_secs(3);

/// How many connections to a target on this machine may be opening at once; many clients share it.
#[derive(Debug, Clone)]
struct ConnectionLimiter(Arc<Semaphore>);

impl ConnectionLimiter {
    /// A limiter that lets all open at once.
    pub(super) fn new() -> Self {
        /// More than there are ports.
        const ALL: usize = 1 << 17;
        Self(Arc::new(Semaphore::new(ALL)))
    }

    /// From now on they open one after the other. Those under way are not counted.
    fn narrow(&self) {
        let all_but_one = self.0.available_permits().saturating_sub(1);
        // All of them or none: somebody else may be doing the same, and the last one must be left.
        if let Ok(permits) = self.0.try_acquire_many(u32::try_from(all_but_one).unwrap_or(u32::MAX)) {
            permits.forget();
        }
    }
}

/// A client that may have a hasty twin.
#[derive(Debug, Clone)]
struct Connector {
    hasty: Option<(Client, ConnectionLimiter)>,
    /// Requests are written with it, too.
    client: Client,
}

impl Connector {
    /// The client that `builder` makes, and its twin where the target has a `limiter`: where it is on this machine, and
    /// without TLS, whose handshake takes its time.
    ///
    /// # Errors
    /// [`Fault::Unsendable`] when the client cannot be set up.
    pub(super) fn new(
        limiter: Option<&ConnectionLimiter>,
        builder: impl Fn() -> Result<ClientBuilder, ReachError>,
    ) -> Result<Self, Fault> {
        let build =
            |builder: ClientBuilder| builder.build().map_err(|error| Fault::Unsendable(error.to_string()));
        let builder = || builder().map_err(|error| Fault::Unsendable(error.to_string()));
        let hasty = |limiter: &ConnectionLimiter| {
            // The time counts from where the connection is asked for, not from where it has to wait for others.
            let builder = builder()?
                .connector_layer(TimeoutLayer::new(AT_ONCE))
                .connector_layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&limiter.0)));
            Ok((build(builder)?, limiter.clone()))
        };
        Ok(Self { hasty: limiter.map(hasty).transpose()?, client: build(builder()?)? })
    }

    /// Sends a request; tells when the try began that came through.
    async fn execute<C: Timekeeper>(
        &self,
        request: Request,
        clock: &C,
    ) -> (C::Instant, reqwest::Result<Response>) {
        if let Some((hasty, limiter)) = &self.hasty {
            let begun = std::time::Instant::now();
            while begun.elapsed() < HASTY_FOR {
                // A body that waits cannot be had twice.
                let Some(again) = request.try_clone() else { break };
                let began = clock.now();
                match hasty.execute(again).await {
                    Err(error) if error.is_connect() && error.is_timeout() => limiter.narrow(),
                    outcome => return (began, outcome),
                }
            }
        }
        (clock.now(), self.client.execute(request).await)
    }
}

/// A body that is sent after a pause, unless the exchange is over by then.
struct DelayedBody {
    pause: Pin<Box<Sleep>>,
    bytes: Bytes,
}

impl DelayedBody {
    /// Holds `bytes` back for `pause`, from now.
    pub(super) fn new(bytes: Bytes, pause: Duration) -> Self {
        Self { pause: Box::pin(tokio::time::sleep(pause)), bytes }
    }
}

impl Body for DelayedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.pause.as_mut().poll(cx));
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::*;
    use crate::client::MachineClock;

    async fn answer_everybody(listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1_024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            });
        }
    }

    #[test]
    fn a_narrowed_limiter_lets_one_through() {
        let limiter = ConnectionLimiter::new();
        let _under_way = limiter.0.try_acquire().unwrap();
        limiter.narrow();
        limiter.narrow();
        assert_eq!(limiter.0.available_permits(), 1);
    }

    #[test]
    fn however_many_narrow_it_together_one_is_let_through() {
        for _ in 0..2_000 {
            let limiter = ConnectionLimiter::new();
            std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| limiter.narrow()))));
            assert!(limiter.0.available_permits() >= 1);
        }
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_gets_in_as_soon_as_there_is_room() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = tokio::time::timeout(AT_ONCE, TcpStream::connect(address)).await {
            queue.push(stream.unwrap());
        }
        let connector =
            Connector::new(Some(&ConnectionLimiter::new()), || Ok(Client::builder().no_proxy())).unwrap();
        let request = connector.client.get(format!("http://{address}/")).build().unwrap();
        let begun = std::time::Instant::now();
        let asked = tokio::spawn(async move { connector.execute(request, &MachineClock).await });
        // It has been turned away by the time it has asked twice.
        tokio::time::sleep(AT_ONCE * 2).await;
        drop(queue);
        let accepting = tokio::spawn(answer_everybody(listener));
        let (began, answer) = asked.await.unwrap();
        assert_eq!(answer.unwrap().status(), 204);
        // The system would have asked again after a second; the try that came through began just now.
        assert!(began - begun >= AT_ONCE, "{began:?}");
        accepting.abort();
    }
}
