//! One line for each request, for who watches a terminal.

use std::fmt;
use std::sync::Arc;

use super::journal::{Entry, EntryView};

/// Who is told about each request. The line holds no key, and ends without a line break.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// Calls this with each line. It is called by whoever answers a request, so it should be quick.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub(super) fn write(&self, entry: &Entry) {
        (self.0)(&line(&EntryView::from(entry)));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Log(…)")
    }
}

/// Such as `12:00:01.250Z POST /api/v1/events 429 laptop: The key's requests are used up until …`.
fn line(entry: &EntryView) -> String {
    let time = entry.at.split_once('T').map_or(&*entry.at, |(_, time)| time);
    let status = match entry.status {
        0 => "no answer".to_owned(),
        status => status.to_string(),
    };
    let mut line = format!("{time} {} {} {status}", entry.method, entry.path);
    if let Some(key) = &entry.key {
        line.push_str(&format!(" {}", key.name));
    }
    if let Some(why) = &entry.why {
        line.push_str(&format!(": {}", why.message));
        for field in why.fields.iter().take(3) {
            line.push_str(&format!(" {} {}.", field.field, field.message));
        }
    }
    if entry.accepted > 0 {
        let envelopes = match entry.envelopes.in_a_word() {
            None => String::new(),
            Some("both") => " events, both envelopes".to_owned(),
            Some(word) => format!(" events, {word} envelope"),
        };
        line.push_str(&format!(", {} accepted{envelopes}", entry.accepted));
        if entry.repeated > 0 {
            line.push_str(&format!(", {} of them repeated", entry.repeated));
        }
    }
    if !entry.faults.is_empty() {
        line.push_str(&format!(", met {}", entry.faults.join(", ")));
    }
    line.push_str(&format!(" ({}.{:01} ms)", entry.duration_us / 1_000, entry.duration_us % 1_000 / 100));
    // What a client sent must not write its own lines.
    line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
