//! The goose attack: a scenario for each lane, and as many users in it as the lane has slots.
//!
//! A user has a slot on its lane's sending thread: there a ticket is taken, the request sent, and the next ticket taken.
//! Where goose writes a report, the user hands goose the numbers our own reports show: the time counts from the moment
//! the request was due. The schedule ends the run, to the request: goose's own run time is checked twice a
//! second and runs on past its end, so none is set, and each user tells goose when the tickets are used up.
//!
//! Goose starts its metrics anew once all users are up. Told not to, it prints a line of its own on standard output
//! instead; but it logs when it is through with that, and the schedule waits for the line where goose is to report.

use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionResult};
use goose::metrics::GooseMetrics;
use goose::{GooseAttack, GooseError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};
use tokio::task_local;

use super::client::{Exchange, LaneClient};
use super::ledger::Bundle;
use super::ledger::{Sample, Sent};
use super::record::Outcome;
use super::tickets::{Course, Ticket, Tickets};

/// A bundle is handed over when it has so many samples …
const BUNDLE: usize = 64;
/// … or was begun so long ago.
const BUNDLE_AGE: Duration = Duration::from_millis(200);

/// How long a user that is done stays away before it looks whether goose lets it go.
const COME_BACK: Duration = Duration::from_millis(20);

/// A lane in play, or a part of one that is too quick for one thread.
#[derive(Debug)]
pub(crate) struct LaneInPlay {
    /// The place of its lane among those of this process.
    pub(crate) index: usize,
    /// What goose's report calls it.
    pub(crate) name: String,
    /// How many users it has.
    pub(crate) slots: u32,
    /// Whether it waits what a 429 tells it to.
    pub(crate) waits: bool,
    /// Whether a 429 is what the profile is after.
    pub(crate) expects_429: bool,
    /// What it sends.
    pub(crate) client: LaneClient,
    /// When.
    pub(crate) tickets: Arc<Tickets>,
    /// The thread it sends from.
    pub(crate) sender: Handle,
}

/// What all users share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// When the run began, and whether it is to end.
    pub(crate) course: Arc<Course>,
    /// Turns true when requests under way are to be given up.
    pub(crate) give_up: watch::Receiver<bool>,
    /// How many users are up.
    pub(crate) ready: Arc<Ready>,
    /// Where samples go.
    pub(crate) samples: Sender<Bundle>,
    /// Whether goose is told of each request: only its own report needs that.
    pub(crate) goose_reports: bool,
}

/// What goose is told of a request.
#[derive(Debug)]
struct Told {
    time: Duration,
    success: bool,
    status: Option<u16>,
    fault: Option<String>,
}

/// Counts users until all are up.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    up: AtomicUsize,
    all_up: Notify,
    expected: usize,
}

impl Ready {
    /// Waits for so many.
    pub(crate) fn of(expected: usize) -> Self {
        Self { expected, ..Self::default() }
    }

    fn one_more(&self) {
        if self.up.fetch_add(1, Ordering::AcqRel) + 1 == self.expected {
            self.all_up.notify_one();
        }
    }

    /// Waits until all are up.
    pub(crate) async fn wait(&self) {
        self.all_up.notified().await;
    }
}

/// Builds the attack. Each lane's users run until its tickets are used up.
///
/// # Errors
/// Goose's.
pub(crate) fn build(
    lanes: &[Arc<LaneInPlay>],
    shared: &Arc<Shared>,
    host: &str,
    report: Option<&Path>,
) -> Result<GooseAttack, GooseError> {
    keep_goose_quiet();
    let users: usize = lanes.iter().map(|lane| lane.slots as usize).sum();
    // It has private fields, so it cannot be written as one value.
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(host.to_owned());
    configuration.users = Some(users);
    configuration.increase_rate = Some("1000000".to_owned());
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration.no_print_metrics = true;
    configuration.no_transaction_metrics = true;
    configuration.no_scenario_metrics = true;
    configuration.report_file = report.map(|path| path.display().to_string()).into_iter().collect();
    let client = goose::client::GooseClientBuilder::new().without_cookies();
    let mut attack =
        GooseAttack::initialize_with_config(configuration)?.set_client_builder_without_cookies(client)?;
    for (place, lane) in lanes.iter().enumerate() {
        let (lane, shared) = (lane.clone(), shared.clone());
        let mut scenario =
            Scenario::new(&format!("{place} {}", lane.name)).set_weight(lane.slots as usize)?;
        let transaction = Transaction::new(Arc::new(move |user: &mut GooseUser| {
            let (lane, shared) = (lane.clone(), shared.clone());
            Box::pin(async move { drive(user, &lane, &shared).await })
        }));
        scenario = scenario.register_transaction(transaction.set_name("send"));
        attack = attack.register_scenario(scenario);
    }
    Ok(attack)
}

