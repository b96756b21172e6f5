//! The control API under `/_mock/`: workspaces, keys, clocks, limits, faults, the journal.
//!
//! Everything it can do is one [`Operation`](operation::Operation) in one table; requests are dispatched by that table,
//! and `/_mock/openapi.json` is made from it.

mod access;
mod answer;
mod body;
mod clock;
mod deviations;
mod faults;
mod journal;
mod keys;
mod limits;
mod openapi;
mod operation;
mod server;
mod sessions;
mod workspaces;

use std::sync::Arc;

use super::engine::Engine;
use super::message::{Reply, Request};
use super::meters::Meters;
pub use access::ControlToken;
pub(crate) use answer::{Answer, Follow, Telling, Wait, data_reply, event};
pub(crate) use journal::WaitView;
use operation::{Call, dispatch};

/// What every path of the control API begins with.
pub const CONTROL_PREFIX: &str = "/_mock/";

/// The control API over an engine.
#[derive(Debug)]
pub(crate) struct Control {
    engine: Arc<Engine>,
    meters: Arc<Meters>,
    token: Option<ControlToken>,
}

impl Control {
    /// A control API; with a token, only for who sends it, else only for this machine.
    pub(crate) fn new(engine: Arc<Engine>, meters: Arc<Meters>, token: Option<ControlToken>) -> Self {
        Self { engine, meters, token }
    }

    /// Answers a request that the page makes for who may use it.
    pub(crate) fn ask(&self, request: &Request<'_>, now: u64) -> Result<Answer, Reply> {
        dispatch(&Call::new(self, request, now))
    }

    /// Refuses who may not use the page.
    pub(crate) fn check_page(&self, request: &Request<'_>) -> Result<(), Reply> {
        access::check_page(request, self.token.as_ref())
    }

    /// Answers a request below [`CONTROL_PREFIX`] at the server's time `now`, in milliseconds.
    pub(crate) fn handle(&self, request: &Request<'_>, now: u64) -> Answer {
        let answer = access::check(request, self.token.as_ref())
            .and_then(|()| dispatch(&Call::new(self, request, now)));
        answer.unwrap_or_else(Answer::Reply)
    }
}

#[cfg(test)]
mod tests;
