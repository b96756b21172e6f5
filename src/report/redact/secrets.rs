//! What the redactor looks for.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::reading::Reading;
use crate::contract::ApiKey;

/// So many characters in a row give a long secret away. Fewer than the twelve that nobody may see: of a dozen in base64
/// whose case was changed, ten may be left whole.
const RUN: usize = 10;
/// A secret shorter than this is masked as a word of its own only.
const SHORTEST_RUN: usize = 6;
/// What a text that looks like a key begins with.
const PREFIX: &[u8] = b"ct_live_";
/// So many letters and digits after [`PREFIX`] look like a key.
const LOOKS_LIKE_A_KEY: usize = 8;

/// The secrets learned so far, cut into runs.
///
/// Runs have two or three lengths in all, so a look-up per length and position finds them, and learning
/// another key costs nothing but its own runs: a suite mints hundreds of keys while it reports.
#[derive(Default)]
pub(super) struct Secrets {
    /// Runs in lower case, by their length.
    runs: BTreeMap<usize, HashSet<Box<[u8]>>>,
    /// Secrets too short for runs, in lower case.
    words: BTreeSet<Box<[u8]>>,
}

impl Secrets {
    /// Learns a key's random part.
    pub(super) fn learn(&mut self, key: &ApiKey) {
        let whole = key.reveal().to_ascii_lowercase();
        let random = key.random_part().to_ascii_lowercase();
        match random.len() {
            0 => {}
            length if length < SHORTEST_RUN => {
                self.words.insert(random.into_bytes().into());
                if whole.len() >= SHORTEST_RUN {
                    self.add_runs(whole.as_bytes(), whole.len());
                }
            }
            length => self.add_runs(random.as_bytes(), (length - 2).clamp(SHORTEST_RUN, RUN)),
        }
    }

    fn add_runs(&mut self, secret: &[u8], length: usize) {
        let runs = self.runs.entry(length).or_default();
        runs.extend(secret.windows(length).map(Box::from));
    }

    /// The fewest bytes in a row that can be found.
    pub(super) fn shortest(&self) -> usize {
        let looks = PREFIX.len() + LOOKS_LIKE_A_KEY;
        self.runs.keys().next().copied().unwrap_or(looks).min(looks)
    }

    /// Adds to `found` where in the text the secrets stand in this reading of it.
    pub(super) fn find(&self, reading: &Reading, words: bool, found: &mut Vec<Range<usize>>) {
        let bytes = reading.folded();
        for (&length, runs) in &self.runs {
            for (at, window) in bytes.windows(length).enumerate() {
                if runs.contains(window) {
                    found.push(reading.source(at..at + length));
                }
            }
        }
        for (at, _) in bytes.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX) {
            let random = at + PREFIX.len();
            let length = bytes[random..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if length >= LOOKS_LIKE_A_KEY {
                found.push(reading.source(random..random + length));
            }
        }
        for word in self.words.iter().filter(|_| words) {
            for (at, _) in bytes.windows(word.len()).enumerate().filter(|(_, window)| *window == &**word) {
                let end = at + word.len();
                let inside = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
                if !inside(at.checked_sub(1).and_then(|at| bytes.get(at))) && !inside(bytes.get(end)) {
                    found.push(reading.source(at..end));
                }
            }
        }
    }
}