/// Runs an attack to its end. `counts` is told when goose begins to count.
///
/// # Errors
/// Goose's.
pub(crate) async fn execute(attack: GooseAttack, counts: Arc<Notify>) -> Result<GooseMetrics, GooseError> {
    COUNTS.scope(counts, attack.execute()).await
}

task_local! {
    /// Told when the attack of this task has started its metrics anew.
    static COUNTS: Arc<Notify>;
}

/// What goose logs when it is through with that.
const STEADY: &str = "entering GooseAttack phase: Maintain";

/// One user: waits while its slot sends, and tells goose of each request where goose is to report them.
async fn drive(user: &mut GooseUser, lane: &Arc<LaneInPlay>, shared: &Arc<Shared>) -> TransactionResult {
    if lane.tickets.is_over() {
        return leave(user).await;
    }
    let (tell, mut told) = unbounded_channel();
    let tell = shared.goose_reports.then_some(tell);
    let slot = lane.sender.spawn(send(lane.clone(), shared.clone(), tell));
    let (method, name) = (lane.client.method(), lane.name.as_str());
    while let Some(Told { time, success, status, fault }) = told.recv().await {
        let fault = fault.as_deref();
        let heard = user.record_custom_request_duration(method, name, time, success, status, fault).await;
        if heard.is_err() {
            // Its report will be short, and ours is not.
            break;
        }
    }
    // A slot that broke off has left its lane short, which its ledger shows.
    let _ = slot.await;
    Ok(())
}

/// One slot: takes tickets and sends, until there are no more.
async fn send(lane: Arc<LaneInPlay>, shared: Arc<Shared>, tell: Option<UnboundedSender<Told>>) {
    lane.client.prepare();
    shared.ready.one_more();
    let mut bundle = Bundler::new(lane.index, shared.samples.clone());
    let mut give_up = shared.give_up.clone();
    let mut gave_up = pin!(give_up.wait_for(|now| *now));
    let mut waiting = Waiting::default();
    while let Some(Ticket { due, held }) = lane.tickets.take(&shared.course).await {
        let Some(start) = shared.course.start() else { break };
        if waiting.withholds(start + due) {
            bundle.add(Sample { due, sent: None });
            continue;
        }
        let exchange = tokio::select! {
            biased;
            exchange = lane.client.exchange() => exchange,
            // Nobody knows what would have become of it, so it does not count as sent.
            _ = &mut gave_up => {
                lane.tickets.give_up();
                break;
            }
        };
        let mut sent = sample(&exchange, start + due, held, lane.client.events());
        if lane.waits {
            waiting.heed(&exchange, &mut sent);
        }
        if let Some(tell) = &tell {
            let success = sent.outcome == Outcome::Admitted
                || (sent.outcome == Outcome::Limited && lane.expects_429 && sent.fault.is_none());
            let (time, fault) = (sent.lag + sent.held + sent.service, sent.fault.clone());
            // Goose lets a user go only when it has heard everything.
            let _ = tell.send(Told { time, success, status: exchange.status, fault });
        }
        bundle.add(Sample { due, sent: Some(sent) });
        lane.client.prepare();
    }
}

