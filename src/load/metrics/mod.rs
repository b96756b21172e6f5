//! How a run stands, for the tools that watch many things: Prometheus asks for a page with all metrics in its text form, made
//! anew each time, and by `otlp` it is sent. Both tell what the `meters` show.

mod meters;
pub(super) mod otlp;

use std::convert::Infallible;
use std::io;
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
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric as Sample, MetricFamily, MetricType,
};
use prometheus::{TEXT_FORMAT, TextEncoder};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::LoadError;
use meters::{Distribution, Kind, Metric, Point, Value};

pub(crate) use meters::Meters;
pub use otlp::Collector;

/// The tools that watch a run.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    /// Where Prometheus may ask.
    pub prometheus: Option<SocketAddr>,
    /// Where it is sent.
    pub otlp: Option<Collector>,
}

/// A run that is watched.
#[derive(Debug)]
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
    pub(crate) async fn begin(watchers: &Watchers, meters: Meters) -> Result<Self, LoadError> {
        let mut watched = Self {
            meters: None,
            address: None,
            telling: JoinSet::new(),
            over: Arc::new(Notify::new()),
            export: None,
        };
        if watchers.prometheus.is_none() && watchers.otlp.is_none() {
            return Ok(watched);
        }
        let meters = Arc::new(Mutex::new(meters));
        watched.meters = Some(meters.clone());
        if let Some(address) = watchers.prometheus {
            let broken = |error| LoadError::Metrics(address, error);
            let listener = TcpListener::bind(address).await.map_err(broken)?;
            watched.address = Some(listener.local_addr().map_err(broken)?);
            watched.telling.spawn(serve(listener, meters.clone()));
        }
        if let Some(collector) = watchers.otlp.clone() {
            watched.export = Some(tokio::spawn(otlp::export(collector, meters, watched.over.clone())));
        }
        Ok(watched)
    }

    /// Exports how the run ended.
    pub(crate) async fn end(self) {
        self.over.notify_one();
        if let Some(export) = self.export {
            // It is a service to those who watch: the run does not depend on it.
            let _ = export.await;
        }
    }
}

/// The path of the page.
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
            let metrics = meters.lock().metrics();
            match text(metrics) {
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

fn text(metrics: Vec<Metric>) -> io::Result<String> {
    // A family must have a sample.
    let metrics = metrics.into_iter().filter(|metric| !metric.points.is_empty());
    let families: Vec<MetricFamily> = metrics.map(family).collect();
    TextEncoder::new().encode_to_string(&families).map_err(io::Error::other)
}

fn family(metric: Metric) -> MetricFamily {
    let name = metric.name.replace('.', "_");
    let (kind, unit) = match metric.kind {
        Kind::Counter => (MetricType::COUNTER, "_total"),
        Kind::Gauge => (MetricType::GAUGE, ""),
        Kind::Times => (MetricType::HISTOGRAM, "_seconds"),
    };
    let mut family = MetricFamily::default();
    family.set_name(format!("trenchcheck_load_{name}{unit}"));
    family.set_help(metric.about.to_owned());
    family.set_field_type(kind);
    family.set_metric(metric.points.into_iter().map(|point| sample(metric.kind, point)).collect());
    family
}

fn sample(kind: Kind, point: Point) -> Sample {
    let labels = point.labels.into_iter().map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value);
        label
    });
    let mut sample = Sample::from_label(labels.collect());
    match (kind, point.value) {
        (Kind::Counter, Value::Number(number)) => {
            let mut counter = Counter::default();
            counter.set_value(number as f64);
            sample.set_counter(counter);
        }
        (_, Value::Number(number)) => {
            let mut gauge = Gauge::default();
            gauge.set_value(number as f64);
            sample.set_gauge(gauge);
        }
        (_, Value::Times(times)) => sample.set_histogram(histogram(&times)),
    }
    sample
}

fn histogram(times: &Distribution) -> Histogram {
    let mut so_far = 0;
    let buckets = Distribution::bounds().zip(&times.counts).map(|(bound, count)| {
        so_far += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(so_far);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(times.len());
    histogram.set_sample_sum(times.sum.as_secs_f64());
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::samples::seen;

    #[test]
    fn counters_gauges_and_histograms_are_told_with_their_labels() {
        let text = text(seen().metrics()).unwrap();
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
