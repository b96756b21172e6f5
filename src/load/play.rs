//! Conducts a run: keys, users, schedule, ledger; and what comes of it.

use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use goose::GooseError;
use indicatif::{MultiProgress, ProgressDrawTarget};
use tokio::sync::watch;

use super::attack::{LaneInPlay, Ready, Shared, build, execute};
use super::client::connect;
use super::collect::keep;
use super::descriptors::make_room;
use super::keys::Keyring;
use super::ledger::LaneLedger;
use super::live::{Live, Screen};
use super::plan::{LanePlan, Plan};
use super::record::RunRecord;
use super::tickets::{Course, Tickets, release};
use super::watch::Watch;
use crate::report::{ExitCode, Redactor};
use crate::target::{Target, TargetError};

/// From the moment all users are up to the first request. The thread that releases tickets starts in it, and
/// goose, having launched its users, goes to rest.
const LEAD: Duration = Duration::from_millis(200);
/// How long requests under way may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(1);

/// A wait that people are told about.
const NOTICEABLE: Duration = Duration::from_secs(2);

/// How a run is conducted.
#[derive(Debug, Clone)]
pub struct Conduct {
    /// Hosts other than this machine that load may go to.
    pub allowed_hosts: Vec<String>,
    /// Where goose writes its own report.
    pub goose_report: Option<PathBuf>,
    /// When the schedule begins; as soon as possible without it.
    pub start_at: Option<DateTime<Utc>>,
    /// How it is shown while it goes on.
    pub view: View,
}

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// On standard error, as a terminal or a pipe likes it.
    Shown,
    /// Not at all.
    Hidden,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The host has not been allowed.
    #[error(
        "{requests} requests and {events} events would go to {host}, which is not this machine: \
         allow it with --allow-host {host}"
    )]
    NotWelcome {
        /// The host.
        host: String,
        /// Requests that would have been sent.
        requests: u64,
        /// Events that would have been sent.
        events: u64,
    },
    /// Too many connections.
    #[error(
        "{connections} requests may be under way at once, and this process may open {allowed} files: \
         raise the limit with `ulimit -n`, or lower `slots` or `keys`"
    )]
    Descriptors {
        /// Connections that may be needed.
        connections: u64,
        /// Files that may be open.
        allowed: u64,
    },
    /// The shard has nothing to do.
    #[error("this shard has no key: the profile has fewer keys than there are shards")]
    EmptyShard,
    /// A key is missing.
    #[error("{0}")]
    Keys(String),
    /// The target or its control API.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The positive control failed.
    #[error("the key of the lane `{lane}` does not work at {url}: {what}")]
    Control {
        /// The lane.
        lane: String,
        /// The target.
        url: String,
        /// What came instead of a success.
        what: String,
    },
    /// The start time has passed.
    #[error("the start time {0} has passed; give one that leaves time to get ready")]
    TooLate(DateTime<Utc>),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// Goose did not run.
    #[error("goose: {0}")]
    Goose(String),
    /// A thread broke off.
    #[error("a part of the run broke off: {0}")]
    Broken(String),
    /// Ctrl-C before anything was sent by the schedule.
    #[error("interrupted before the schedule began")]
    Interrupted,
}

impl From<GooseError> for LoadError {
    fn from(error: GooseError) -> Self {
        Self::Goose(error.to_string())
    }
}

impl LoadError {
    /// The exit code.
    pub const fn exit(&self) -> ExitCode {
        match self {
            Self::NotWelcome { .. }
            | Self::Descriptors { .. }
            | Self::EmptyShard
            | Self::Keys(_)
            | Self::Target(_)
            | Self::TooLate(_) => ExitCode::Usage,
            Self::Control { .. } => ExitCode::Unreachable,
            Self::Client(_) | Self::Goose(_) | Self::Broken(_) => ExitCode::Internal,
            Self::Interrupted => ExitCode::Interrupted,
        }
    }
}

/// Plays a plan against a target. The redactor learns the keys, so that no report shows them.
///
/// # Errors
/// [`LoadError`] when there is no run. A run that was interrupted is a run.
pub async fn play(
    plan: Plan,
    target: &Target,
    conduct: Conduct,
    redactor: &Redactor,
) -> Result<RunRecord, LoadError> {
    let host = target.host();
    if !target.loopback && !conduct.allowed_hosts.contains(&host) {
        return Err(LoadError::NotWelcome { host, requests: plan.requests(), events: plan.events() });
    }
    if plan.lanes.is_empty() {
        return Err(LoadError::EmptyShard);
    }
    if let Some(start_at) = conduct.start_at.filter(|start_at| *start_at <= Utc::now()) {
        return Err(LoadError::TooLate(start_at));
    }
    make_room(plan.slots())?;
    let http = connect(target.timeout)?;
    let interrupted = tokio::signal::ctrl_c();
    let keyring = tokio::select! {
        keyring = Keyring::gather(&plan, target, http) => keyring?,
        _ = interrupted => return Err(LoadError::Interrupted),
    };
    keyring.keys().for_each(|key| redactor.learn(&key.secret));
    let lanes = plan
        .lanes
        .iter()
        .enumerate()
        .map(|(index, lane)| Ok(Arc::new(in_play(index, lane, &plan, &keyring, target)?)))
        .collect::<Result<Vec<_>, LoadError>>()?;
    conduct_lanes(plan, target, conduct, lanes, keyring.fresh_from).await
}

