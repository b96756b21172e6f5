//! Workspaces: made, looked at, set otherwise, reset, deleted; their clocks, sessions and faults, and the catalogue of deviations,
//! which are switched with their settings.

use std::sync::atomic::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keys::list_limits;
use super::operation::{
    Answer, Call, Gives, Operation, PART, bad_request, data_of, not_created, nowhere, number, text,
};
use crate::contract::Tier;
use crate::mock::deviations::{Breach, NamedChange, catalogue};
use crate::mock::faults::{BadFault, Fault, FaultSpec};
use crate::mock::ingest::format_timestamp;
use crate::mock::limiter::Kind;
use crate::mock::reply::Reply;
use crate::mock::settings::{Quota, Quotas, Settings};
use crate::mock::store::SessionList;
use crate::mock::workspace::{Clock, Workspace};

/// The largest page of sessions.
const MOST_SESSIONS: u64 = 1_000;

pub(super) fn operations() -> [Operation; 6] {
    [
        Operation::new("GET", "workspaces", "listWorkspaces")
            .about("Every workspace, `default` first.")
            .with(&PART)
            .json(200, |call| {
                let all = call.engine.workspaces();
                call.part(all.iter().map(|workspace| WorkspaceView::of(call, workspace)))
            }),
        Operation::new("POST", "workspaces", "createWorkspace")
            .about("Makes a workspace. Without deviations and a limiter it is set like the default one.")
            .takes::<SettingsBody>()
            .json(201, create),
        Operation::new("GET", "workspaces/{workspace}", "getWorkspace")
            .about("One workspace.")
            .json(200, |call| Ok(WorkspaceView::of(call, &*call.workspace()?))),
        Operation::new("DELETE", "workspaces/{workspace}", "deleteWorkspace")
            .about("Forgets a workspace and its keys. The default one stays.")
            .nothing(|call| {
                let deleted = call.engine.delete_workspace(call.step(1));
                deleted
                    .then_some(())
                    .ok_or_else(|| nowhere("There is no such workspace that could be deleted."))
            }),
        Operation::new("PATCH", "workspaces/{workspace}/settings", "changeSettings")
            .about(
                "Switches deviations, the limiter or limits. Every window begins anew, unless nothing \
                 changes.",
            )
            .takes::<SettingsBody>()
            .json(200, |call| {
                let workspace = call.workspace()?;
                let settings = call.body::<SettingsBody>()?.over(&workspace.settings())?;
                let view = SettingsView::from(&settings);
                workspace.set(settings);
                Ok(view)
            }),
        Operation::new("POST", "workspaces/{workspace}/reset", "reset")
            .about(
                "Forgets sessions, scores, windows, the journal and faults made over this API. Keys, \
                 settings and the clock stay.",
            )
            .nothing(|call| {
                call.workspace()?.reset(call.now);
                Ok(())
            }),
    ]
}

