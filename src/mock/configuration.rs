//! What a mock is told by a file, at its start and again whenever the file changes.

use crate::contract::ApiKey;

use super::engine::{CreateError, Engine};
use super::faults::FaultSpec;
use super::keys::KeySpec;
use super::settings::Settings;

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
    use crate::mock::message::Request;

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
