//! A lane's connections to a target that speaks plain HTTP/1.1.
//!
//! Each carries one request at a time and is used again, as those of any client are. But a client for every purpose costs
//! a generator more than all the rest of a request: between a request and its socket here is the protocol, and nothing
//! else.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::net::TcpStream;

/// How long an idle connection is kept: shorter than common servers keep it.
pub(super) const KEPT_IDLE: Duration = Duration::from_secs(2);

/// Why there is no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireError {
    /// Nobody is there.
    Connect,
    /// It broke off, or what came is no HTTP.
    Ended,
}

impl WireError {
    /// What failed, in few words: it is counted, and names no target.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Connect => "no connection could be made",
            Self::Ended => "the connection ended before the answer was complete",
        }
    }
}

/// A connection that is in use.
pub(super) type Connection = SendRequest<Full<Bytes>>;

/// Where a lane sends, and the connections to there that are free.
#[derive(Debug)]
pub(super) struct Wire {
    host: String,
    port: u16,
    /// The one that was used last is at the end, and used next.
    free: Mutex<VecDeque<(Instant, Connection)>>,
}

impl Wire {
    /// Connections to where this URL points; `None` where that takes more than a connection.
    pub(super) fn to(url: &Url) -> Option<Self> {
        let plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| plain)?;
        // An address of IPv6 is in brackets there.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: url.port_or_known_default()?, free: Mutex::default() })
    }

    /// Sends a request and waits for the head of its answer. A connection that turns out to be gone before anything of
    /// the request was written is no reason to fail.
    pub(super) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), WireError> {
        while let Some(mut connection) = self.take() {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => request = error.take_message().ok_or(WireError::Ended)?,
            }
        }
        let mut connection = self.connect().await.map_err(|_| WireError::Connect)?;
        let response = connection.send_request(request).await.map_err(|_| WireError::Ended)?;
        Ok((response, connection))
    }

    /// Reads a body whole, up to so many bytes, and frees its connection.
    pub(super) async fn read(
        &self,
        mut body: Incoming,
        connection: Connection,
        most: usize,
    ) -> Result<Bytes, WireError> {
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        let mut whole = true;
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.map_err(|_| WireError::Ended)?.into_data() else { continue };
            if all.len().max(first.len()) + chunk.len() > most {
                whole = false;
                break;
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
        if whole {
            self.free().push_back((Instant::now(), connection));
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    /// The free connection that was used last. Those that have been idle for long are closed.
    fn take(&self) -> Option<Connection> {
        let mut free = self.free();
        while free.front().is_some_and(|(since, _)| since.elapsed() >= KEPT_IDLE) {
            free.pop_front();
        }
        free.pop_back().map(|(_, connection)| connection)
    }

    async fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        // Ends with the connection, however that ends; whoever uses it is told.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers so many requests on each connection and then closes it without a word. Counts connections.
    async fn server(requests: usize, answer: &'static str) -> (Wire, Arc<AtomicUsize>) {
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
        (Wire::to(&url.parse().unwrap()).unwrap(), connections)
    }

    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const IN_PIECES: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n";

    async fn exchange(wire: &Wire, most: usize) -> Result<Bytes, WireError> {
        let request = Request::get("/x").header("host", "x").body(Full::default()).unwrap();
        let (response, connection) = wire.send(request).await?;
        wire.read(response.into_body(), connection, most).await
    }

    #[tokio::test]
    async fn a_connection_is_used_again() {
        let (wire, connections) = server(1_000, WHOLE).await;
        for _ in 0..20 {
            assert_eq!(exchange(&wire, 100).await.unwrap(), "{}");
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn one_that_was_closed_meanwhile_is_replaced() {
        let (wire, connections) = server(1, WHOLE).await;
        for _ in 0..20 {
            assert_eq!(exchange(&wire, 100).await.unwrap(), "{}");
            // The end has been heard of when nothing can be sent any more.
            let mut connection = wire.take().unwrap();
            while connection.ready().await.is_ok() {
                tokio::task::yield_now().await;
            }
            wire.free().push_back((Instant::now(), connection));
        }
        assert_eq!(connections.load(Ordering::Relaxed), 20);
    }

    #[tokio::test]
    async fn bodies_in_pieces_are_whole_and_those_too_long_are_left() {
        let (wire, connections) = server(2, IN_PIECES).await;
        assert_eq!(exchange(&wire, 6).await.unwrap(), "abcdef");
        assert_eq!(exchange(&wire, 5).await.unwrap(), "abc");
        assert_eq!((connections.load(Ordering::Relaxed), wire.free().len()), (1, 0));
    }

    #[tokio::test]
    async fn what_goes_wrong_is_told_apart() {
        let (wire, _) = server(1, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}").await;
        assert!(matches!(exchange(&wire, 100).await, Err(WireError::Ended)));
        let (wire, _) = server(1, "nothing of the kind\r\n\r\n").await;
        assert!(matches!(exchange(&wire, 100).await, Err(WireError::Ended)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        assert!(matches!(exchange(&Wire::to(&url).unwrap(), 100).await, Err(WireError::Connect)));
    }

    #[test]
    fn only_plain_targets_get_one() {
        let to = |url: &str| Wire::to(&url.parse().unwrap()).map(|wire| (wire.host, wire.port));
        assert_eq!(to("http://[::1]:8080/x"), Some(("::1".to_owned(), 8_080)));
        assert_eq!(to("http://localhost/x"), Some(("localhost".to_owned(), 80)));
        assert_eq!(to("https://localhost/x"), None);
        assert_eq!(to("http://user:word@localhost/x"), None);
    }
}
