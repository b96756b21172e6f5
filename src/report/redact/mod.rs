//! Keeps keys out of every report, and out of everything else that is written down.
//!
//! A target may echo a key in any dress: percent-encoded, JSON-escaped, as Basic credentials. Instead
//! of listing the dresses of every key, the text is undressed: each reading of it (as it stands,
//! unescaped, base64-decoded) is searched for a few characters in a row of a known secret, and what
//! is found is masked in the text as it stood.

mod reading;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::event::Event;
use crate::contract::{ApiKey, CLAUSES};
use reading::Reading;

/// What stands in a report in a secret's place.
const MASK: &str = "…";

/// Masks the keys it has learned, and everything that looks like a key.
///
/// Masked are, in any case of letters:
/// - any 12 characters in a row of a key's random part, so that a key with a character changed,
///   dropped or added is masked too. A random part of 6 to 13 characters is masked from two characters
///   less than it has (6 at the least);
/// - the same in percent-encoding, JSON escapes or HTML entities, wholly or in part, up to three layers deep, in
///   hexadecimal digits, and in base64 of either alphabet at any alignment (`Authorization: Basic` in all its orders);
/// - any text of the form `ct_live_` and eight or more letters and digits, learned or not;
/// - letters and digits that adjoin any of these.
///
/// A secret under six characters is masked only where it stands as a word of its own: masking it inside
/// words would make reports unreadable. Base64 that is wrapped over several lines is not looked into.
///
/// ```
/// use trenchcheck::contract::ApiKey;
/// use trenchcheck::report::Redactor;
///
/// let redactor = Redactor::default();
/// redactor.learn(&ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")?);
/// assert_eq!(redactor.scrub("no such key: a1b2c3d4e5f6g7h8i9"), "no such key: …");
/// assert_eq!(redactor.scrub("?key=ct%5Flive%5Fa1b2c3d4e5f6g7h8i9j0"), "?key=ct%5Flive%5F…");
/// # Ok::<(), trenchcheck::contract::InvalidApiKey>(())
/// ```
#[derive(Default)]
pub struct Redactor {
    secrets: RwLock<Secrets>,
}

/// Shows nothing of what it knows.
impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Learns a key. Keys may be learned while a run is under way, from any thread.
    pub fn learn(&self, key: &ApiKey) {
        self.secrets.write().learn(key);
    }

    /// Learns a word of our own, such as the id of a check, which stays whole wherever it stands by itself.
    pub fn keep(&self, word: &str) {
        self.secrets.write().own.insert(word.to_owned());
    }

    /// The text with every secret masked.
    pub fn scrub(&self, text: &str) -> String {
        let secrets = self.secrets.read();
        let plain = Reading::plain(text);
        let layers = plain.layers();
        let mut found = Vec::new();
        for layer in std::iter::once(&plain).chain(&layers) {
            secrets.find(layer, true, &mut found);
            for decoded in layer.base64(secrets.shortest()).chain(layer.hex(secrets.shortest())) {
                secrets.find(&decoded, false, &mut found);
            }
        }
        if !found.is_empty() {
            let own = secrets.own_words(text);
            found.retain(|range| !own.iter().any(|own| own.start <= range.start && range.end <= own.end));
        }
        if found.is_empty() {
            return text.to_owned();
        }
        layers.first().unwrap_or(&plain).mask(text, &found, MASK)
    }

    /// The event with every secret masked in what came from outside.
    pub(super) fn event(&self, event: &Event) -> serde_json::Result<Event> {
        match event {
            Event::Secret(_)
            | Event::Planned(_)
            | Event::CheckStarted { .. }
            | Event::KeysLent { .. }
            | Event::KeysBack { .. }
            | Event::Resumed { .. } => Ok(event.clone()),
            outside => self.masked(outside),
        }
    }

    /// The value with every secret masked in each of its texts but our own words.
    pub(crate) fn masked<T: Serialize + DeserializeOwned>(&self, value: &T) -> serde_json::Result<T> {
        let mut tree = serde_json::to_value(value)?;
        self.mask(&mut tree, "", &mut HashMap::new());
        serde_json::from_value(tree)
    }

    /// Masks what is the member `name` of something. `known` is what became of texts that came up before: most of them
    /// come up again and again.
    fn mask(&self, value: &mut Value, name: &str, known: &mut HashMap<String, String>) {
        match value {
            // A user may have written a key where none belongs: into the name of a file.
            Value::String(text) if is_own(name) && !text.to_ascii_lowercase().contains("ct_live_") => {}
            Value::String(text) => {
                let masked = known.entry(std::mem::take(text)).or_insert_with_key(|text| match name {
                    // The ids in a command line are ours, the URL is not.
                    "again" => text.split(' ').map(|word| self.url(word)).collect::<Vec<_>>().join(" "),
                    _ => self.scrub(text),
                });
                text.clone_from(masked);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item, name, known)),
            Value::Object(members) => {
                members.iter_mut().for_each(|(name, member)| self.mask(member, name, known));
            }
            _ => {}
        }
    }

    fn url(&self, word: &str) -> String {
        if word.contains("://") { self.scrub(word) } else { word.to_owned() }
    }
}

/// Whether a member of serialised values holds our own words: ids, clauses, names of files, rows and variables, and words
/// that stand for something. They are never touched, unless they hold what looks like a key.
fn is_own(name: &str) -> bool {
    const OWN: &str = "about also answers case cause check checks clause envelope exit experiment expires explains \
        file fresh id ingestion key keys level name premium requests row seen source standard tier \
        variable verdict";
    OWN.split(' ').any(|own| own == name)
}

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
struct Secrets {
    /// Runs in lower case, by their length.
    runs: BTreeMap<usize, HashSet<Box<[u8]>>>,
    /// Secrets too short for runs, in lower case.
    words: BTreeSet<Box<[u8]>>,
    /// Words of our own that a secret may be a part of; the page's clauses are such, too.
    own: BTreeSet<String>,
}

impl Secrets {
    fn learn(&mut self, key: &ApiKey) {
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

    /// Where words of our own stand by themselves.
    fn own_words(&self, text: &str) -> Vec<Range<usize>> {
        let clauses = CLAUSES.iter().map(|clause| clause.id);
        let words = self.own.iter().map(String::as_str).chain(clauses);
        let inside = |mark: Option<char>| mark.is_some_and(char::is_alphanumeric);
        let found = words.flat_map(|word| text.match_indices(word).map(|(at, word)| at..at + word.len()));
        let alone = |at: &Range<usize>| {
            !inside(text[..at.start].chars().next_back()) && !inside(text[at.end..].chars().next())
        };
        found.filter(alone).collect()
    }

    /// The fewest bytes in a row that can be found.
    fn shortest(&self) -> usize {
        let looks = PREFIX.len() + LOOKS_LIKE_A_KEY;
        self.runs.keys().next().copied().unwrap_or(looks).min(looks)
    }

    /// Adds to `found` where in the text the secrets stand in this reading of it.
    fn find(&self, reading: &Reading, words: bool, found: &mut Vec<Range<usize>>) {
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

#[cfg(test)]
mod tests;
