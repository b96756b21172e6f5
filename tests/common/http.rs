//! A raw HTTP/1.1 server over TCP: it reads requests, and what is sent back is up to the test, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A connection from the server's side.
pub(crate) type Connection = BufReader<TcpStream>;

/// The header of a request.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Reads a header; `None` when the client is gone.
    pub(crate) async fn read(connection: &mut Connection) -> Option<Self> {
        let first = line(connection).await?;
        let first = String::from_utf8_lossy(&first).into_owned();
        let mut words = first.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let mut fields = Vec::new();
        loop {
            let line = line(connection).await?;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            fields.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
        Some(Self { method: method.to_owned(), target: target.to_owned(), fields })
    }

    /// The values of a header field.
    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = |field: &str| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(|(field, _)| named(field)).map(|(_, value)| value.as_slice()).collect()
    }

    /// Reads the body that belongs to this header.
    pub(crate) async fn body(&self, connection: &mut Connection) -> Option<Vec<u8>> {
        let length =
            self.all("content-length").first().map_or("0", |text| str::from_utf8(text).unwrap_or("0"));
        let mut body = vec![0; length.parse().ok()?];
        connection.read_exact(&mut body).await.ok()?;
        Some(body)
    }
}

async fn line(connection: &mut Connection) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    connection.read_until(b'\n', &mut line).await.ok()?;
    line.ends_with(b"\r\n").then(|| line[..line.len() - 2].to_vec())
}

/// A server on a free loopback port, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Gives every connection to `serve`, each on a task of its own. Bytes beyond a header are read from the socket
    /// only as far as `buffer` reaches.
    pub(crate) async fn start<F, S>(buffer: usize, serve: S) -> Self
    where
        S: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let serve = Arc::clone(&serve);
                tokio::spawn(async move { serve(BufReader::with_capacity(buffer, stream)).await });
            }
        });
        Self { address, accepting }
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