/// What is in a workspace besides its keys, and what can be switched on in it.
pub(super) fn contents() -> [Operation; 12] {
    [
        Operation::new("GET", "workspaces/{workspace}/clock", "getClock")
            .about("What the clock shows.")
            .json(200, |call| change_clock(call, |_| {})),
        Operation::new("POST", "workspaces/{workspace}/clock/advance", "advanceClock")
            .about("Sets the clock forward, over the end of a window for instance.")
            .takes::<AdvanceBody>()
            .json(200, |call| {
                let AdvanceBody { ms } = call.body()?;
                change_clock(call, |clock| clock.advance(call.now, ms))
            }),
        Operation::new("POST", "workspaces/{workspace}/clock/freeze", "freezeClock")
            .about("Stops the clock; it can still be set forward.")
            .json(200, |call| change_clock(call, |clock| clock.freeze(call.now, true))),
        Operation::new("POST", "workspaces/{workspace}/clock/unfreeze", "unfreezeClock")
            .about("Lets the clock go on.")
            .json(200, |call| change_clock(call, |clock| clock.freeze(call.now, false))),
        Operation::new("PUT", "workspaces/{workspace}/clock/speed", "setClockSpeed")
            .about("Makes the clock run faster or slower.")
            .takes::<SpeedBody>()
            .json(200, |call| {
                let SpeedBody { speed } = call.body()?;
                let thousandths = (speed * 1_000.0).round();
                let (slowest, fastest) = Clock::SPEEDS.into_inner();
                if !(f64::from(slowest)..=f64::from(fastest)).contains(&thousandths) {
                    return Err(bad_request("`speed` is 0.001 to 1000"));
                }
                change_clock(call, |clock| clock.set_speed(call.now, thousandths as u32))
            }),
        Operation::new("GET", "workspaces/{workspace}/limits", "listLimits")
            .about("What each key that is not revoked has used in its window. Asking counts nothing.")
            .with(&PART)
            .with(&[text("used", "`true` for those keys only that have used something.")])
            .json(200, list_limits),
        // What the workspace knows, without a key and without a limit.
        Operation::new("GET", "workspaces/{workspace}/sessions", "listSessions")
            .about("What `GET /api/v1/sessions` lists, newest first.")
            .with(&[
                number("limit", "How many, at most 1000; 50 without it."),
                number("offset", "How many are left out before them."),
            ])
            .answers(Gives::Json(200, data_of::<SessionList<'static>>), |call| {
                let workspace = call.workspace()?;
                let limit = call.number("limit", 50, 1..=MOST_SESSIONS)?;
                let offset = call.number("offset", 0, 0..=u64::from(u32::MAX))?;
                let store = workspace.store.lock();
                Ok(Answer::Reply(Reply::data(200, store.sessions(None, limit as usize, offset as usize))))
            }),
        Operation::new("GET", "deviations", "listDeviations")
            .about("Every deviation and legal variant that can be switched on.")
            .json(200, |_| Ok(catalogue().iter().map(DeviationView::from).collect::<Vec<_>>())),
        Operation::new("GET", "workspaces/{workspace}/faults", "listFaults")
            .about("Every fault that is not over.")
            .json(200, |call| {
                let workspace = call.workspace()?;
                let faults = workspace.faults.list(workspace.time(call.now));
                Ok(faults.iter().map(|fault| FaultView::of(call, fault)).collect::<Vec<_>>())
            }),
        Operation::new("POST", "workspaces/{workspace}/faults", "createFault")
            .about("Makes something go wrong from now on.")
            .takes::<FaultSpec>()
            .json(201, |call| {
                let workspace = call.workspace()?;
                let fault = workspace.faults.add(call.body()?, workspace.time(call.now));
                fault.map(|fault| FaultView::of(call, &fault)).map_err(|problem| match problem {
                    BadFault::TooMany => not_created(problem),
                    wrong => bad_request(wrong),
                })
            }),
        Operation::new("DELETE", "workspaces/{workspace}/faults", "clearFaults")
            .about("Takes all faults away.")
            .nothing(|call| {
                call.workspace()?.faults.clear();
                Ok(())
            }),
        Operation::new("DELETE", "workspaces/{workspace}/faults/{fault}", "deleteFault")
            .about("Takes one fault away.")
            .nothing(|call| {
                let removed = call.workspace()?.faults.remove(call.step(3));
                removed.then_some(()).ok_or_else(|| nowhere("There is no such fault."))
            }),
    ]
}

/// What a workspace is set to; what is not said stays as it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SettingsBody {
    /// Names from `GET /_mock/deviations`, all that are to be on.
    deviations: Option<Vec<String>>,
    /// `anchored` (the reference), `aligned`, `sliding` or `sliding-counter`.
    limiter: Option<String>,
    limits: Option<LimitsBody>,
}

/// Limits by tier, such as `5/10s`, with events `5,200/10s`, or `none`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LimitsBody {
    standard: Option<String>,
    premium: Option<String>,
    ingestion: Option<String>,
}

/// How far the clock is set forward.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AdvanceBody {
    /// Milliseconds.
    ms: u64,
}

/// How fast the clock runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SpeedBody {
    /// Seconds that pass in a second, 0.001 to 1000.
    #[schemars(range(min = 0.001, max = 1000.0))]
    speed: f64,
}

#[derive(Serialize, JsonSchema)]
struct NewWorkspace {
    id: String,
    /// Stands before `/api/v1`; a key alone leads to its workspace as well.
    base_url: String,
}

#[derive(Serialize, JsonSchema)]
struct WorkspaceView {
    id: String,
    /// Stands before `/api/v1`.
    base_url: String,
    /// How many keys it has, revoked ones included.
    keys: usize,
    /// How many sessions it knows.
    sessions: usize,
    /// How many requests its journal holds.
    journal: usize,
    clock: ClockView,
    settings: SettingsView,
}

/// What a clock shows.
#[derive(Serialize, JsonSchema)]
struct ClockView {
    /// Milliseconds since the mock started, by this clock.
    now_ms: u64,
    /// The same as a date and time.
    now: String,
    frozen: bool,
    /// Seconds that pass in a second while it is not frozen.
    speed: f64,
}

#[derive(Serialize, JsonSchema)]
struct SettingsView {
    /// The deviations that are on.
    deviations: Vec<String>,
    /// How requests are counted, unless a deviation says otherwise.
    limiter: &'static str,
    limits: Vec<TierView>,
}

#[derive(Serialize, JsonSchema)]
struct TierView {
    tier: Tier,
    /// Requests in a window; null for no limit.
    requests: Option<u32>,
    /// Events in a window; null for no limit.
    events: Option<u32>,
    /// The length of a window in milliseconds; null where there is none.
    window_ms: Option<u64>,
}

