//! Plain HTTP/1.1 below the client library: one connection that is surely the same for many requests, so that a limiter
//! which counts by connection is told from one that counts by key; and a header name in a spelling of our choice, which
//! libraries write in lower case, as they may.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::clock::Clock;
use super::fault::Fault;
use super::message::{Answer, Content, MOST_BODY_BYTES, Outgoing};

/// A connection that carries one request after the other.
pub(super) struct Connection {
    sender: Option<SendRequest<Full<Bytes>>>,
    timeout: Duration,
    headers: HeaderMap,
}

impl Connection {
    /// A connection that is opened when it is first needed. An answer is waited for so long, and every request has these
    /// headers.
    pub(super) const fn new(timeout: Duration, headers: HeaderMap) -> Self {
        Self { sender: None, timeout, headers }
    }

    /// Sends a request and reads its answer whole. Where the server has closed the connection meanwhile, another one is
    /// opened.
    ///
    /// # Errors
    /// A [`Fault`] when there is no whole answer.
    pub(super) async fn exchange(&mut self, outgoing: &Outgoing, clock: &Clock) -> Result<Answer, Fault> {
        let seconds = self.timeout.as_secs();
        let outcome = tokio::time::timeout(self.timeout, self.send(outgoing, clock)).await;
        let outcome = outcome
            .unwrap_or_else(|_| Err(Fault::TimedOut { seconds, got: "no whole answer came".to_owned() }));
        if outcome.is_err() {
            self.sender = None;
        }
        outcome
    }

    async fn send(&mut self, outgoing: &Outgoing, clock: &Clock) -> Result<Answer, Fault> {
        let unsendable = |what: &str| Fault::Unsendable(what.to_owned());
        let url: http::Uri = outgoing.url.parse().map_err(|_| unsendable("the URL cannot be read"))?;
        if url.scheme_str() != Some("http") {
            return Err(unsendable("this is written by hand, and over plain http only"));
        }
        let mut request = http::Request::builder()
            .method(outgoing.method.clone())
            .uri(url.path_and_query().map_or("/", |path| path.as_str()))
            .header(http::header::HOST, url.authority().map_or("", |authority| authority.as_str()))
            .header(http::header::ACCEPT_ENCODING, "identity")
            .header(http::header::USER_AGENT, super::http_client::USER_AGENT);
        let always =
            self.headers.iter().filter(|(name, _)| outgoing.headers.iter().all(|(own, _)| own != *name));
        for (name, value) in outgoing.headers.iter().map(|(name, value)| (name, value)).chain(always) {
            request = request.header(name, value);
        }
        let body = Full::new(outgoing.body.as_ref().map(Content::bytes).unwrap_or_default());
        let request = request.body(body).map_err(|error| unsendable(&error.to_string()))?;
        let sender = self.sender(&url, outgoing.spelled.as_deref()).await?;
        let sent = clock.now();
        let response = sender.send_request(request).await.map_err(fault)?;
        let answered = clock.now();
        let (head, body) = response.into_parts();
        let (body, compressed) = super::http_client::decoded(&head.headers, read(body).await?);
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            compressed,
            sent,
            answered,
            done: clock.now(),
        })
    }

    /// The open connection, or a new one.
    async fn sender(
        &mut self,
        url: &http::Uri,
        spelling: Option<&str>,
    ) -> Result<&mut SendRequest<Full<Bytes>>, Fault> {
        let open = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match open {
            Some(sender) => sender,
            None => {
                let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((host, url.port_u16().unwrap_or(80)))
                    .await
                    .map_err(|error| Fault::Connect(error.to_string()))?;
                let _ = stream.set_nodelay(true);
                let spelling = spelling.map(|spelling| spelling.as_bytes().to_vec());
                let (sender, connection) =
                    handshake(TokioIo::new(Respelled { stream, spelling })).await.map_err(fault)?;
                tokio::spawn(connection);
                sender
            }
        };
        Ok(self.sender.insert(sender))
    }
}

/// The body, as far as it can be held.
async fn read(mut body: hyper::body::Incoming) -> Result<Bytes, Fault> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(fault)?.into_data() else { continue };
        if whole.len() + data.len() > MOST_BODY_BYTES {
            return Err(Fault::TooLarge(MOST_BODY_BYTES));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// The fault behind an error that came while waiting for an answer.
fn fault(error: hyper::Error) -> Fault {
    let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
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

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
