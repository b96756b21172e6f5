//! The keys of the default workspace. They are no secrets: they open nothing but a mock.

use crate::contract::{Scope, Tier};

/// A key that every mock knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WellKnownKey {
    /// The environment variable it is meant for.
    pub variable: &'static str,
    /// The key itself.
    pub plaintext: &'static str,
    /// Its scopes (clause `key.scopes`).
    pub scopes: &'static [Scope],
    /// The plan, which decides the tier unless the key ingests (clause `limit.ingestion-automatic`).
    pub plan: Tier,
}

impl WellKnownKey {
    /// The tier it is on.
    pub fn tier(&self) -> Tier {
        Tier::of(self.scopes, self.plan)
    }
}

const READ: &[Scope] = &[Scope::ReadAnalytics];
const WRITE: &[Scope] = &[Scope::WriteEvents];
const BOTH: &[Scope] = &[Scope::ReadAnalytics, Scope::WriteEvents];

const fn key(
    variable: &'static str,
    plaintext: &'static str,
    scopes: &'static [Scope],
    plan: Tier,
) -> WellKnownKey {
    WellKnownKey { variable, plaintext, scopes, plan }
}

/// Keys for every tier and every set of scopes.
pub const WELL_KNOWN_KEYS: &[WellKnownKey] = &[
    key("TRENCHCHECK_KEY_STANDARD", "ct_live_6tlLNlgNXGgPsH7Kx7rRWEzmnzSRKFqF", READ, Tier::Standard),
    key("TRENCHCHECK_KEY_STANDARD_2", "ct_live_7UjGAFVvxFB61tuoOU2wQZMrdSP9pIlc", READ, Tier::Standard),
    key("TRENCHCHECK_KEY_STANDARD_3", "ct_live_JrO9rSXVxw6JPo3UemUwAo3d6oaz48X2", READ, Tier::Standard),
    key("TRENCHCHECK_KEY_PREMIUM", "ct_live_eUBATVTF3r4BWMJN646zxcHjxuQhDYCw", READ, Tier::Premium),
    key("TRENCHCHECK_KEY_PREMIUM_2", "ct_live_rM3wjf7mIBFFHqGnDMTnNvPTCybF7RYU", READ, Tier::Premium),
    key("TRENCHCHECK_KEY_PREMIUM_3", "ct_live_AngOKRQgP5Z9RJaM1ln5d7a2HF62Egub", READ, Tier::Premium),
    key("TRENCHCHECK_KEY_INGESTION", "ct_live_IuXTzdUOnKLIwyLgvR9C4tuAiydlitCZ", WRITE, Tier::Standard),
    key("TRENCHCHECK_KEY_INGESTION_2", "ct_live_sVf4gzpy2z2hIgKnKyRgmDGmvTnsMp3R", WRITE, Tier::Standard),
    key("TRENCHCHECK_KEY_INGESTION_3", "ct_live_ppw2bPNgH8MZrkkSaI4EpBM57f00xBOK", WRITE, Tier::Standard),
    key("TRENCHCHECK_KEY_READ", "ct_live_bQaMT61C3XOBjHGw71Bx8Ox0BHop5ef6", READ, Tier::Standard),
    key("TRENCHCHECK_KEY_WRITE", "ct_live_d6toGEQCAZCoYkpBMkS4wKm6ODlXy6pG", WRITE, Tier::Standard),
    key("TRENCHCHECK_KEY_BOTH", "ct_live_wFLlqn0oitp3d1ec4e8URuTFLP9HwKyc", BOTH, Tier::Standard),
    key("TRENCHCHECK_KEY_BOTH_2", "ct_live_0BXC8XSLtFKW8B0s2YpaPoZpK0h7gk6e", BOTH, Tier::Standard),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ApiKey;

    #[test]
    fn they_have_the_documented_form() {
        for key in WELL_KNOWN_KEYS {
            assert!(ApiKey::new(key.plaintext).unwrap().is_documented_form(), "{}", key.variable);
            assert_eq!(key.plaintext.len(), "ct_live_".len() + 32);
            let has = |test: fn(&char) -> bool| key.plaintext.chars().skip(8).any(|c| test(&c));
            assert!(
                has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit)
            );
        }
    }

    #[test]
    fn no_two_share_a_run_of_eight() {
        let mut seen = std::collections::HashSet::new();
        for key in WELL_KNOWN_KEYS {
            for run in key.plaintext.as_bytes()["ct_live_".len()..].windows(8) {
                assert!(seen.insert(run), "{}", key.variable);
            }
        }
    }

    #[test]
    fn every_tier_has_three() {
        for tier in Tier::ALL {
            assert!(WELL_KNOWN_KEYS.iter().filter(|key| key.tier() == tier).count() >= 3);
        }
    }
}