/// Tells goose that this user is done, and comes back shortly: goose looks for it when the transaction returns.
async fn leave(user: &GooseUser) -> TransactionResult {
    if let Some(parent) = &user.shutdown_channel {
        // Goose numbers users from 1. A parent that no longer listens has let everybody go.
        let _ = parent.send(user.weighted_users_index + 1);
    }
    tokio::time::sleep(COME_BACK).await;
    Ok(())
}

/// What the ledger is told of an exchange, whose request the target held up for so long.
pub(super) fn sample(exchange: &Exchange, due: Instant, held: Duration, events: u32) -> Sent {
    Sent {
        outcome: exchange.reading.outcome,
        lag: exchange.sent.saturating_duration_since(due).saturating_sub(held),
        held,
        service: exchange.done.saturating_duration_since(exchange.sent),
        events,
        accepted: exchange.reading.accepted,
        fault: exchange.reading.fault.clone(),
    }
}

/// A client that waits what Retry-After says.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    until: Option<Instant>,
    last_was_429: bool,
}

impl Waiting {
    /// Whether a request due then is dropped.
    pub(super) fn withholds(&self, due: Instant) -> bool {
        self.until.is_some_and(|until| due < until)
    }

    /// Takes note of an answer. A 429 right after the promised time is a broken promise.
    pub(super) fn heed(&mut self, exchange: &Exchange, sent: &mut Sent) {
        let limited = sent.outcome == Outcome::Limited;
        if limited && self.last_was_429 {
            sent.outcome = Outcome::Error;
            sent.fault = Some("a second 429 in a row, after the time Retry-After had promised".to_owned());
        }
        self.last_was_429 = limited;
        self.until = exchange.reading.retry_after.map(|wait| exchange.answered + wait);
    }
}

/// Gathers the samples of one user.
struct Bundler {
    lane: usize,
    samples: Vec<Sample>,
    last: Instant,
    to: Sender<Bundle>,
}

impl Bundler {
    fn new(lane: usize, to: Sender<Bundle>) -> Self {
        Self { lane, samples: Vec::new(), last: Instant::now(), to }
    }

    fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
        if self.samples.len() >= BUNDLE || self.last.elapsed() >= BUNDLE_AGE {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        self.last = Instant::now();
        // Nobody takes them any more when the run is being torn down.
        let samples = std::mem::take(&mut self.samples);
        let _ = self.to.send(Bundle { lane: self.lane, handed_over: self.last, samples });
    }
}

impl Drop for Bundler {
    fn drop(&mut self) {
        if !self.samples.is_empty() {
            self.hand_over();
        }
    }
}

/// Goose logs to the terminal unless a logger is there before it; what it has to say is in our own reports.
fn keep_goose_quiet() {
    struct Ear;
    impl log::Log for Ear {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target() == "goose"
        }
        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                // Only the task of an attack has somebody to tell.
                let _ = COUNTS.try_with(|counts| {
                    if record.args().to_string() == STEADY {
                        counts.notify_one();
                    }
                });
            }
        }
        fn flush(&self) {}
    }
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| {
        // Where the program has a logger of its own, goose's lines go there.
        if log::set_logger(&Ear).is_ok() {
            log::set_max_level(log::LevelFilter::Info);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rest(_: &mut GooseUser) -> TransactionResult {
        tokio::time::sleep(COME_BACK).await;
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn goose_says_when_it_counts() {
        keep_goose_quiet();
        let mut configuration = GooseConfiguration::default();
        configuration.host = Some("http://127.0.0.1:1".to_owned());
        configuration.users = Some(3);
        configuration.increase_rate = Some("1000000".to_owned());
        configuration.run_time = Some("1s".to_owned());
        configuration.no_telnet = true;
        configuration.no_websocket = true;
        configuration.no_print_metrics = true;
        let transaction = Transaction::new(Arc::new(|user| Box::pin(rest(user))));
        let attack = GooseAttack::initialize_with_config(configuration).unwrap();
        let attack = attack.register_scenario(Scenario::new("rests").register_transaction(transaction));
        let counts = Arc::new(Notify::new());
        let attack = tokio::spawn(execute(attack, counts.clone()));
        counts.notified().await;
        assert!(!attack.is_finished());
        attack.await.unwrap().unwrap();
    }
}
