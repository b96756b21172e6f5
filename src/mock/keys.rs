//! A key as the mock knows it: its hash, what it may do, and its own small limiter.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::contract::{Scope, Tier};

use super::limiter::Limiter;

/// The SHA-256 of a key, which is all that is ever stored of it (layer 2: "only a hash of a key is stored").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key as it was presented.
    pub fn of(presented: &[u8]) -> Self {
        Self(Sha256::digest(presented).into())
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

/// A key of a workspace.
#[derive(Debug)]
pub struct KeyEntry {
    /// Stable id, `key_…`.
    pub id: String,
    /// The name shown in lists.
    pub name: String,
    /// The scopes, in the order they were chosen.
    pub scopes: Vec<Scope>,
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
            id,
            name: spec.name,
            tier: Tier::of(&spec.scopes, spec.plan),
            scopes: spec.scopes,
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
