//! Sending a header name in a spelling of our choice. Client libraries write header names in lower case, as they
//! may; a server that looks at the case is found only by writing it otherwise.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::clock::Clock;
use super::fault::Fault;
use super::message::{Answer, Content, MOST_BODY_BYTES, Outgoing};

/// Sends `outgoing` over plain HTTP/1.1 with the key's header spelled as `spelling`.
pub(super) async fn exchange(
    outgoing: &Outgoing,
    spelling: &str,
    timeout: Duration,
    clock: &Clock,
) -> Result<Answer, Fault> {
    let limit = timeout.as_secs();
    tokio::time::timeout(timeout, send(outgoing, spelling, clock))
        .await
        .unwrap_or_else(|_| Err(Fault::TimedOut { seconds: limit, got: "no whole answer came".to_owned() }))
}

async fn send(outgoing: &Outgoing, spelling: &str, clock: &Clock) -> Result<Answer, Fault> {
    let unsendable = |what: &str| Fault::Unsendable(what.to_owned());
    let url: http::Uri = outgoing.url.parse().map_err(|_| unsendable("the URL cannot be read"))?;
    if url.scheme_str() != Some("http") {
        return Err(unsendable("a spelling can be chosen over plain http only"));
    }
    let authority = url.authority().ok_or_else(|| unsendable("the URL names no host"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| Fault::Connect(error.to_string()))?;
    let spelled = Respelled { stream, spelling: spelling.as_bytes().to_vec(), done: false };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(spelled)).await.map_err(fault)?;
    let driver = tokio::spawn(connection);

    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = http::Request::builder()
        .method(outgoing.method.clone())
        .uri(path)
        .header(http::header::HOST, authority.as_str())
        .header(http::header::CONNECTION, "close");
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    let body = http_body_util::Full::new(outgoing.body.as_ref().map(Content::bytes).unwrap_or_default());
    let request = request.body(body).map_err(|error| unsendable(&error.to_string()))?;
    let sent = clock.now();
    let response = sender.send_request(request).await.map_err(fault)?;
    let answered = clock.now();
    let (head, body) = response.into_parts();
    let body = read(body).await?;
    driver.abort();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
        sent,
        answered,
        done: clock.now(),
    })
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
    spelling: Vec<u8>,
    done: bool,
}

impl Respelled {
    /// The bytes with the header's name respelled; both spellings are equally long.
    fn respell(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if !self.done {
            let found = bytes
                .windows(self.spelling.len())
                .position(|window| window.eq_ignore_ascii_case(&self.spelling));
            if let Some(at) = found {
                bytes[at..at + self.spelling.len()].copy_from_slice(&self.spelling);
                self.done = true;
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
