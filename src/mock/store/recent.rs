//! The events seen last, to recognise a repeated one in bounded memory.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use crate::mock::ingest::Event;

/// How many events are remembered: more than two minutes at the documented rate.
pub(super) const CAPACITY: usize = 262_144;

/// Fingerprints of the last events, oldest first, and the same as a set.
#[derive(Debug, Default)]
pub(super) struct Recent {
    hasher: RandomState,
    order: VecDeque<u64>,
    known: HashSet<u64, Identity>,
}

impl Recent {
    /// Whether the event is not among those remembered; it is from now on.
    /// Two events are the same by session, type and time; their fingerprint has 64 bits.
    pub(super) fn is_new(&mut self, event: &Event<'_>) -> bool {
        let fingerprint = self.hasher.hash_one((event.session_id.as_ref(), event.kind, event.at));
        if !self.known.insert(fingerprint) {
            return false;
        }
        if self.order.len() == CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(fingerprint);
        true
    }
}

/// Fingerprints are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct Identity;

impl BuildHasher for Identity {
    type Hasher = Same;

    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

struct Same(u64);

impl std::hash::Hasher for Same {
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
}
