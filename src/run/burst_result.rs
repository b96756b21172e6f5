//! Many requests, released together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::burst_gate::BurstPermit;
use super::clock::Clock;
use super::instant::Instant;
use super::trace::Message;
use crate::client::{Connections, Fault, HttpClient, Outgoing, Pool, Prepared};

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct BurstResult {
    /// The answers, with the place of their request among the requests.
    pub(crate) answers: Vec<(usize, Message)>,
    /// The requests without an answer.
    pub(crate) faults: Vec<Fault>,
    /// When the first request left.
    pub(crate) from: Instant,
    /// When the last answer was complete or given up.
    pub(crate) to: Instant,
    /// From the first request leaving to the last one leaving.
    pub(crate) left_within: Duration,
}

impl BurstResult {
    /// How long the whole burst took.
    pub(crate) fn took(&self) -> Duration {
        self.to - self.from
    }
}

/// Whether some answers came so much later than most that their requests must have queued for a connection, as where a
/// listener's queue is short. A target that is slow for everybody is not crowded.
pub(crate) fn is_crowded(took: impl Iterator<Item = Duration>) -> bool {
    const LATER: Duration = Duration::from_millis(900);
    let mut took: Vec<Duration> = took.collect();
    took.sort_unstable();
    match (took.get(took.len() / 2), took.last()) {
        (Some(median), Some(most)) => *most > *median * 3 + LATER,
        _ => false,
    }
}

/// So many requests of a burst are waited for in vain; what is left of them is not sent then.
const MOST_TIME_OUTS: usize = 2;

/// What those share who send the requests of a burst.
struct Shared {
    client: HttpClient,
    clock: Arc<Clock>,
    requests: Vec<Arc<Outgoing>>,
    connections: Connections,
    next: AtomicUsize,
    start: Barrier,
    permit: Mutex<Option<BurstPermit>>,
    time_outs: AtomicUsize,
}

/// The place of a request, when it left and when it was over, and what came back.
type Sent = (usize, Instant, Instant, Result<Message, Fault>);

impl Shared {
    /// The next request, written.
    fn claim(&self) -> Option<(usize, Result<Prepared<'_>, Fault>)> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        self.requests.get(place).map(|request| (place, self.client.prepare(request, self.connections)))
    }

    /// Sends one request after the other, until none is left.
    async fn work(self: Arc<Self>) -> Vec<Sent> {
        let mut sent = Vec::new();
        // What is written before the start does not hold anybody up after it.
        let mut upcoming = self.claim();
        self.start.wait().await;
        while let Some((place, prepared)) = upcoming {
            let left = self.clock.now();
            if place + 1 == self.requests.len() {
                drop(self.permit.lock().take());
            }
            let outcome = match prepared {
                Ok(prepared) => prepared.send(&*self.clock).await,
                Err(fault) => Err(fault),
            };
            let is_late = outcome.as_ref().is_err_and(Fault::is_time_out);
            self.time_outs.fetch_add(usize::from(is_late), Ordering::Relaxed);
            sent.push((place, left, self.clock.now(), outcome));
            if self.time_outs.load(Ordering::Relaxed) >= MOST_TIME_OUTS {
                break;
            }
            upcoming = self.claim();
        }
        sent
    }
}

/// Sends `requests` with at most `in_flight` under way at once. The first ones leave together, and with the last one the
/// `permit` is given back.
pub(crate) async fn send_all(
    client: &HttpClient,
    clock: &Arc<Clock>,
    requests: Vec<Arc<Outgoing>>,
    in_flight: usize,
    connections: Connections,
    permit: Option<BurstPermit>,
) -> BurstResult {
    let workers = in_flight.clamp(1, requests.len().max(1));
    let plain = |request: &Arc<Outgoing>| request.http.is_none() && request.spelled.is_none();
    if workers == 1
        && connections == Connections::Reused
        && requests.iter().all(plain)
        && let Some(pool) = requests.first().and_then(|request| client.pool(&request.url))
    {
        return one_by_one(client, &pool, clock, &requests).await;
    }
    let shared = Arc::new(Shared {
        client: client.clone(),
        clock: Arc::clone(clock),
        requests,
        connections,
        next: AtomicUsize::new(0),
        start: Barrier::new(workers),
        permit: Mutex::new(permit),
        time_outs: AtomicUsize::new(0),
    });
    let mut crew: JoinSet<_> = (0..workers).map(|_| Arc::clone(&shared).work()).collect();
    let mut burst = BurstResult::default();
    let mut departures = Vec::new();
    while let Some(joined) = crew.join_next().await {
        for (place, left, back, outcome) in joined.unwrap_or_default() {
            departures.push(left);
            burst.to = burst.to.max(back);
            match outcome {
                Ok(answer) => burst.answers.push((place, answer)),
                Err(fault) => burst.faults.push(fault),
            }
        }
    }
    burst.answers.sort_by_key(|(place, _)| *place);
    burst.from = departures.iter().min().copied().unwrap_or_default();
    burst.left_within = departures.iter().max().copied().unwrap_or_default() - burst.from;
    burst
}

/// Sends requests one after the other over one connection.
async fn one_by_one(
    client: &HttpClient,
    pool: &Pool,
    clock: &Clock,
    requests: &[Arc<Outgoing>],
) -> BurstResult {
    let mut burst = BurstResult { from: clock.now(), ..BurstResult::default() };
    for (place, request) in requests.iter().enumerate() {
        burst.left_within = clock.now() - burst.from;
        let outcome = match client.written(request) {
            Ok(written) => pool.exchange(written, clock).await,
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(answer) => burst.answers.push((place, answer)),
            Err(fault) => burst.faults.push(fault),
        }
        if burst.faults.iter().filter(|fault| fault.is_time_out()).count() >= MOST_TIME_OUTS {
            break;
        }
    }
    burst.to = clock.now();
    burst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::{Keys, Target};

    #[tokio::test]
    async fn what_is_waited_for_in_vain_twice_is_not_sent_a_third_time() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // It takes connections, and says nothing.
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok(connection) = listener.accept().await {
                taken.push(connection);
            }
        });
        let timeout = Duration::from_millis(50);
        let target = Target { timeout, ..Target::on_this_machine(&url, Keys::Environment(Vec::new())) };
        let client = HttpClient::new(&target).unwrap();
        let outgoing = Outgoing {
            method: http::Method::GET,
            url,
            headers: Vec::new(),
            body: None,
            spelled: None,
            http: None,
        };
        let request = Arc::new(outgoing);
        for (in_flight, connections) in [(1, Connections::Reused), (2, Connections::Fresh)] {
            let clock = Arc::new(Clock::real());
            let requests = vec![Arc::clone(&request); 40];
            let burst = send_all(&client, &clock, requests, in_flight, connections, None).await;
            assert!(burst.answers.is_empty());
            assert!((2..=3).contains(&burst.faults.len()), "{in_flight}: {:?}", burst.faults);
        }
    }
}