async fn conduct_lanes(
    plan: Plan,
    target: &Target,
    conduct: Conduct,
    lanes: Vec<Arc<LaneInPlay>>,
    fresh_from: Option<Instant>,
) -> Result<RunRecord, LoadError> {
    let course = Arc::new(Course::default());
    let (give_up, give_up_receiver) = watch::channel(false);
    let users = lanes.iter().map(|lane| lane.slots as usize).sum();
    let ready = Arc::new(Ready::of(users));
    let (samples, bundles) = channel();
    let shared =
        Arc::new(Shared { course: course.clone(), give_up: give_up_receiver, ready: ready.clone(), samples });
    let attack = build(&lanes, &shared, &target.base_url, conduct.goose_report.as_deref())?;
    drop(shared);

    let ledgers: Vec<LaneLedger> =
        plan.lanes.iter().map(|lane| LaneLedger::new(lane.clone(), plan.window)).collect();
    let keeper = {
        let (course, screen, watch) = (course.clone(), screen(conduct.view), Watch::of(&plan.profile));
        thread::spawn(move || keep(ledgers, &bundles, &course, Live::new(screen), watch))
    };
    let mut attack = tokio::spawn(execute(attack));
    tokio::select! {
        () = ready.wait() => {}
        early = &mut attack => {
            course.stop();
            early.map_err(broken)??;
            return Err(LoadError::Interrupted);
        }
    }

    let (start, started_at) = when(&conduct, fresh_from)?;
    if conduct.view == View::Shown && start > Instant::now() + NOTICEABLE {
        let seconds = start.saturating_duration_since(Instant::now()).as_secs();
        let when =
            if fresh_from.is_some() { "the keys' windows are fresh" } else { "the start time has come" };
        // Nobody reads a closed stream; the run goes on.
        let _ = writeln!(stderr(), "begins in {seconds} s, when {when}");
    }
    course.begin(start);
    let interrupted = Arc::new(AtomicBool::new(false));
    let schedule = {
        let (course, interrupted) = (course.clone(), interrupted.clone());
        let tickets: Vec<_> = lanes.iter().map(|lane| lane.tickets.clone()).collect();
        drop(lanes);
        tokio::task::spawn_blocking(move || {
            let ctrl_c = || {
                let triggered = goose::is_killswitch_triggered();
                interrupted.fetch_or(triggered, Ordering::Relaxed);
                triggered
            };
            release(&tickets, &course, &ctrl_c)
        })
    };
    let came_to = schedule.await.map_err(broken)?;
    let grace = async {
        if course.is_stopped() {
            tokio::time::sleep(GRACE).await;
            give_up.send_replace(true);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = &mut attack => { done.map_err(broken)??; }
        () = grace => {}
    }
    let (ledgers, last_answer) = join(keeper).await?;
    Ok(RunRecord {
        profile: plan.profile.profile.value.clone(),
        profile_hash: plan.hash,
        target: target.base_url.clone(),
        started_at,
        took: last_answer.saturating_duration_since(start),
        shard: plan.shard.map(|shard| (shard.number, shard.of)),
        interrupted: interrupted.load(Ordering::Relaxed),
        stop_at_first_miss: plan.profile.stop_at_first_miss,
        lanes: ledgers.into_iter().map(|ledger| ledger.close(came_to)).collect(),
        thresholds: plan.profile.thresholds.value,
    })
}

fn in_play(
    index: usize,
    lane: &LanePlan,
    plan: &Plan,
    keyring: &Keyring,
    target: &Target,
) -> Result<LaneInPlay, LoadError> {
    let asked = lane.thresholds.over(&plan.profile.thresholds);
    Ok(LaneInPlay {
        index,
        name: lane.group.clone(),
        slots: lane.slots,
        waits: lane.waits,
        expects_429: asked.limited != Some(0),
        client: keyring.client(lane, target)?,
        tickets: Arc::new(Tickets::new(lane.pacer.clone(), lane.slots)),
    })
}

/// When the schedule begins, on our clock and on everybody's.
fn when(conduct: &Conduct, fresh_from: Option<Instant>) -> Result<(Instant, DateTime<Utc>), LoadError> {
    let (now, utc) = (Instant::now(), Utc::now());
    let soonest = fresh_from.map_or(now + LEAD, |fresh| fresh.max(now + LEAD));
    let Some(start_at) = conduct.start_at else {
        return Ok((soonest, utc + (soonest - now)));
    };
    let left = (start_at - utc).to_std().map_err(|_| LoadError::TooLate(start_at))?;
    if now + left < soonest {
        return Err(LoadError::TooLate(start_at));
    }
    Ok((now + left, start_at))
}

fn screen(view: View) -> Screen {
    match view {
        View::Hidden => Screen::Nowhere,
        View::Shown if stderr().is_terminal() => {
            Screen::Terminal(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
        }
        View::Shown => Screen::Pipe(Box::new(stderr())),
    }
}

fn broken(error: tokio::task::JoinError) -> LoadError {
    LoadError::Broken(error.to_string())
}

async fn join<T: Send + 'static>(thread: thread::JoinHandle<T>) -> Result<T, LoadError> {
    let joined = tokio::task::spawn_blocking(move || thread.join()).await.map_err(broken)?;
    joined.map_err(|_| LoadError::Broken("the ledger".to_owned()))
}
