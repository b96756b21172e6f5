//! OpenTelemetry: the same metrics sent to a collector, as OTLP over HTTP, now and then and at the end.
//!
//! The variables of its specification say where and how: `OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS` (or those with
//! `METRICS` in their names) and `OTEL_METRIC_EXPORT_INTERVAL`.

use std::fmt;
use std::io::{Write, stderr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use prometheus::proto::{Metric as Point, MetricFamily, MetricType};
use prost::Message;
use reqwest::{Client, Url};
use tokio::sync::Notify;

use super::meters::{Meters, PREFIX};
use crate::report::Tool;

/// Where metrics go.
#[derive(Clone)]
pub struct Collector {
    url: Url,
    headers: HeaderMap,
    every: Duration,
}

/// Where a collector listens that nothing is said of.
const USUAL: &str = "http://localhost:4318";
/// Where metrics go below that.
const PATH: &str = "v1/metrics";
/// How often they are sent, where nothing is said of it: a run has windows of a minute.
const EVERY: Duration = Duration::from_secs(10);
/// How long an answer may take; the last export must not keep the verdict waiting.
const PATIENCE: Duration = Duration::from_secs(5);

impl Collector {
    /// The collector at a base URL, or at the one that the environment names.
    pub fn new(base: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| {
            variable(name).filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value))
        };
        let (of, given) = match base {
            Some(base) => ("--otlp".to_owned(), below(base)),
            None => match set("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") {
                Some(given) => given,
                None => set("OTEL_EXPORTER_OTLP_ENDPOINT")
                    .map_or_else(|| ("--otlp".to_owned(), below(USUAL)), |(of, base)| (of, below(&base))),
            },
        };
        let url = Url::parse(&given).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| format!("{of}: found `{given}`, expected a URL such as {USUAL}"))?;
        let (metrics, all) = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        let headers = match set(metrics).or_else(|| set(all)) {
            Some((of, given)) => headers(&given).ok_or_else(|| {
                format!("{of}: expected headers such as `name=value,other=value`, percent-encoded")
            })?,
            None => HeaderMap::new(),
        };
        let every = match set("OTEL_METRIC_EXPORT_INTERVAL") {
            None => EVERY,
            Some((of, given)) => match given.parse() {
                Ok(ms @ 1..) => Duration::from_millis(ms),
                _ => return Err(format!("{of}: found `{given}`, expected a number of milliseconds")),
            },
        };
        Ok(Self { url, headers, every })
    }

    /// Where it is, without a name and a password that may be in it.
    fn shown(&self) -> Url {
        let mut url = self.url.clone();
        // Both are set in every URL with a host.
        let _ = (url.set_username(""), url.set_password(None));
        url
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Collector({})", self.shown())
    }
}

fn below(base: &str) -> String {
    format!("{}/{PATH}", base.trim_end_matches('/').trim_end_matches(&format!("/{PATH}")))
}

fn headers(given: &str) -> Option<HeaderMap> {
    given
        .split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(&value).ok()?))
        })
        .collect()
}

/// Sends how the run stands until it is over, and then once more. A collector that does not take it is told of; the run
/// goes on.
pub(crate) async fn export(to: Collector, meters: Arc<Mutex<Meters>>, over: Arc<Notify>) {
    let (mut sent, mut failed) = (0_u32, 0_u32);
    // Made once: each client reads the system's certificates.
    let client = Client::builder().timeout(PATIENCE).build().map_err(|error| error.to_string());
    let mut last = false;
    while !last {
        last = tokio::time::timeout(to.every, over.notified()).await.is_ok();
        let told = request(&meters.lock(), SystemTime::now());
        sent += 1;
        let posted = match &client {
            Ok(client) => post(client, &to, told).await,
            Err(why) => Err(why.clone()),
        };
        if let Err(why) = posted {
            failed += 1;
            if failed == 1 {
                // Nobody reads a closed stream.
                let _ = writeln!(stderr(), "note: metrics could not be exported to {}: {why}", to.shown());
            }
        }
    }
    if failed > 1 {
        let _ = writeln!(stderr(), "note: {failed} of {sent} exports of metrics failed");
    }
}

async fn post(client: &Client, to: &Collector, told: ExportMetricsServiceRequest) -> Result<(), String> {
    let request = client
        .post(to.url.clone())
        .headers(to.headers.clone())
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(told.encode_to_vec());
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status())),
        Err(error) if error.is_timeout() => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        Err(error) if error.is_connect() => Err("nobody listens there".to_owned()),
        Err(error) => Err(error.without_url().to_string()),
    }
}

