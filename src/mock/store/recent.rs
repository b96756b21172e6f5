//! The events seen last, to recognise a repeated one in bounded memory.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::mock::ingest::Event;
use crate::mock::keys::Hashed;
use crate::system::mixed;

/// How many events are remembered at least: more than a minute at the documented rate.
pub(super) const CAPACITY: usize = 131_072;

/// Fingerprints of the last events: of at least the last [`CAPACITY`], and at most twice as many.
#[derive(Debug, Default)]
pub(super) struct Recent {
    hasher: RandomState,
    /// What came last, fewer than [`CAPACITY`].
    young: HashSet<u64, Hashed>,
    /// As many that came before. They are forgotten together, which is cheaper than one by one.
    old: HashSet<u64, Hashed>,
}

/// A session as events are recognised by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionHash(u64);

impl Recent {
    /// The session with this id.
    pub(super) fn session(&self, id: &str) -> SessionHash {
        SessionHash(self.hasher.hash_one(id))
    }

    /// Whether the event, which is one of this session, is not among those remembered; it is from now on.
    /// Two events are the same by session, type and time; their fingerprint has 64 bits.
    pub(super) fn is_new(&mut self, session: SessionHash, event: &Event<'_>) -> bool {
        // The hash of the session is nobody's to guess, and within a session no two events have the same fingerprint:
        // times have far fewer than 60 bits, and each step can be undone.
        let what = event.at.wrapping_mul(16) ^ i64::from(event.kind.0);
        let fingerprint = mixed(session.0 ^ mixed(what.cast_unsigned()));
        if self.old.contains(&fingerprint) || !self.young.insert(fingerprint) {
            return false;
        }
        if self.young.len() == CAPACITY {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        true
    }
}
