//! The clock of a workspace, by which its windows end.

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::clock::Clock;
use crate::mock::ingest::format_timestamp;
use crate::mock::message::Reply;
use crate::mock::workspace::Workspace;

use super::answer::{Answer, bad_request, data};
use super::body::{AdvanceBody, SpeedBody};
use super::operation::{Call, Gives, Operation, data_of, no_parameters};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "workspaces/{workspace}/clock",
        id: "getClock",
        about: "What the clock shows.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<ClockView>),
        run: |call| change(call, |_| {}),
    },
    Operation {
        method: "POST",
        path: "workspaces/{workspace}/clock/advance",
        id: "advanceClock",
        about: "Sets the clock forward, over the end of a window for instance.",
        parameters: no_parameters,
        body: Some(|generator| generator.subschema_for::<AdvanceBody>()),
        gives: Gives::Json(200, data_of::<ClockView>),
        run: |call| {
            let AdvanceBody { ms } = call.body()?;
            change(call, |clock| clock.advance(call.now, ms))
        },
    },
    Operation {
        method: "POST",
        path: "workspaces/{workspace}/clock/freeze",
        id: "freezeClock",
        about: "Stops the clock; it can still be set forward.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<ClockView>),
        run: |call| change(call, |clock| clock.freeze(call.now, true)),
    },
    Operation {
        method: "POST",
        path: "workspaces/{workspace}/clock/unfreeze",
        id: "unfreezeClock",
        about: "Lets the clock go on.",
        parameters: no_parameters,
        body: None,
        gives: Gives::Json(200, data_of::<ClockView>),
        run: |call| change(call, |clock| clock.freeze(call.now, false)),
    },
    Operation {
        method: "PUT",
        path: "workspaces/{workspace}/clock/speed",
        id: "setClockSpeed",
        about: "Makes the clock run faster or slower.",
        parameters: no_parameters,
        body: Some(|generator| generator.subschema_for::<SpeedBody>()),
        gives: Gives::Json(200, data_of::<ClockView>),
        run: |call| {
            let SpeedBody { speed } = call.body()?;
            let thousandths = (speed * 1_000.0).round();
            let fits =
                (f64::from(*Clock::SPEEDS.start())..=f64::from(*Clock::SPEEDS.end())).contains(&thousandths);
            if !fits {
                return Err(bad_request("`speed` is 0.001 to 1000"));
            }
            change(call, |clock| clock.set_speed(call.now, thousandths as u32))
        },
    },
];

/// What a clock shows.
#[derive(Serialize, JsonSchema)]
pub(super) struct ClockView {
    /// Milliseconds since the mock started, by this clock.
    now_ms: u64,
    /// The same as a date and time.
    now: String,
    frozen: bool,
    /// Seconds that pass in a second while it is not frozen.
    speed: f64,
}

impl ClockView {
    pub(super) fn of(call: &Call<'_>, workspace: &Workspace) -> Self {
        Self::shown(call, &workspace.set_clock(|_| {}))
    }

    fn shown(call: &Call<'_>, clock: &Clock) -> Self {
        let now_ms = clock.time(call.now);
        Self {
            now_ms,
            now: format_timestamp(call.control.engine.wall(now_ms)),
            frozen: clock.is_frozen(),
            speed: f64::from(clock.speed()) / 1_000.0,
        }
    }
}

fn change(call: &Call<'_>, change: impl FnOnce(&mut Clock)) -> Result<Answer, Reply> {
    let clock = call.workspace()?.set_clock(change);
    Ok(data(200, ClockView::shown(call, &clock)))
}
