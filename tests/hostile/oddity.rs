//! Every way in which the conforming targets are odd.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt as _;

use crate::api::{Api, Reply};
use crate::http::{Connection, Head, Server};

/// One conforming way to be odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// HTTP/1.0, and a connection for every answer; no length is announced.
    Http10,
    /// Who is refused by the header is answered at once; the body stays unread and the connection closes.
    RefusesUnread,
    /// The same, over a network where the reset overtakes the answer: who is still sending never sees it.
    RefusesUnheard,
    /// Answers in pieces of three bytes.
    Dribbles,
    /// Header names in capitals.
    ShoutsHeaders,
    /// Bodies in chunks.
    Chunks,
    /// Bodies compressed, though nobody asks for that.
    Compresses,
    /// Interim answers before the final one.
    Continues,
    /// White space wherever JSON allows it.
    Spaces,
    /// `Connection: close` on every answer.
    Closes,
    /// Connections that are idle for 50 ms are closed.
    Impatient,
}

/// A client that sends nothing for so long has seen the answer to what it sent.
const LULL: Duration = Duration::from_millis(30);

impl Oddity {
    /// A deployment that is odd in this way.
    pub(crate) async fn serve(self, api: Api) -> Server {
        let api = Arc::new(api);
        // A server that leaves bodies unread must not read ahead either.
        let buffer = if matches!(self, Self::RefusesUnread | Self::RefusesUnheard) { 1 } else { 8_192 };
        Server::start(buffer, move |connection| {
            let api = Arc::clone(&api);
            async move { self.converse(&api, connection).await }
        })
        .await
    }

    async fn converse(self, api: &Api, mut connection: Connection) {
        loop {
            let patience = Duration::from_millis(if self == Self::Impatient { 50 } else { 100_000 });
            let read = tokio::time::timeout(patience, Head::read(&mut connection)).await;
            let Ok(Some(head)) = read else { return };
            let refusal = api.refusal(&head);
            if let Some(reply) = &refusal
                && matches!(self, Self::RefusesUnread | Self::RefusesUnheard)
            {
                let mut one = [0];
                let more = tokio::time::timeout(LULL, connection.get_ref().peek(&mut one)).await;
                if self == Self::RefusesUnheard && more.is_ok() {
                    return connection.get_ref().set_zero_linger().unwrap();
                }
                // Nobody listens any more: that is up to the client.
                let _ = connection.write_all(&reply.bytes(&head)).await;
                return;
            }
            if self == Self::Continues
                && connection
                    .write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
                    .await
                    .is_err()
            {
                return;
            }
            let Some(body) = head.body(&mut connection).await else { return };
            let reply = refusal.unwrap_or_else(|| Api::effect(&head, &body));
            if self.answer(&reply, &head, &mut connection).await.is_err() {
                return;
            }
            if matches!(self, Self::Http10 | Self::Closes) {
                return;
            }
        }
    }

    async fn answer(self, reply: &Reply, head: &Head, connection: &mut Connection) -> std::io::Result<()> {
        let mut reply = reply.clone();
        if self == Self::Spaces {
            reply.body = reply.body.replace("\":", "\" \r\n\t: ").replace(",\"", " ,\n \"") + "\n\n";
        }
        if self == Self::Closes {
            reply.fields.push(("Connection", "close".to_owned()));
        }
        let bytes = reply.bytes(head);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (header, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = format!("\r\nContent-Length: {}", reply.body.len());
        match self {
            Self::Http10 => {
                let header = header.replace("HTTP/1.1", "HTTP/1.0").replace(&length, "");
                connection.write_all(format!("{header}\r\n\r\n{body}").as_bytes()).await
            }
            Self::ShoutsHeaders => {
                let (status, fields) = header.split_once("\r\n").unwrap_or((header, ""));
                let fields: Vec<String> = fields
                    .lines()
                    .filter_map(|field| field.split_once(':'))
                    .map(|(name, value)| format!("{}:{value}", name.to_uppercase()))
                    .collect();
                connection
                    .write_all(format!("{status}\r\n{}\r\n\r\n{body}", fields.join("\r\n")).as_bytes())
                    .await
            }
            Self::Chunks if head.method != "HEAD" => {
                let header = header.replace(&length, "\r\nTransfer-Encoding: chunked");
                let chunks: String = body
                    .as_bytes()
                    .chunks(7)
                    .map(|chunk| format!("{:X};odd=1\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)))
                    .collect();
                connection
                    .write_all(format!("{header}\r\n\r\n{chunks}0\r\nX-Trailer: yes\r\n\r\n").as_bytes())
                    .await
            }
            Self::Compresses if head.method != "HEAD" => {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(body.as_bytes())?;
                let packed = packed.finish()?;
                let fields = format!("\r\nContent-Encoding: gzip\r\nContent-Length: {}", packed.len());
                let header = header.replace(&length, &fields);
                connection.write_all(format!("{header}\r\n\r\n").as_bytes()).await?;
                connection.write_all(&packed).await
            }
            Self::Dribbles => {
                for piece in bytes.chunks(3) {
                    connection.write_all(piece).await?;
                    connection.flush().await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            _ => connection.write_all(&bytes).await,
        }
    }
}
