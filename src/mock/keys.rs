//! A key as the mock knows it: its hash, what it may do, and its own small limiter.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::contract::{Scope, Tier};

use super::limiter::Limiter;

/// The first half of the SHA-256 of a key, which is all that is ever stored of it (layer 2: "only a hash of a key is
/// stored"). Nobody finds another key for 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(u128);

impl KeyHash {
    /// The hash of a key as it was presented.
    pub fn of(presented: &[u8]) -> Self {
        let digest = Sha256::digest(presented);
        Self(digest.iter().take(16).fold(0, |bits, &byte| bits << 8 | u128::from(byte)))
    }
}

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Any part of it is as good a hash as a table needs.
        state.write_u64(self.0 as u64);
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
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
