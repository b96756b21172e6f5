//! A key as the mock knows it: its hash, what it may do, and its own small limiter; and the keys every mock knows.

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::contract::{Scope, Tier};

use super::limiter::Limiter;

/// The first half of the SHA-256 of a key, which is all that is ever stored of it. Nobody finds another key for 128
/// bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(u128);

impl KeyHash {
    /// The hash of a key as it was presented.
    pub fn of(presented: &[u8]) -> Self {
        let digest = Sha256::digest(presented);
        Self(digest.iter().take(16).fold(0, |bits, &byte| bits << 8 | u128::from(byte)))
    }
}

/// For tables of what is a hash already: hashing it once more would only cost time.
pub(super) type Hashed = BuildHasherDefault<Same>;

/// The number that was written last.
#[derive(Debug, Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write_u128(&mut self, value: u128) {
        // Any part of it is as good a hash as a table needs.
        self.0 = value as u64;
    }
}

const ACTIVE: u64 = u64::MAX;
const NEVER: i64 = i64::MIN;

/// What is asked for when a key is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// The name shown in lists.
    pub name: String,
    /// One or more scopes, in the order they were chosen (clause `key.scopes`).
    pub scopes: Vec<Scope>,
    /// The tier of a key that does not ingest: Standard or Premium.
    pub plan: Tier,
}

/// The scopes of a key, each once, in the order they were chosen. They are in the key itself and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    list: [Scope; Scope::ALL.len()],
    count: u8,
}

impl From<&[Scope]> for Scopes {
    fn from(chosen: &[Scope]) -> Self {
        let mut scopes = Self { list: Scope::ALL, count: 0 };
        for &scope in chosen {
            if !scopes.contains(&scope) {
                scopes.list[usize::from(scopes.count)] = scope;
                scopes.count += 1;
            }
        }
        scopes
    }
}

impl Deref for Scopes {
    type Target = [Scope];

    fn deref(&self) -> &[Scope] {
        &self.list[..usize::from(self.count)]
    }
}

/// A key of a workspace. There may be a million of them, so it is small.
#[derive(Debug)]
pub struct KeyEntry {
    /// Stable id, `key_…`.
    pub id: Box<str>,
    /// The name shown in lists.
    pub name: Box<str>,
    /// The scopes.
    pub scopes: Scopes,
    /// The rate-limit tier (clause `limit.ingestion-automatic`).
    pub tier: Tier,
    /// When it was created, in milliseconds since 1970.
    pub created_at: i64,
    pub(super) limiter: Mutex<Limiter>,
    last_used: AtomicI64,
    revoked_at: AtomicU64,
}

impl KeyEntry {
    pub(super) fn new(id: String, spec: KeySpec, created_at: i64) -> Self {
        Self {
            id: id.into(),
            name: spec.name.into(),
            tier: Tier::of(&spec.scopes, spec.plan),
            scopes: Scopes::from(&*spec.scopes),
            created_at,
            limiter: Mutex::default(),
            last_used: AtomicI64::new(NEVER),
            revoked_at: AtomicU64::new(ACTIVE),
        }
    }

    /// When it was last used, in milliseconds since 1970.
    pub fn last_used_at(&self) -> Option<i64> {
        Some(self.last_used.load(Ordering::Relaxed)).filter(|&at| at != NEVER)
    }

    pub(super) fn used(&self, at: i64) {
        self.last_used.store(at, Ordering::Relaxed);
    }

    /// When it was revoked, in milliseconds of the workspace's clock.
    pub fn revoked_at(&self) -> Option<u64> {
        Some(self.revoked_at.load(Ordering::Acquire)).filter(|&at| at != ACTIVE)
    }

    /// Revokes the key, finally: a second call changes nothing.
    pub(super) fn revoke(&self, now: u64) {
        let now = now.min(ACTIVE - 1);
        // Losing the exchange means that it was revoked before, which is as good.
        let _ = self.revoked_at.compare_exchange(ACTIVE, now, Ordering::AcqRel, Ordering::Acquire);
    }
}

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
    fn scopes_are_kept_once_and_in_their_order() {
        let (read, write) = (Scope::ReadAnalytics, Scope::WriteEvents);
        assert_eq!(*Scopes::from(&[read, read, write, read][..]), [read, write]);
        assert_eq!(*Scopes::from(&[write][..]), [write]);
        assert!(Scopes::from(&[][..]).is_empty());
    }

    #[test]
    fn a_key_is_small() {
        // Two counts of references stand before it; two lines of a cache hold all of it.
        assert!(size_of::<KeyEntry>() + 16 <= 128, "{}", size_of::<KeyEntry>());
    }

    #[test]
    fn well_known_keys_have_the_documented_form() {
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
    fn no_two_well_known_keys_share_a_run_of_eight() {
        let mut seen = std::collections::HashSet::new();
        for key in WELL_KNOWN_KEYS {
            for run in key.plaintext.as_bytes()["ct_live_".len()..].windows(8) {
                assert!(seen.insert(run), "{}", key.variable);
            }
        }
    }

    #[test]
    fn every_tier_has_three_well_known_keys() {
        for tier in Tier::ALL {
            assert!(WELL_KNOWN_KEYS.iter().filter(|key| key.tier() == tier).count() >= 3);
        }
    }
}
