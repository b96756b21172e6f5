//! Workspaces: made, looked at, set otherwise, reset, deleted.

use schemars::JsonSchema;
use serde::Serialize;

use crate::contract::Tier;
use crate::mock::engine::CreateError;
use crate::mock::errors::error;
use crate::mock::limiter::Kind;
use crate::mock::message::Reply;
use crate::mock::settings::Settings;
use crate::mock::sync::{lock, read};
use crate::mock::workspace::Workspace;

use super::answer::{Answer, data, done, nowhere};
use super::body::SettingsBody;
use super::clock::ClockView;
use super::operation::{Call, Gives, Operation, data_of, list_parameters, no_parameters};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "workspaces",
        id: "listWorkspaces",
        about: "Every workspace, `default` first.",
        parameters: list_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<Vec<WorkspaceView>>),
        run: |call| {
            let all = call.control.engine.workspaces();
            Ok(data(200, call.part(all.iter())?.map(|workspace| view(call, workspace)).collect::<Vec<_>>()))
        },
    },
    Operation {
        method: "POST",
        path: "workspaces",
        id: "createWorkspace",
        about: "Makes a workspace. Without deviations and a limiter it is set like the default one.",
        parameters: no_parameters,
        body: Some(|generator| generator.subschema_for::<SettingsBody>()),
        gives: Gives::Json(201, data_of::<NewWorkspace>),
        run: create,
    },
    Operation {
        method: "GET",
        path: "workspaces/{workspace}",
        id: "getWorkspace",
        about: "One workspace.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<WorkspaceView>),
        run: |call| Ok(data(200, view(call, &*call.workspace()?))),
    },
    Operation {
        method: "DELETE",
        path: "workspaces/{workspace}",
        id: "deleteWorkspace",
        about: "Forgets a workspace and its keys. The default one stays.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Nothing,
        run: |call| {
            if call.control.engine.delete_workspace(call.step(1)) {
                return Ok(done());
            }
            Err(nowhere("There is no such workspace that could be deleted."))
        },
    },
    Operation {
        method: "PATCH",
        path: "workspaces/{workspace}/settings",
        id: "changeSettings",
        about: "Switches deviations, the limiter or limits. Every window begins anew, unless nothing changes.",
        parameters: no_parameters,
        body: Some(|generator| generator.subschema_for::<SettingsBody>()),
        gives: Gives::Json(200, data_of::<SettingsView>),
        run: |call| {
            let workspace = call.workspace()?;
            let settings = call.body::<SettingsBody>()?.over(&workspace.settings())?;
            let view = SettingsView::from(&settings);
            workspace.set(settings);
            Ok(data(200, view))
        },
    },
    Operation {
        method: "POST",
        path: "workspaces/{workspace}/reset",
        id: "reset",
        about: "Forgets sessions, scores, windows, the journal and faults made over this API. Keys, settings and \
                the clock stay.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Nothing,
        run: |call| {
            call.workspace()?.reset(call.now);
            Ok(done())
        },
    },
];

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

#[derive(Serialize, JsonSchema)]
pub(super) struct SettingsView {
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

fn create(call: &Call<'_>) -> Result<Answer, Reply> {
    let body: SettingsBody = call.body()?;
    let own = call.control.engine.default_workspace().settings();
    let base =
        if body.says_how() { Settings { quotas: own.quotas, ..Settings::default() } } else { (*own).clone() };
    let settings = body.over(&base)?;
    let id = format!("ws_{}", super::keys::random(16)?);
    let workspace =
        call.control.engine.create_workspace(id, settings).map_err(|error| not_created(&error))?;
    Ok(data(201, NewWorkspace { base_url: format!("/w/{}", workspace.id), id: workspace.id.clone() }))
}

pub(super) fn not_created(reason: &CreateError) -> Reply {
    error(400, "NOT_CREATED", &reason.to_string())
}

fn view(call: &Call<'_>, workspace: &Workspace) -> WorkspaceView {
    WorkspaceView {
        base_url: format!("/w/{}", workspace.id),
        id: workspace.id.clone(),
        keys: read(&workspace.keys).len(),
        sessions: lock(&workspace.store).session_count(),
        journal: workspace.journal.len(),
        clock: ClockView::of(call, workspace),
        settings: SettingsView::from(&*workspace.settings()),
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
