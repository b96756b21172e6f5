//! How a run stands, for the tools that watch many things: Prometheus asks for a page with all metrics in its text form, made
//! anew each time, and by `otlp` it is sent. Both tell what the `meters` show.

mod meters;
pub(super) mod otlp;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use prometheus::{TEXT_FORMAT, TextEncoder};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::LoadError;

pub(crate) use meters::Meters;
pub use otlp::Collector;

#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// What is told; `None` where nobody watches.
    pub(crate) meters: Option<Arc<Mutex<Meters>>>,
    /// Where Prometheus may ask.
    pub(crate) address: Option<SocketAddr>,
    telling: JoinSet<()>,
    over: Arc<Notify>,
    export: Option<JoinHandle<()>>,
}

impl Watched {
    /// Tells everybody who asks from now on how a run stands.
    ///
    /// # Errors
    /// [`LoadError::Metrics`] where nobody can listen at the address.
    pub(crate) async fn begin(
        prometheus: Option<SocketAddr>,
        otlp: Option<Collector>,
        meters: Meters,
    ) -> Result<Self, LoadError> {
        let mut watched = Self::default();
        if prometheus.is_none() && otlp.is_none() {
            return Ok(watched);
        }
        let meters = Arc::new(Mutex::new(meters));
        watched.meters = Some(meters.clone());
        if let Some(address) = prometheus {
            let broken = |error| LoadError::Metrics(address, error);
            let listener = TcpListener::bind(address).await.map_err(broken)?;
            watched.address = Some(listener.local_addr().map_err(broken)?);
            watched.telling.spawn(serve(listener, meters.clone()));
        }
        if let Some(collector) = otlp {
            watched.export = Some(tokio::spawn(otlp::export(collector, meters, watched.over.clone())));
        }
        Ok(watched)
    }

    pub(crate) async fn end(self) {
        self.over.notify_one();
        if let Some(export) = self.export {
            // It is a service to those who watch: the run does not depend on it.
            let _ = export.await;
        }
    }
}

pub(crate) const PATH: &str = "/metrics";

/// Answers whoever asks, until it is dropped.
pub(crate) async fn serve(listener: TcpListener, meters: Arc<Mutex<Meters>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // There are no connections to be had for the moment; the run goes before those who watch it.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let meters = meters.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, &meters);
                async { Ok::<_, Infallible>(answer) }
            });
            // Whoever breaks off asks again.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(request: &Request<Incoming>, meters: &Mutex<Meters>) -> Response<Full<Bytes>> {
    let said = |status, text: String| {
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
        answer
    };
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, PATH) => {
            let families = meters.lock().collect();
            match TextEncoder::new().encode_to_string(&families) {
                Ok(text) => said(StatusCode::OK, text),
                Err(error) => said(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            }
        }
        (_, PATH) => {
            let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, String::new());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
        _ => said(StatusCode::NOT_FOUND, format!("metrics are at {PATH}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::samples::seen;

    #[test]
    fn counters_gauges_and_histograms_are_told_with_their_labels() {
        let text = TextEncoder::new().encode_to_string(&seen().collect()).unwrap();
        for line in [
            "# TYPE trenchcheck_load_run gauge",
            r#"trenchcheck_load_run{profile="quick"} 1"#,
            "# TYPE trenchcheck_load_requests_total counter",
            r#"trenchcheck_load_requests_total{lane="standard",outcome="admitted"} 2"#,
            r#"trenchcheck_load_requests_total{lane="standard",outcome="limited"} 1"#,
            r#"trenchcheck_load_requests_total{lane="standard",outcome="error"} 0"#,
            r#"trenchcheck_load_events_admitted_total{lane="standard"} 27"#,
            r#"trenchcheck_load_window_limit{lane="standard"} 60"#,
            "# TYPE trenchcheck_load_response_seconds histogram",
            r#"trenchcheck_load_response_seconds_bucket{lane="standard",outcome="admitted",le="0.00008"} 1"#,
            r#"trenchcheck_load_response_seconds_bucket{lane="standard",outcome="admitted",le="67.108864"} 1"#,
            r#"trenchcheck_load_response_seconds_bucket{lane="standard",outcome="admitted",le="+Inf"} 2"#,
            r#"trenchcheck_load_service_seconds_sum{lane="standard",outcome="admitted"} 70.000064"#,
            r#"trenchcheck_load_send_lag_seconds_count{lane="standard"} 3"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
