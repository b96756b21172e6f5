//! Connections of plain HTTP/1.1 to one place, below the client library.
//!
//! Each carries one request at a time and is used again, the one that was used last first: so whoever sends one request after
//! the other sends them all over one connection, and a limiter that counts by connection is told from one that counts by key.
//! Between a request and its socket is the protocol and nothing else, which makes it cheap; and a header's name can be put into
//! a spelling of our choice, which libraries write in lower case, as they may.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Answer, Content, Fault, IDENTITY, KEPT_IDLE, MOST_BODY_BYTES, OUR_NAME, Outgoing, Timekeeper};

type Connection = SendRequest<Full<Bytes>>;

/// Where requests go, and the connections to there that are free.
#[derive(Debug)]
pub(crate) struct Pool {
    host: String,
    port: u16,
    /// How long a whole answer is waited for.
    timeout: Duration,
    /// How the name of a header is spelled, where that is what is tested.
    spelling: Option<String>,
    /// The one that was used last is at the end, and used next.
    free: Mutex<VecDeque<(Instant, Connection)>>,
}

impl Pool {
    /// Connections to where this URL points; `None` where that takes more than a connection.
    pub(crate) fn to(url: &str, timeout: Duration) -> Option<Self> {
        let url = reqwest::Url::parse(url).ok()?;
        let plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| plain)?;
        // An address of IPv6 is in brackets there.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default()?;
        Some(Self { host, port, timeout, spelling: None, free: Mutex::default() })
    }

    /// The same place, with a header's name spelled like this in the first request of each connection.
    pub(super) fn spelling(mut self, name: Option<String>) -> Self {
        self.spelling = name;
        self
    }

    /// Sends a request, as [`written`] writes it, and reads its answer whole.
    ///
    /// # Errors
    /// A [`Fault`] when there is no whole answer.
    pub(crate) async fn exchange<C: Timekeeper>(
        &self,
        request: Request<Full<Bytes>>,
        clock: &C,
    ) -> Result<Answer<C::Instant>, Fault> {
        let outcome = tokio::time::timeout(self.timeout, self.send(request, clock)).await;
        let (seconds, got) = (self.timeout.as_secs(), || "no whole answer came".to_owned());
        outcome.unwrap_or_else(|_| Err(Fault::TimedOut { seconds, got: got() }))
    }

    async fn send<C: Timekeeper>(
        &self,
        mut request: Request<Full<Bytes>>,
        clock: &C,
    ) -> Result<Answer<C::Instant>, Fault> {
        // A connection that turns out to be gone before anything of the request was written is no reason to fail.
        while let Some(mut connection) = self.take() {
            if connection.ready().await.is_err() {
                continue;
            }
            let sent = clock.now();
            match connection.try_send_request(request).await {
                Ok(response) => return self.read(response, connection, sent, clock).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(fault(&error.into_error())),
                },
            }
        }
        let mut connection = self.connect().await?;
        let sent = clock.now();
        let response = connection.send_request(request).await.map_err(|error| fault(&error))?;
        self.read(response, connection, sent, clock).await
    }

    /// Reads an answer whole and frees its connection.
    async fn read<C: Timekeeper>(
        &self,
        response: http::Response<Incoming>,
        connection: Connection,
        sent: C::Instant,
        clock: &C,
    ) -> Result<Answer<C::Instant>, Fault> {
        let answered = clock.now();
        let (head, mut body) = response.into_parts();
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.map_err(|error| fault(&error))?.into_data() else { continue };
            if all.len().max(first.len()) + chunk.len() > MOST_BODY_BYTES {
                return Err(Fault::TooLarge(MOST_BODY_BYTES));
            }
            // Nearly every answer is in one piece.
            match (first.is_empty(), all.is_empty()) {
                (true, true) => first = chunk,
                (false, true) => {
                    all.extend_from_slice(&first);
                    all.extend_from_slice(&chunk);
                }
                _ => all.extend_from_slice(&chunk),
            }
        }
        self.free.lock().push_back((Instant::now(), connection));
        let body = if all.is_empty() { first } else { all.freeze() };
        Ok(Answer::new(head.status.as_u16(), head.headers, body, (sent, answered, clock.now())))
    }

    /// The free connection that was used last. Those that have been idle for long are closed.
    fn take(&self) -> Option<Connection> {
        let mut free = self.free.lock();
        while free.front().is_some_and(|(since, _)| since.elapsed() >= KEPT_IDLE) {
            free.pop_front();
        }
        free.pop_back().map(|(_, connection)| connection)
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| Fault::Connect(error.to_string()))?;
        let _ = stream.set_nodelay(true);
        let spelling = self.spelling.as_ref().map(|spelling| spelling.as_bytes().to_vec());
        let stream = TokioIo::new(Respelled { stream, spelling });
        let (connection, driver) = handshake(stream).await.map_err(|error| fault(&error))?;
        // Ends with the connection, however that ends; whoever uses it is told.
        tokio::spawn(driver);
        Ok(connection)
    }
}

