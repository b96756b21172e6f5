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
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionResult};
use goose::{GooseAttack, GooseError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore, watch};

use super::client::{Exchange, LaneClient};
use super::series::{Outcome, Sample, Sent};
use super::tickets::{RunState, Ticket, Tickets};

/// How long a user that is done stays away before it looks whether goose lets it go.
const COME_BACK: Duration = Duration::from_millis(20);

/// A lane in play, or a part of one that is too quick for one thread.
#[derive(Debug)]
pub(crate) struct LaneInPlay {
    /// The place of its lane among those of this process.
    pub(crate) index: usize,
    /// What goose's report calls it.
    pub(crate) name: String,
    pub(crate) in_flight: u32,
    /// Whether it waits what a 429 tells it to.
    pub(crate) waits: bool,
    /// Whether a 429 is what the profile is after.
    pub(crate) expects_429: bool,
    pub(crate) client: LaneClient,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) sender: Handle,
}

/// What all users share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// When the run began, and whether it is to end.
    pub(crate) state: Arc<RunState>,
    /// Turns true when requests under way are to be given up.
    pub(crate) give_up: watch::Receiver<bool>,
    /// A permit for each user that is up.
    pub(crate) ready: Arc<Semaphore>,
    /// Where samples go, each with the place of its lane among those of this process.
    pub(crate) samples: Sender<(usize, Sample)>,
    /// Whether goose is told of each request: only its own report needs that.
    pub(crate) goose_reports: bool,
}

#[derive(Debug)]
struct Told {
    time: Duration,
    success: bool,
    status: Option<u16>,
    fault: Option<String>,
}

/// Builds the attack. Each lane's users run until its tickets are used up.
pub(crate) fn build(
    lanes: &[Arc<LaneInPlay>],
    shared: &Arc<Shared>,
    host: &str,
    report: Option<&Path>,
) -> Result<GooseAttack, GooseError> {
    keep_goose_quiet();
    let users: usize = lanes.iter().map(|lane| lane.in_flight as usize).sum();
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
            Scenario::new(&format!("{place} {}", lane.name)).set_weight(lane.in_flight as usize)?;
        let transaction = Transaction::new(Arc::new(move |user: &mut GooseUser| {
            let (lane, shared) = (lane.clone(), shared.clone());
            Box::pin(async move { drive(user, &lane, &shared).await })
        }));
        scenario = scenario.register_transaction(transaction.set_name("send"));
        attack = attack.register_scenario(scenario);
    }
    Ok(attack)
}

/// Told when an attack has started its metrics anew.
pub(crate) static STEADY: Notify = Notify::const_new();

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
    shared.ready.add_permits(1);
    // Nobody takes samples any more when the run is being torn down.
    let hand_over = |sample| drop(shared.samples.send((lane.index, sample)));
    let mut give_up = shared.give_up.clone();
    let mut gave_up = pin!(give_up.wait_for(|now| *now));
    let mut waiting = Waiting::default();
    while let Some(Ticket { due, held }) = lane.tickets.take(&shared.state).await {
        let Some(start) = shared.state.start() else { break };
        if waiting.withholds(start + due) {
            hand_over(Sample { due, sent: None });
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
        hand_over(Sample { due, sent: Some(sent) });
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

/// Goose logs to the terminal unless a logger is there before it; what it has to say is in our own reports. One line is
/// of use: that it is through with starting its metrics anew, of which goose 0.19 has no other sign.
fn keep_goose_quiet() {
    struct Ear;
    impl log::Log for Ear {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target() == "goose"
        }
        fn log(&self, record: &log::Record<'_>) {
            const LINE: &str = "entering GooseAttack phase: Maintain";
            if self.enabled(record.metadata()) && record.args().to_string() == LINE {
                STEADY.notify_waiters();
            }
        }
        fn flush(&self) {}
    }
    // Where the program has a logger of its own, goose's lines go there.
    if log::set_logger(&Ear).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
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
        let counts = STEADY.notified();
        let attack = tokio::spawn(attack.execute());
        counts.await;
        assert!(!attack.is_finished());
        attack.await.unwrap().unwrap();
    }
}
