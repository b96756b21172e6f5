//! Counts for Prometheus. Every label has few values that are known beforehand, whatever clients send.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::contract::Endpoint;

use super::engine::Engine;
use super::summary::Summary;

/// The statuses that are told apart; 0 stands for a connection that was cut. Every other one is counted behind them.
const STATUSES: [u16; 19] =
    [0, 200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504];

/// Every endpoint, and what is none.
const ENDPOINTS: usize = Endpoint::ALL.len() + 1;

/// Upper bounds of the durations that are told apart, in microseconds.
const BOUNDS: [u64; 9] = [100, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// What was counted since the mock started.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    requests: [[AtomicU64; STATUSES.len() + 1]; ENDPOINTS],
    /// By the first bound they are within, and beyond all bounds.
    durations: [AtomicU64; BOUNDS.len() + 1],
    duration_us: AtomicU64,
    accepted: AtomicU64,
    repeated: AtomicU64,
    documented: AtomicU64,
    wire: AtomicU64,
    faults: AtomicU64,
    pub(crate) connections: AtomicU64,
}

impl Meters {
    /// Counts a request and its answer.
    pub(crate) fn count(&self, summary: &Summary, status: u16, took: Duration) {
        let add = |counter: &AtomicU64, count: u64| {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        };
        let endpoint = summary.endpoint.map_or(Endpoint::ALL.len(), |endpoint| endpoint as usize);
        let known = STATUSES.iter().position(|known| *known == status);
        add(&self.requests[endpoint][known.unwrap_or(STATUSES.len())], 1);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let within = BOUNDS.iter().position(|bound| us <= *bound);
        add(&self.durations[within.unwrap_or(BOUNDS.len())], 1);
        add(&self.duration_us, us);
        if summary.endpoint == Some(Endpoint::Events) {
            add(&self.accepted, u64::from(summary.accepted));
            add(&self.repeated, u64::from(summary.repeated));
            add(&self.documented, u64::from(summary.envelopes.documented));
            add(&self.wire, u64::from(summary.envelopes.wire));
        }
        add(&self.faults, u64::from(!summary.faults.is_empty()));
    }

    /// All of it in the text format of Prometheus.
    pub(crate) fn exposition(&self, engine: &Engine) -> String {
        let mut text = String::with_capacity(8_192);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        family(&mut text, "requests_total", "counter", "Requests answered, by endpoint and status.");
        let names = Endpoint::ALL.iter().map(|endpoint| endpoint.name()).chain(["other"]);
        for (name, row) in names.zip(&self.requests) {
            for (place, counter) in row.iter().enumerate() {
                // What never happened is left out, or a page of noughts hides what did.
                if get(counter) > 0 {
                    let status = match STATUSES.get(place) {
                        Some(0) => "none".to_owned(),
                        Some(status) => status.to_string(),
                        None => "other".to_owned(),
                    };
                    let labels = format!("{{endpoint=\"{name}\",status=\"{status}\"}}");
                    sample(&mut text, "requests_total", &labels, get(counter));
                }
            }
        }
        family(&mut text, "request_duration_seconds", "histogram", "Time until the answer left.");
        let mut sum = 0;
        for (bound, counter) in BOUNDS.iter().zip(&self.durations) {
            sum += get(counter);
            let labels = format!("{{le=\"{}\"}}", *bound as f64 / 1e6);
            sample(&mut text, "request_duration_seconds_bucket", &labels, sum);
        }
        sum += get(&self.durations[BOUNDS.len()]);
        sample(&mut text, "request_duration_seconds_bucket", "{le=\"+Inf\"}", sum);
        sample(&mut text, "request_duration_seconds_sum", "", get(&self.duration_us) as f64 / 1e6);
        sample(&mut text, "request_duration_seconds_count", "", sum);
        family(&mut text, "events_received_total", "counter", "Events received, by envelope.");
        sample(&mut text, "events_received_total", "{envelope=\"documented\"}", get(&self.documented));
        sample(&mut text, "events_received_total", "{envelope=\"wire\"}", get(&self.wire));
        for (name, about, counter) in [
            ("events_accepted_total", "Events accepted, repeated ones included.", &self.accepted),
            ("events_repeated_total", "Accepted events that repeated earlier ones.", &self.repeated),
            ("faults_total", "Requests that met a fault.", &self.faults),
        ] {
            family(&mut text, name, "counter", about);
            sample(&mut text, name, "", get(counter));
        }
        let workspaces = engine.workspaces();
        let journal: usize = workspaces.iter().map(|workspace| workspace.journal.len()).sum();
        for (name, about, value) in [
            ("connections", "Connections that are open.", get(&self.connections)),
            ("workspaces", "Workspaces, the default one included.", workspaces.len() as u64),
            ("keys", "Keys of all workspaces, revoked ones included.", engine.key_count() as u64),
            ("journal_entries", "Requests in all journals.", journal as u64),
        ] {
            family(&mut text, name, "gauge", about);
            sample(&mut text, name, "", value);
        }
        text
    }
}

fn family(text: &mut String, name: &str, kind: &str, about: &str) {
    // Writing to a string never fails.
    let _ = writeln!(text, "# HELP trenchcheck_mock_{name} {about}\n# TYPE trenchcheck_mock_{name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "trenchcheck_mock_{name}{labels} {value}");
}
