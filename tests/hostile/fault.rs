//! Every way in which these targets misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::http::Connection;

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is reset before anything is answered.
    ResetAtOnce,
    /// The connection is reset inside the body.
    ResetInTheBody,
    /// The connection ends in order, with less of a body than was announced.
    TooShort,
    /// A body goes on beyond its announced length, so that only a part of the JSON belongs to it.
    TooLong,
    /// Header fields without end, as fast as they are read.
    EndlessHeader,
    /// A header that trickles and never ends.
    TricklingHeader,
    /// A body that trickles and never ends.
    TricklingBody,
    /// 50 MB of JSON.
    HugeJson,
    /// A body under the limit of what is read, in one JSON string.
    LongString,
    /// A small compressed body that would grow to gigabytes.
    GzipBomb,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// JSON, nested deeper than anybody needs.
    DeepJson,
    /// A redirect to itself.
    Redirect,
    /// The greeting of another protocol.
    NotHttp,
    /// Nothing at all, with the connection held open.
    Silence,
    /// Interim answers without end.
    EndlessInterim,
}

const PIECE: usize = 64 * 1024;

impl Fault {
    /// A time-out that tells this fault from others: what takes long to read must not be taken for silence.
    pub(crate) fn timeout(self) -> &'static str {
        match self {
            Self::EndlessHeader | Self::HugeJson | Self::LongString | Self::DeepJson => "30s",
            _ => "1s",
        }
    }

    /// Commits the fault with this status where the fault has one. Counts the bytes that the client took.
    pub(crate) async fn commit(self, status: u16, mut connection: Connection, sent: Arc<AtomicUsize>) {
        let head = |length: &str, more: &str| {
            format!(
                "HTTP/1.1 {status} S\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
            )
        };
        // For bodies of which no two are alike.
        let peer = connection.get_ref().peer_addr().unwrap();
        let mut send = async |bytes: &[u8]| {
            let written = connection.write_all(bytes).await.is_ok() && connection.flush().await.is_ok();
            sent.fetch_add(bytes.len(), Ordering::Relaxed);
            written
        };
        match self {
            Self::ResetAtOnce => connection.get_ref().set_zero_linger().unwrap(),
            Self::ResetInTheBody => {
                send(format!("{}{{\"half\":", head("5000", "")).as_bytes()).await;
                // The client must have read what came before, else the reset takes it away.
                tokio::time::sleep(Duration::from_millis(50)).await;
                connection.get_ref().set_zero_linger().unwrap();
            }
            Self::TooShort => {
                send(format!("{}{{\"half\":", head("5000", "")).as_bytes()).await;
            }
            Self::TooLong => {
                send(format!("{}{{\"error\":{{\"code\":\"UNAUTHORIZED\"}}}}", head("7", "")).as_bytes())
                    .await;
            }
            Self::EndlessHeader => {
                send(format!("HTTP/1.1 {status} S\r\n").as_bytes()).await;
                while send(format!("X-More: {}\r\n", "x".repeat(PIECE)).as_bytes()).await {}
            }
            Self::TricklingHeader => {
                send(format!("HTTP/1.1 {status} S\r\n").as_bytes()).await;
                while send(b"X-More: x\r\n").await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Self::TricklingBody => {
                send(head("5000000", "").as_bytes()).await;
                while send(b" ").await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Self::HugeJson => {
                send(head("50000002", "").as_bytes()).await;
                send(b"[").await;
                for _ in 0..50 {
                    if !send("0,".repeat(500_000).as_bytes()).await {
                        return;
                    }
                }
                send(b"0]").await;
            }
            Self::LongString => {
                let body = format!(r#"{{"error":"{}{peer}"}}"#, "QUJD".repeat(1_500_000));
                send(format!("{}{body}", head(&body.len().to_string(), "")).as_bytes()).await;
            }
            Self::GzipBomb => {
                let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 2_000]].concat();
                let head = head(&body.len().to_string(), "Content-Encoding: gzip\r\n");
                send(&[head.as_bytes(), &body].concat()).await;
            }
            Self::NotUtf8 => {
                send(&[head("4", "").as_bytes(), b"\"\xff\xfe\""].concat()).await;
            }
            Self::DeepJson => {
                let body = "[".repeat(1_000_000);
                send(format!("{}{body}", head(&body.len().to_string(), "")).as_bytes()).await;
            }
            Self::Redirect => {
                let location = "Location: /api/v1/sessions\r\n";
                send(format!("HTTP/1.1 307 S\r\n{location}Content-Length: 0\r\n\r\n").as_bytes()).await;
            }
            Self::NotHttp => {
                send(b"SSH-2.0-OpenSSH_9.9\r\n").await;
            }
            Self::Silence => std::future::pending().await,
            Self::EndlessInterim => {
                while send(b"HTTP/1.1 102 Processing\r\n\r\n").await {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }
}
