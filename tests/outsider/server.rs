//! The server: TCP, HTTP/1.1 and HTTP/2, and what is behind them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answer::{Answer, NO_ANSWER};
use crate::site::{Known, Nature, Site};
use crate::{control, handler};

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) connection: u64,
}

/// All workspaces.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) nature: Nature,
    pub(crate) sites: Mutex<HashMap<String, Arc<Site>>>,
    pub(crate) known: Arc<Known>,
    pub(crate) made: AtomicU64,
    pub(crate) started: Instant,
    answered: AtomicU64,
}

/// The server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Outsider {
    pub(crate) url: String,
    /// The workspace of requests that name none.
    pub(crate) open: Arc<Site>,
    accepting: JoinHandle<()>,
}

impl Drop for Outsider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Outsider {
    pub(crate) async fn start(nature: Nature) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (known, started) = (Arc::default(), Instant::now());
        let open = Arc::new(Site::new(nature, &known, started));
        let house = Arc::new(House {
            nature,
            sites: Mutex::new(HashMap::from([(String::new(), Arc::clone(&open))])),
            known,
            made: AtomicU64::new(0),
            started,
            answered: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let house = Arc::clone(&house);
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let service = service_fn(|request| answer(Arc::clone(&house), request, connection));
                    // A client that goes away in the middle is no fault of this server's.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, open, accepting }
    }
}

async fn answer(
    house: Arc<House>,
    request: Request<Incoming>,
    connection: u64,
) -> std::io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.path();
    // A workspace is reached below /w/ID.
    let (site, path) = match path.strip_prefix("/w/").and_then(|rest| rest.split_once('/')) {
        Some((id, rest)) => (id.to_owned(), format!("/{rest}")),
        None => (String::new(), path.to_owned()),
    };
    let ask = Ask {
        method: head.method.as_str().to_owned(),
        path,
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        connection,
    };
    let mut answer = if ask.path.starts_with(control::PREFIX) {
        control::answer(&house, &ask)
    } else {
        let site = house.sites.lock().unwrap().get(&site).cloned();
        site.map_or_else(|| Answer::empty(404), |site| handler::answer(&site, &ask))
    };
    let turn = house.answered.fetch_add(1, Ordering::Relaxed);
    answer.close |= house.nature.quirks.contains(&crate::quirk::Quirk::ClosesOften) && turn % 3 == 2;
    if answer.status == NO_ANSWER {
        return Err(std::io::Error::other("no answer"));
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    if answer.close && head.version < http::Version::HTTP_2 {
        response = response.header("connection", "close");
    }
    let body = if ask.method == "HEAD" { Bytes::new() } else { answer.body };
    Ok(response.body(Full::new(body)).unwrap())
}
