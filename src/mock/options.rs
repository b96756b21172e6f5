//! How a mock is started, what may keep it from starting, and what a file tells it at its start and again whenever the
//! file changes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::contract::ApiKey;

use super::control::ControlToken;
use super::deviations::UnknownDeviation;
use super::engine::{CreateError, Engine};
use super::faults::FaultSpec;
use super::gateway::Log;
use super::journal::Room;
use super::keys::KeySpec;
use super::limiter::Kind;
use super::settings::{Quotas, Settings};

/// How a mock is started. The default is the reference on a free port of this machine.
#[derive(Debug, Clone)]
pub struct MockOptions {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 for a free one.
    pub port: u16,
    /// Names from the catalogue, for the default workspace.
    pub deviations: Vec<String>,
    /// The limiter of the default workspace; none for the reference's.
    pub limiter: Option<Kind>,
    /// What every tier is granted, in every workspace that is not made otherwise.
    pub quotas: Quotas,
    /// How many requests the journal of a workspace holds; 0 for none.
    pub journal: usize,
    /// Who is told about each request, in one line.
    pub log: Option<Log>,
    /// Who is told each request whole, as a line of a recording: [`Recorded`](super::Recorded) in JSON.
    pub record: Option<Log>,
    /// Who may use the control API from elsewhere.
    pub control_token: Option<ControlToken>,
    /// How long a request's header may take to arrive, the wait for it to begin included.
    pub header_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection without a request under way is kept.
    pub idle_timeout: Duration,
    /// How long requests under way are waited for when the server stops.
    pub stop_deadline: Duration,
}

impl Default for MockOptions {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            deviations: Vec::new(),
            limiter: None,
            quotas: Quotas::default(),
            journal: Room::DEFAULT_ENTRIES,
            log: None,
            record: None,
            control_token: None,
            // Longer than a window: the wait for a header begins with the answer before it, and a client that
            // waits for the next window keeps its connection.
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            // A container runtime kills after ten seconds, and people wait less gladly.
            stop_deadline: Duration::from_secs(2),
        }
    }
}

/// Why a mock did not start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A deviation has no such name.
    #[error(transparent)]
    Deviation(#[from] UnknownDeviation),
    /// The well-known keys could not be made, which a new engine always can.
    #[error("the well-known keys cannot be made: {0}")]
    Keys(String),
}

/// The configuration of a mock's default workspace. The well-known keys are there in any case.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Deviations, limiter, limits.
    pub settings: Settings,
    /// Keys besides the well-known ones.
    pub keys: Vec<(KeySpec, ApiKey)>,
    /// Faults, in order.
    pub faults: Vec<FaultSpec>,
}

/// What is in force of a configuration.
#[derive(Debug, Default)]
pub(super) struct InForce {
    keys: Vec<(String, KeySpec, ApiKey)>,
    faults: Vec<FaultSpec>,
    made: usize,
}

impl InForce {
    /// Puts a configuration into force at the server's time `now`. What is the same as before is left alone: its
    /// windows and its counts go on.
    pub(super) fn change(
        &mut self,
        engine: &Engine,
        configuration: Configuration,
        now: u64,
    ) -> Result<(), CreateError> {
        let workspace = engine.default_workspace();
        let Configuration { settings, keys, faults } = configuration;
        workspace.set(settings);
        if faults != self.faults {
            workspace.faults.configure(&faults, workspace.time(now));
            self.faults = faults;
        }
        let before = std::mem::take(&mut self.keys);
        for (spec, plaintext) in keys {
            let same = before.iter().find(|(_, known, key)| *known == spec && *key == plaintext);
            let id = match same {
                Some((id, ..)) => id.clone(),
                None => {
                    self.made += 1;
                    let id = format!("key_c{}", self.made);
                    engine.put_key(&workspace, id.clone(), spec.clone(), &plaintext, now)?;
                    id
                }
            };
            self.keys.push((id, spec, plaintext));
        }
        for (id, _, plaintext) in before {
            // A key whose entry was replaced lives on under another id.
            if !self.keys.iter().any(|(kept, _, key)| *kept == id || *key == plaintext) {
                workspace.revoke(&id, now);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Scope, Tier};
    use crate::mock::request::Request;

    const KEY: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";

    fn configuration(scopes: &[Scope]) -> Configuration {
        let spec = KeySpec { name: "mine".to_owned(), scopes: scopes.to_vec(), plan: Tier::Standard };
        Configuration { keys: vec![(spec, ApiKey::new(KEY).unwrap())], ..Configuration::default() }
    }

    fn status(engine: &Engine) -> u16 {
        let headers: &[(&str, &[u8])] = &[("x-api-key", KEY.as_bytes())];
        engine
            .handle(&Request { method: "GET", path: "/api/v1/sessions", headers, ..Request::default() }, 0)
            .status
    }

    #[test]
    fn a_key_is_made_changed_revoked_and_made_again() {
        let engine = Engine::new(Settings::default(), 0);
        let mut in_force = InForce::default();
        let mut change = |configuration| in_force.change(&engine, configuration, 0).unwrap();
        change(configuration(&[Scope::ReadAnalytics]));
        assert_eq!(status(&engine), 200);
        change(configuration(&[Scope::WriteEvents]));
        assert_eq!(status(&engine), 403);
        change(Configuration::default());
        assert_eq!(status(&engine), 401);
        change(configuration(&[Scope::ReadAnalytics]));
        assert_eq!(status(&engine), 200);
    }

    #[test]
    fn what_stays_the_same_goes_on_counting() {
        let engine = Engine::new(Settings::default(), 0);
        let mut in_force = InForce::default();
        for _ in 0..60 {
            in_force.change(&engine, configuration(&[Scope::ReadAnalytics]), 0).unwrap();
            assert_eq!(status(&engine), 200);
        }
        in_force.change(&engine, configuration(&[Scope::ReadAnalytics]), 0).unwrap();
        assert_eq!(status(&engine), 429);
    }
}
