//! Conducts a run: keys, users, schedule, ledger; and what comes of it.

use std::io::{IsTerminal, Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use goose::metrics::GooseMetrics;
use indicatif::{MultiProgress, ProgressDrawTarget};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::LoadError;
use super::attack::{LaneInPlay, STEADY, Shared, build};
use super::bookkeeping::{Books, Watch};
use super::keys::Keyring;
use super::ledger::LaneLedger;
use super::live::{Live, Screen};
use super::metrics::{Collector, Meters, Watched};
use super::plan::{LanePlan, LoadPlan, make_room};
use super::record::{LaneRecord, RunRecord};
use super::senders::Senders;
use super::tickets::{Part, RunState, Tickets, release};
use super::verdict::end_with_first_miss;
use crate::amounts::count;
use crate::client::HttpClient;
use crate::deployment::{Keys, Target, welcome};
use crate::report::Redactor;
use crate::system::asked_to_stop;

/// From the moment all users are up to the first request: goose, having launched its users, goes to rest.
const LEAD: Duration = Duration::from_millis(200);
/// How long goose is given at most to begin counting: where the program has a logger of its own, it tells nobody.
const COUNTS_WITHIN: Duration = Duration::from_secs(5);
/// How long requests under way may go on after the run was asked to stop.
const GRACE: Duration = Duration::from_secs(1);

/// How many requests a minute one thread is trusted with: a lane that is quicker is played in parts. A thread can send
/// some times as many.
const THREAD_RATE: u32 = 600_000;

/// A wait that people are told about.
const NOTICEABLE: Duration = Duration::from_secs(2);

/// How a run is conducted.
#[derive(Debug, Clone, Default)]
pub struct Conduct {
    /// Hosts other than this machine that load may go to.
    pub allowed_hosts: Vec<String>,
    /// Where goose writes its own report.
    pub goose_report: Option<PathBuf>,
    /// When the schedule begins; as soon as possible without it.
    pub start_at: Option<DateTime<Utc>>,
    /// Whether nothing is shown while it goes on; else it is on standard error, as a terminal or a pipe likes it.
    pub quiet: bool,
    /// Where Prometheus may ask how the run stands.
    pub prometheus: Option<SocketAddr>,
    /// Where that is sent.
    pub otlp: Option<Collector>,
}

/// Plays a plan against a target. The redactor learns the keys, so that no report shows them.
///
/// # Errors
/// [`LoadError`] when there is no run. A run that was interrupted is a run.
pub async fn play(
    plan: LoadPlan,
    target: &Target,
    conduct: Conduct,
    redactor: &Redactor,
) -> Result<RunRecord, LoadError> {
    let what = || format!("{} and {}", count(plan.requests(), "request"), count(plan.events(), "event"));
    welcome(what, (target.host(), target.loopback), &conduct.allowed_hosts)?;
    plan.has_lanes()?;
    if let Some(start_at) = conduct.start_at.filter(|start_at| *start_at <= Utc::now()) {
        return Err(LoadError::TooLate(start_at));
    }
    make_room(plan.in_flight())?;
    if let Keys::Environment(given) = &target.keys {
        given.iter().for_each(|key| redactor.learn(&key.secret));
    }
    target.reach.secrets().iter().for_each(|secret| redactor.learn(secret));
    let watched = watched(&plan, target, &conduct, redactor).await?;
    // There is one such handler in a process, and goose's would end it at a second Ctrl-C. With one set, goose leaves
    // the signal to those who listen below.
    let _ = ctrlc::set_handler(|| {});
    let connect = || HttpClient::new(target).map_err(LoadError::Client);
    let http = connect()?;
    let mut asked_to_stop = Box::pin(asked_to_stop());
    let keyring = tokio::select! {
        keyring = Keyring::gather(&plan, target, http) => keyring?,
        Ok(()) = &mut asked_to_stop => return Err(LoadError::Interrupted),
    };
    keyring.keys.values().for_each(|key| redactor.learn(&key.secret));
    let senders = Senders::start(plan.lanes.iter().map(threads_for).sum())?;
    // A connection belongs to the thread it was made in, so each has a client of its own.
    let clients = senders.threads.iter().map(|_| connect()).collect::<Result<Vec<_>, _>>()?;
    let mut threads = clients.iter().zip(&senders.threads).cycle();
    let mut lanes = Vec::new();
    for (index, lane) in plan.lanes.iter().enumerate() {
        let asked = lane.record.thresholds.over(&plan.profile.thresholds);
        for (part, in_flight) in parts_of(lane, senders.threads.len()) {
            let Some((client, sender)) = threads.next() else { continue };
            lanes.push(Arc::new(LaneInPlay {
                index,
                name: lane.record.group.clone(),
                in_flight,
                waits: lane.waits,
                expects_429: asked.limited != Some(0),
                client: keyring.client_over(client.clone(), lane, target)?,
                tickets: Arc::new(Tickets::new(lane.pacer.clone(), part, in_flight, sender.idle.clone())),
                sender: sender.handle.clone(),
            }));
        }
    }
    let fresh_from = keyring.fresh_from;
    drop((keyring, clients));
    let mut stopping = JoinSet::new();
    stopping.spawn(async move {
        if asked_to_stop.await.is_ok() {
            // Goose forgets what it was told before it began.
            while !goose::is_killswitch_triggered() {
                goose::trigger_killswitch("asked to stop");
                tokio::time::sleep(GRACE).await;
            }
        }
    });
    let run = conduct_lanes(plan, target, conduct, lanes, &senders, fresh_from, watched.meters.clone()).await;
    watched.end().await;
    run
}

/// Lets those who watch a run see it from now on.
async fn watched(
    plan: &LoadPlan,
    target: &Target,
    conduct: &Conduct,
    redactor: &Redactor,
) -> Result<Watched, LoadError> {
    let mut about =
        vec![("profile", plan.profile.profile.value.clone()), ("target", redactor.scrub(&target.base_url))];
    about.extend(plan.shard.map(|shard| ("shard", format!("{}/{}", shard.index, shard.of))));
    let meters = Meters::new(plan.lanes.iter().map(|lane| &lane.record), about)?;
    let watched = Watched::begin(conduct.prometheus, conduct.otlp.clone(), meters).await?;
    if let (Some(address), false) = (watched.address, conduct.quiet) {
        // Nobody reads a closed stream.
        let _ = writeln!(stderr(), "metrics are told at http://{address}/metrics while the run goes on");
    }
    Ok(watched)
}

async fn conduct_lanes(
    plan: LoadPlan,
    target: &Target,
    conduct: Conduct,
    lanes: Vec<Arc<LaneInPlay>>,
    senders: &Senders,
    fresh_from: Option<Instant>,
    meters: Option<Arc<Mutex<Meters>>>,
) -> Result<RunRecord, LoadError> {
    let state = Arc::new(RunState::default());
    let (give_up, give_up_receiver) = watch::channel(false);
    let users = lanes.iter().map(|lane| lane.in_flight).sum();
    let ready = Arc::new(Semaphore::new(0));
    let (samples, received) = channel();
    let shared = Arc::new(Shared {
        state: state.clone(),
        give_up: give_up_receiver,
        ready: ready.clone(),
        samples,
        goose_reports: conduct.goose_report.is_some(),
    });
    let attack = build(&lanes, &shared, &target.base_url, conduct.goose_report.as_deref())?;
    drop(shared);

    let ledgers: Vec<LaneLedger> = plan.lanes.iter().map(|lane| LaneLedger::new(lane.clone())).collect();
    let keeper = {
        let (state, screen, watch) = (state.clone(), screen(conduct.quiet), Watch::of(&plan.profile));
        thread::spawn(move || {
            Books::keep(ledgers, &received, &state, Live::new(screen), watch, meters.as_deref())
        })
    };
    let counts = STEADY.notified();
    let mut attack = tokio::spawn(attack.execute());
    let up = async {
        // It is never closed.
        let _ = ready.acquire_many(users).await;
        if conduct.goose_report.is_some() {
            // What comes of a wait that was too long is told at the end.
            let _ = tokio::time::timeout(COUNTS_WITHIN, counts).await;
        }
    };
    tokio::select! {
        () = up => {}
        early = &mut attack => {
            state.stop();
            early.map_err(broken)??;
            return Err(LoadError::Interrupted);
        }
    }

    let (start, started_at) = when(&conduct, fresh_from)?;
    if !conduct.quiet && start > Instant::now() + NOTICEABLE {
        let seconds = start.saturating_duration_since(Instant::now()).as_secs();
        let when =
            if fresh_from.is_some() { "the keys' windows are fresh" } else { "the start time has come" };
        // Nobody reads a closed stream; the run goes on.
        let _ = writeln!(stderr(), "begins in {seconds} s, when {when}");
    }
    state.begin(start);
    let interrupted = Arc::new(AtomicBool::new(false));
    let tickets: Vec<_> = lanes.iter().map(|lane| (lane.index, lane.tickets.clone())).collect();
    let came_to = schedule(lanes, senders, &state, &interrupted).await?;
    let grace = async {
        // Requests that fell due late are given the time of one more, and no more: a target that is slower than the
        // schedule would else be sent the rest of it for as long as it likes.
        tokio::time::sleep(if state.is_stopped() { GRACE } else { target.timeout }).await;
        state.stop();
        give_up.send_replace(true);
        std::future::pending::<()>().await;
    };
    let goose = tokio::select! {
        done = &mut attack => done.map_err(broken)??,
        () = grace => GooseMetrics::default(),
    };
    let books = join(keeper).await?;
    let took = books.last;
    let (mut lanes, timelines) = books.close(&came_to);
    for (index, tickets) in tickets {
        lanes[index].held_up |= tickets.are_held_up();
    }
    if conduct.goose_report.is_some() {
        compare(&goose, &lanes);
    }
    let mut run = RunRecord {
        profile: plan.profile.profile.value.clone(),
        profile_hash: plan.hash,
        target: target.base_url.clone(),
        started_at,
        took,
        shard: plan.shard,
        parts: Vec::new(),
        interrupted: interrupted.load(Ordering::Relaxed),
        stop_at_first_miss: plan.profile.stop_at_first_miss,
        lanes,
        timelines,
        thresholds: plan.profile.thresholds.value,
    };
    // What had begun by the time a miss was known is of no account.
    end_with_first_miss(&mut run);
    Ok(run)
}

/// Goose starts its metrics anew when all users are up, which is waited for where it says so. Should its report be short
/// all the same, or the run have been given up, nobody must take it for whole.
fn compare(goose: &GooseMetrics, lanes: &[LaneRecord]) {
    let heard: usize = goose.requests.values().map(|of| of.success_count + of.fail_count).sum();
    let sent: u64 = lanes.iter().flat_map(|lane| &lane.windows).map(|counts| counts.sent).sum();
    if heard as u64 != sent {
        // Nobody reads a closed stream.
        let _ = writeln!(stderr(), "goose's own report tells of {heard} of the {sent} requests");
    }
}

/// Releases the tickets of all lanes, each in its own thread. Returns how far the schedule of each lane came.
async fn schedule(
    lanes: Vec<Arc<LaneInPlay>>,
    senders: &Senders,
    state: &Arc<RunState>,
    interrupted: &Arc<AtomicBool>,
) -> Result<Vec<Duration>, LoadError> {
    let of_thread = senders.threads.iter().enumerate().map(|(number, sender)| {
        let tickets = lanes.iter().skip(number).step_by(senders.threads.len());
        let tickets = tickets.map(|lane| lane.tickets.clone()).collect();
        let interrupted = interrupted.clone();
        let is_asked_to_stop = move || {
            let triggered = goose::is_killswitch_triggered();
            interrupted.fetch_or(triggered, Ordering::Relaxed);
            triggered
        };
        sender.handle.spawn(release(tickets, state.clone(), is_asked_to_stop))
    });
    let of_thread: Vec<_> = of_thread.collect();
    let indices: Vec<usize> = lanes.iter().map(|lane| lane.index).collect();
    // Nothing here keeps a lane any longer than its users do.
    drop(lanes);
    let of_thread = try_join_all(of_thread).await.map_err(broken)?;
    let mut came_to = vec![Duration::ZERO; indices.last().map_or(0, |last| last + 1)];
    for (index, time) in indices.into_iter().zip(of_thread.into_iter().cycle()) {
        came_to[index] = time.max(came_to[index]);
    }
    Ok(came_to)
}

/// How many threads a lane could keep busy.
fn threads_for(lane: &LanePlan) -> usize {
    let wanted = lane.pacer.highest_rate().div_ceil(THREAD_RATE).clamp(1, lane.record.in_flight.max(1));
    usize::try_from(wanted).unwrap_or(1)
}

/// The parts a lane is played in, where there are so many threads, and how many slots each has.
fn parts_of(lane: &LanePlan, threads: usize) -> impl Iterator<Item = (Part, u32)> + use<> {
    let of = u32::try_from(threads_for(lane).min(threads)).unwrap_or(1).max(1);
    let in_flight = lane.record.in_flight;
    (0..of).map(move |number| (Part { number, of }, in_flight / of + u32::from(number < in_flight % of)))
}

/// When the schedule begins, on our clock and on everybody's.
fn when(conduct: &Conduct, fresh_from: Option<Instant>) -> Result<(Instant, DateTime<Utc>), LoadError> {
    let (now, utc) = (Instant::now(), Utc::now());
    let soonest = fresh_from.map_or(now + LEAD, |fresh| fresh.max(now + LEAD));
    let Some(start_at) = conduct.start_at else {
        return Ok((soonest, utc + (soonest - now)));
    };
    let left = (start_at - utc).to_std().map_err(|_| LoadError::TooLate(start_at))?;
    match fresh_from {
        _ if now + left >= soonest => Ok((now + left, start_at)),
        Some(fresh) if fresh > now + LEAD => Err(LoadError::NotFresh(start_at, utc + (fresh - now))),
        _ => Err(LoadError::TooLate(start_at)),
    }
}

fn screen(quiet: bool) -> Screen {
    match quiet {
        true => Screen::Nowhere,
        false if stderr().is_terminal() => {
            Screen::Terminal(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
        }
        false => Screen::Pipe(Box::new(stderr())),
    }
}

fn broken(what: impl std::fmt::Display) -> LoadError {
    LoadError::Broken(what.to_string())
}

async fn join<T: Send + 'static>(thread: thread::JoinHandle<T>) -> Result<T, LoadError> {
    let joined = tokio::task::spawn_blocking(move || thread.join()).await.map_err(broken)?;
    joined.map_err(|_| broken("the ledger"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Overrides;
    use crate::load::profile::{Library, Rate};
    use crate::scenario::Source;

    #[test]
    fn a_start_time_before_the_windows_are_fresh_is_told_from_one_that_has_passed() {
        let conduct = |ahead: i64| Conduct {
            start_at: Some(Utc::now() + chrono::TimeDelta::seconds(ahead)),
            ..Conduct::default()
        };
        let fresh = Some(Instant::now() + Duration::from_secs(40));
        assert!(when(&conduct(60), fresh).is_ok());
        let refused = |ahead, fresh| when(&conduct(ahead), fresh).unwrap_err().to_string();
        assert!(refused(20, fresh).starts_with("the keys' windows are fresh only at"));
        assert!(refused(-1, fresh).contains("has passed"));
        assert!(refused(0, None).contains("has passed"));
    }

    #[test]
    fn a_lane_too_quick_for_a_thread_is_played_in_parts_and_keeps_its_slots() {
        let shelved = Library(&Source::Builtin).find("sustain-standard").unwrap();
        let target = Target {
            envelope: crate::deployment::Envelope::Documented,
            timeout: Duration::from_secs(1),
            ..Target::on_this_machine("http://127.0.0.1:1", crate::deployment::Keys::Environment(Vec::new()))
        };
        for (rate, threads, expected) in
            [("60", 8, 1), ("600001", 8, 2), ("3000000", 8, 5), ("3000000", 2, 2)]
        {
            let rate: Rate = rate.parse().unwrap();
            let overrides = Overrides { rate: Some(rate), ..Overrides::default() };
            let lane = &LoadPlan::new(&shelved, &overrides, &target, None).unwrap().lanes[0];
            let parts: Vec<_> = parts_of(lane, threads).collect();
            assert_eq!(parts.len(), expected);
            assert_eq!(parts.iter().map(|(_, in_flight)| in_flight).sum::<u32>(), lane.record.in_flight);
            assert!(
                parts
                    .iter()
                    .enumerate()
                    .all(|(nth, (part, in_flight))| part.number as usize == nth && *in_flight > 0)
            );
        }
    }
}
