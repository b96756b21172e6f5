//! When requests came, and how many of them were too many: enough for a small picture.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::ingest::format_timestamp;

use super::entry::JournalEntry;

/// How many parts of equal length the time is cut into.
const PARTS: i64 = 60;

/// Requests along the time from the first to the last of them.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Arrivals {
    /// When the first came, by the workspace's clock; null for none.
    from: Option<String>,
    /// When the last came.
    to: Option<String>,
    /// How many came.
    requests: u32,
    /// How many of them were answered 429.
    limited: u32,
    /// The most that came in one part.
    most: u32,
    /// Those of sixty parts of equal length in which any came.
    parts: Vec<Part>,
}

/// A part of the time.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Part {
    /// Which of the sixty, from 0.
    place: usize,
    /// How many requests came in it.
    requests: u32,
    /// How many of them were answered 429.
    limited: u32,
}

impl Arrivals {
    /// That of some entries.
    pub(crate) fn of(entries: &[Arc<JournalEntry>]) -> Self {
        // A clock that was set may have gone back in between.
        let (first, last) =
            (entries.iter().map(|entry| entry.at).min(), entries.iter().map(|entry| entry.at).max());
        let (Some(first), Some(last)) = (first, last) else { return Self::default() };
        let mut parts: Vec<_> = (0..PARTS as usize).map(|place| Part { place, ..Part::default() }).collect();
        for entry in entries {
            let place = (entry.at - first) * PARTS / (last - first + 1);
            let part = &mut parts[place as usize];
            part.requests += 1;
            part.limited += u32::from(entry.status == 429);
        }
        Self {
            from: Some(format_timestamp(first)),
            to: Some(format_timestamp(last)),
            requests: parts.iter().map(|part| part.requests).sum(),
            limited: parts.iter().map(|part| part.limited).sum(),
            most: parts.iter().map(|part| part.requests).max().unwrap_or(0),
            parts: parts.into_iter().filter(|part| part.requests > 0).collect(),
        }
    }
}