/// A request as clients write it: the path in the first line, the host in a header. `always` are the header fields of every
/// request; one of its own takes the place of one of these.
///
/// # Errors
/// [`Fault::Unsendable`] when it cannot be written.
pub(super) fn written(outgoing: &Outgoing, always: &HeaderMap) -> Result<Request<Full<Bytes>>, Fault> {
    let unsendable = |what: &str| Fault::Unsendable(what.to_owned());
    let url: http::Uri = outgoing.url.parse().map_err(|_| unsendable("the URL cannot be read"))?;
    if url.scheme_str() != Some("http") {
        return Err(unsendable("this is written by hand, and over plain http only"));
    }
    let host = url.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(host).map_err(|_| unsendable("the host cannot be read"))?;
    let body = Full::new(outgoing.body.as_ref().map(Content::bytes).unwrap_or_default());
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder().method(outgoing.method.clone()).uri(path).body(body);
    let mut request = request.map_err(|error| unsendable(&error.to_string()))?;
    let headers = request.headers_mut();
    for (name, value) in &outgoing.headers {
        headers.append(name.clone(), value.clone());
    }
    let usual = [(HOST, host), (ACCEPT_ENCODING, IDENTITY), (USER_AGENT, OUR_NAME)];
    for (name, value) in always.iter().map(|(name, value)| (name.clone(), value.clone())).chain(usual) {
        headers.entry(name).or_insert(value);
    }
    Ok(request)
}

/// The fault behind an error that came while waiting for an answer.
fn fault(error: &hyper::Error) -> Fault {
    let why = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
    let why = format!("{error}{why}");
    if error.is_parse() || error.is_parse_too_large() { Fault::NotHttp(why) } else { Fault::CutOff(why) }
}

/// A stream that puts the wanted spelling into the first write, which holds the request's header.
struct Respelled {
    stream: TcpStream,
    spelling: Option<Vec<u8>>,
}

impl Respelled {
    /// The bytes with the header's name respelled, once; both spellings are equally long.
    fn respell(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let Some(spelling) = &self.spelling {
            let found =
                bytes.windows(spelling.len()).position(|window| window.eq_ignore_ascii_case(spelling));
            if let Some(at) = found {
                bytes[at..at + spelling.len()].copy_from_slice(spelling);
                self.spelling = None;
            }
        }
        bytes
    }
}

impl AsyncRead for Respelled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Respelled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.spelling.is_none() {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        let bytes = self.respell(buf);
        Pin::new(&mut self.stream).poll_write(cx, &bytes)
    }

    /// A header and its body leave together, unless something in them has to be found first.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.spelling.is_none() && self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::MachineClock;

    /// A server that answers so many requests on each connection and then closes it without a word. Counts connections.
    async fn server(requests: usize, answer: &'static str) -> (Pool, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut bytes = [0; 4_096];
                    for _ in 0..requests {
                        if stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                            stream.write_all(answer.as_bytes()).await.unwrap();
                        }
                    }
                });
            }
        });
        (Pool::to(&url, Duration::from_secs(9)).unwrap(), connections)
    }

    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const IN_PIECES: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n";

    async fn exchange(pool: &Pool) -> Result<Bytes, Fault> {
        let request = Request::get("/x").header("host", "x").body(Full::default()).unwrap();
        Ok(pool.exchange(request, &MachineClock).await?.body)
    }

    #[tokio::test]
    async fn a_connection_is_used_again() {
        let (pool, connections) = server(1_000, WHOLE).await;
        for _ in 0..20 {
            assert_eq!(exchange(&pool).await.unwrap(), "{}");
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn one_that_was_closed_meanwhile_is_replaced() {
        let (pool, connections) = server(1, WHOLE).await;
        for _ in 0..20 {
            assert_eq!(exchange(&pool).await.unwrap(), "{}");
            // The end has been heard of when nothing can be sent any more.
            let mut connection = pool.take().unwrap();
            while connection.ready().await.is_ok() {
                tokio::task::yield_now().await;
            }
            pool.free.lock().push_back((Instant::now(), connection));
        }
        assert_eq!(connections.load(Ordering::Relaxed), 20);
    }

    #[tokio::test]
    async fn bodies_in_pieces_are_whole() {
        let (pool, _) = server(1, IN_PIECES).await;
        assert_eq!(exchange(&pool).await.unwrap(), "abcdef");
    }

    #[tokio::test]
    async fn what_goes_wrong_is_told_apart() {
        let (pool, _) = server(1, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}").await;
        assert!(matches!(exchange(&pool).await, Err(Fault::CutOff(_))));
        let (pool, _) = server(1, "nothing of the kind\r\n\r\n").await;
        assert!(matches!(exchange(&pool).await, Err(Fault::NotHttp(_))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let nobody = Pool::to(&url, Duration::from_secs(9)).unwrap();
        assert!(matches!(exchange(&nobody).await, Err(Fault::Connect(_))));
    }

    #[test]
    fn only_plain_targets_get_one() {
        let to = |url: &str| Pool::to(url, Duration::from_secs(9)).map(|pool| (pool.host, pool.port));
        assert_eq!(to("http://[::1]:8080/x"), Some(("::1".to_owned(), 8_080)));
        assert_eq!(to("http://localhost/x"), Some(("localhost".to_owned(), 80)));
        assert_eq!(to("https://localhost/x"), None);
        assert_eq!(to("http://user:word@localhost/x"), None);
    }
}