fn create(call: &Call<'_>) -> Result<NewWorkspace, Reply> {
    let body: SettingsBody = call.body()?;
    let own = call.engine.default_workspace().settings();
    // Who says how requests are decided, and not only how many, begins with the reference.
    let says_how = body.deviations.is_some() || body.limiter.is_some();
    let base = if says_how { Settings { quotas: own.quotas, ..Settings::default() } } else { (*own).clone() };
    let settings = body.over(&base)?;
    let id = format!("ws_{}", crate::system::letters_and_digits(16));
    let workspace = call.engine.create_workspace(id, settings).map_err(not_created)?;
    Ok(NewWorkspace { base_url: format!("/w/{}", workspace.id), id: workspace.id.clone() })
}

fn change_clock(call: &Call<'_>, change: impl FnOnce(&mut Clock)) -> Result<ClockView, Reply> {
    Ok(ClockView::of(call, &call.workspace()?.set_clock(change)))
}

impl SettingsBody {
    /// These settings with what is said here.
    fn over(self, settings: &Settings) -> Result<Settings, Reply> {
        let limiter = self.limiter.as_deref().map(str::parse::<Kind>).transpose().map_err(bad_request)?;
        let quotas = self.limits.map_or(Ok(settings.quotas), |limits| limits.over(settings.quotas))?;
        let deviations = self.deviations.unwrap_or_else(|| settings.deviations.clone());
        Settings::new(deviations, limiter.or(settings.limiter), quotas).map_err(bad_request)
    }
}

impl LimitsBody {
    fn over(self, mut quotas: Quotas) -> Result<Quotas, Reply> {
        let texts = [self.standard, self.premium, self.ingestion];
        for (tier, text) in [Tier::Standard, Tier::Premium, Tier::Ingestion].into_iter().zip(texts) {
            if let Some(text) = text {
                quotas = quotas.with(tier, Quota::read(&text, tier).map_err(bad_request)?);
            }
        }
        Ok(quotas)
    }
}

impl WorkspaceView {
    fn of(call: &Call<'_>, workspace: &Workspace) -> Self {
        Self {
            base_url: format!("/w/{}", workspace.id),
            id: workspace.id.clone(),
            keys: workspace.keys.read().len(),
            sessions: workspace.store.lock().session_count(),
            journal: workspace.journal.len(),
            clock: ClockView::of(call, &workspace.set_clock(|_| {})),
            settings: SettingsView::from(&*workspace.settings()),
        }
    }
}

impl ClockView {
    fn of(call: &Call<'_>, clock: &Clock) -> Self {
        let now_ms = clock.time(call.now);
        Self {
            now_ms,
            now: format_timestamp(call.engine.wall(now_ms)),
            frozen: clock.frozen,
            speed: f64::from(clock.speed) / 1_000.0,
        }
    }
}

impl From<&Settings> for SettingsView {
    fn from(settings: &Settings) -> Self {
        let limiter = settings.limiter.unwrap_or(Kind::Anchored);
        let named = Kind::CONFORMING.iter().find(|(_, kind)| *kind == limiter);
        let limits = Tier::ALL.map(|tier| {
            let quota = settings.quotas.of(tier);
            TierView {
                tier,
                requests: quota.map(|quota| quota.limits.requests),
                events: quota.and_then(|quota| quota.limits.events),
                window_ms: quota.map(|quota| quota.window_ms),
            }
        });
        Self {
            deviations: settings.deviations.clone(),
            limiter: named.map_or("", |(name, _)| name),
            limits: limits.into(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct FaultView {
    id: String,
    /// How many requests it was meant for so far.
    matched: u64,
    /// How many of them it met.
    met: u64,
    /// When it ends, by the workspace's clock; null for never.
    ends_at: Option<String>,
    /// What was asked for.
    fault: FaultSpec,
}

impl FaultView {
    fn of(call: &Call<'_>, fault: &Fault) -> Self {
        Self {
            id: fault.id.to_string(),
            matched: fault.matched.load(Ordering::Relaxed),
            met: fault.met.load(Ordering::Relaxed),
            ends_at: fault.ends.map(|ends| format_timestamp(call.engine.wall(ends))),
            fault: fault.spec.clone(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct DeviationView {
    name: &'static str,
    group: String,
    /// What it does, in one sentence.
    about: &'static str,
    /// The weight of the promise it breaks, `must`, `should` or `rfc`; null for a legal variant.
    breaks: Option<&'static str>,
    /// The checks that ought to name it.
    checks: &'static [&'static str],
}

impl From<&NamedChange> for DeviationView {
    fn from(entry: &NamedChange) -> Self {
        let NamedChange { name, about, checks, .. } = *entry;
        let breaks = entry.breach.map(Breach::as_str);
        Self { name, group: entry.group.to_string(), about, breaks, checks }
    }
}
