//! The reference passes all of the contract: in a workspace and without one, over HTTP/1.1 and over HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use trenchcheck::deployment::{Control, Embedded, Keys};
use trenchcheck::mock::{MockOptions, MockServer};
use trenchcheck::report::Verdict;

use crate::playing::{SUITE, play_suite, said};

/// Passes requests on over one version of HTTP, with or without the workspace in their paths.
struct Way {
    client: reqwest::Client,
    mock: String,
    names_workspace: bool,
}

impl Way {
    async fn pass_on(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().unwrap().as_str();
        // A key alone leads to its workspace, so the control API's workspaces can be used without being named.
        let target = match target.strip_prefix("/w/").and_then(|rest| rest.split_once('/')) {
            Some((_, rest)) if !self.names_workspace => format!("/{rest}"),
            _ => target.to_owned(),
        };
        let mut request = self.client.request(head.method, format!("{}{target}", self.mock));
        for (name, value) in &head.headers {
            if !matches!(name.as_str(), "host" | "connection" | "content-length" | "transfer-encoding") {
                request = request.header(name, value);
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        let answer = request.body(body).send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        response.body(Full::new(answer.bytes().await.unwrap())).unwrap()
    }

    /// Gives the URL at which requests are passed on.
    async fn open(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let way = Arc::new(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let way = Arc::clone(&way);
                let service = hyper::service::service_fn(move |request| {
                    let way = Arc::clone(&way);
                    async move { Ok::<_, Infallible>(way.pass_on(request).await) }
                });
                tokio::spawn(async move {
                    let protocol = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away ends its connection, which is all that happens here.
                    let _ = protocol.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        url
    }
}

async fn passes(http_2: bool, names_workspace: bool) {
    let mock = MockServer::start(MockOptions::default()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().no_gzip().redirect(reqwest::redirect::Policy::none());
    let client = if http_2 { client.http2_prior_knowledge() } else { client.http1_only() };
    let way = Way { client: client.build().unwrap(), mock: mock.url(), names_workspace };
    let url = way.open().await;
    let mut target = Embedded::start().await.unwrap().target(&[], None);
    target.base_url.clone_from(&url);
    target.keys = Keys::Mock(Control::connect(&url).await.unwrap());
    let results = play_suite(target, &SUITE).await;
    assert_eq!(results.len(), SUITE.checks.len());
    for result in &results {
        assert!(matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_)), "{}", said(result));
    }
    let passed = results.iter().filter(|result| result.verdict == Verdict::Pass).count();
    assert!(passed * 10 > results.len() * 9, "{passed} of {}", results.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_workspace_over_http_1() {
    passes(false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_workspace_over_http_2() {
    passes(true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_workspace_over_http_1() {
    passes(false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_workspace_over_http_2() {
    passes(true, false).await;
}