/// How the run stands, as a collector is told.
fn request(meters: &Meters, now: SystemTime) -> ExportMetricsServiceRequest {
    let Tool { name, version, .. } = Tool::THIS;
    let service = [("service.name", name), ("service.version", version)];
    let attributes = service.map(|(key, value)| attribute(key, value)).into();
    let metrics = meters.collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: format!("{name}.load"),
                    version: version.to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics: metrics
                    .iter()
                    .map(|family| metric(family, nanos(meters.since), nanos(now)))
                    .collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A metric under the name that OpenTelemetry has for it: words with dots between them, and without its unit.
fn metric(family: &MetricFamily, since: u64, now: u64) -> Metric {
    let name = family.name().trim_start_matches(PREFIX);
    let name = name.trim_end_matches("_total").trim_end_matches("_seconds").replace('_', ".");
    let points = family.get_metric().iter();
    let cumulative = AggregationTemporality::Cumulative.into();
    let (unit, data) = match family.get_field_type() {
        MetricType::HISTOGRAM => {
            let data_points = points.map(|point| times(point, since, now)).collect();
            ("s", Data::Histogram(Histogram { data_points, aggregation_temporality: cumulative }))
        }
        MetricType::COUNTER => {
            let of = |point: &Point| number(point, point.get_counter().get_value(), since, now);
            let data_points = points.map(of).collect();
            ("1", Data::Sum(Sum { data_points, aggregation_temporality: cumulative, is_monotonic: true }))
        }
        _ => {
            let of = |point: &Point| number(point, point.get_gauge().get_value(), 0, now);
            ("1", Data::Gauge(Gauge { data_points: points.map(of).collect() }))
        }
    };
    Metric {
        name: format!("trenchcheck.load.{name}"),
        description: family.help().to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(point: &Point, value: f64, since: u64, now: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: since,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsInt(value as i64)),
        ..NumberDataPoint::default()
    }
}

fn times(point: &Point, since: u64, now: u64) -> HistogramDataPoint {
    let histogram = point.get_histogram();
    let so_far = histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count());
    // What is in no bucket is beyond the last bound.
    let so_far: Vec<u64> = std::iter::once(0).chain(so_far).chain([histogram.get_sample_count()]).collect();
    HistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: since,
        time_unix_nano: now,
        count: histogram.get_sample_count(),
        sum: Some(histogram.get_sample_sum()),
        bucket_counts: so_far.windows(2).map(|two| two[1] - two[0]).collect(),
        explicit_bounds: histogram.get_bucket().iter().map(|bucket| bucket.upper_bound()).collect(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(point: &Point) -> Vec<KeyValue> {
    point.get_label().iter().map(|label| attribute(label.name(), label.value())).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(any_value::Value::StringValue(value.to_owned()));
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::samples::seen;

    fn from(base: Option<&str>, set: &[(&str, &str)]) -> Result<Collector, String> {
        Collector::new(base, |name| {
            set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_where_as_opentelemetry_has_it() {
        let url = |base, set: &[_]| from(base, set).unwrap().url.to_string();
        let (all, metrics) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
        assert_eq!(url(None, &[]), "http://localhost:4318/v1/metrics");
        assert_eq!(url(None, &[(all, "https://c.example/otlp/")]), "https://c.example/otlp/v1/metrics");
        assert_eq!(url(None, &[(all, "http://a"), (metrics, "http://b/as-it-is")]), "http://b/as-it-is");
        assert_eq!(url(Some("http://c:1"), &[(all, "http://a")]), "http://c:1/v1/metrics");
        assert_eq!(url(Some("http://c:1/v1/metrics"), &[]), "http://c:1/v1/metrics");
        let error = from(None, &[(metrics, "collector:4318")]).unwrap_err();
        assert!(error.starts_with("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: found `collector:4318`"), "{error}");
    }

    #[test]
    fn headers_are_secrets() {
        let collector = from(None, &[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b,x=1")]).unwrap();
        assert_eq!(collector.headers["api-key"], "a b");
        assert!(!format!("{collector:?}").contains("a b"));
        let collector = from(Some("http://me:hunter2@c:1"), &[]).unwrap();
        assert_eq!(collector.shown().as_str(), "http://c:1/v1/metrics");
        let error = from(None, &[("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")]).unwrap_err();
        assert!(error.contains("expected headers") && !error.contains("hunter2"), "{error}");
        let error = from(None, &[("OTEL_METRIC_EXPORT_INTERVAL", "10s")]).unwrap_err();
        assert!(error.contains("expected a number of milliseconds"), "{error}");
    }

    #[test]
    fn a_collector_is_told_whole_histograms_that_only_grow() {
        let request = request(&seen(), SystemTime::now());
        let again = ExportMetricsServiceRequest::decode(request.encode_to_vec().as_slice()).unwrap();
        assert_eq!(again, request);
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        let of =
            |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap().data.clone().unwrap();
        let Data::Sum(requests) = of("trenchcheck.load.requests") else { panic!("{metrics:?}") };
        assert!(requests.is_monotonic);
        let Data::Histogram(response) = of("trenchcheck.load.response") else { panic!("{metrics:?}") };
        assert_eq!(response.aggregation_temporality, AggregationTemporality::Cumulative as i32);
        let admitted = &response.data_points[0];
        assert_eq!((admitted.count, admitted.bucket_counts.iter().sum::<u64>()), (2, 2));
        assert_eq!(admitted.bucket_counts.len(), admitted.explicit_bounds.len() + 1);
    }
}
