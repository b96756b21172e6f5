//! Event batches, in the envelope the target takes. Checks and load profiles send the same ones.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};

use crate::deployment::Envelope;

/// Which events a batch is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// A start, then nothing but uses of a tool.
    Plain,
    /// What an editor's plugin sends of a session: tools used with their results, sub-agents, pauses, an end.
    Session,
}

impl Mix {
    /// The type of the `nth` event of a batch of `count`.
    const fn kind(self, nth: u32, count: u32) -> &'static str {
        match (self, nth) {
            (_, 0) => "session_start",
            (Self::Plain, _) => "tool_use",
            (Self::Session, _) if nth + 1 == count => "session_end",
            // Of ten events four are uses of a tool, each with its result; then a pause and a sub-agent's.
            (Self::Session, _) => match nth % 10 {
                9 => "assistant_stop",
                0 => "subagent_stop",
                odd if odd % 2 == 1 => "tool_use",
                _ => "tool_result",
            },
        }
    }

    /// The tool of the `nth` event.
    const fn tool(self, nth: u32) -> &'static str {
        match self {
            Self::Plain => TOOLS[0],
            // A use and its result stand side by side, at an odd and the next even place.
            Self::Session => TOOLS[nth.div_ceil(2) as usize % TOOLS.len()],
        }
    }
}

/// The tools of a session, one for each use and its result.
const TOOLS: [&str; 5] = ["Read", "Edit", "Bash", "Grep", "Write"];

/// A batch of events that nobody else has, not written yet: a burst of them weighs little until it leaves.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The first event's time, in milliseconds; each further one lies a millisecond earlier.
    newest: i64,
    count: u32,
    mix: Mix,
    padding: u32,
    envelope: Envelope,
    session: String,
}

impl Batch {
    /// The time of the first event.
    pub(crate) fn began(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.newest)
    }

    /// How many events it holds.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The batch as JSON, the same each time.
    pub(crate) fn write(&self) -> Bytes {
        let padding = match self.padding as usize {
            0 => String::new(),
            bytes => format!(r#","note":"{}""#, "x".repeat(bytes)),
        };
        let (kind, time, zone) = match self.envelope {
            Envelope::Wire => ("event", "ts", "+00:00"),
            Envelope::Documented | Envelope::Auto => ("event_type", "timestamp", "Z"),
        };
        let open = format!(r#"{{"{kind}":""#);
        let until_time = format!(r#"","session_id":"{}","{time}":""#, self.session);
        let mut json = String::with_capacity(self.count as usize * (170 + padding.len()) + 16);
        json.push_str("{\"events\":[");
        let mut second = (i64::MIN, String::new());
        for nth in 0..self.count {
            if nth > 0 {
                json.push(',');
            }
            let at = self.newest.saturating_sub(i64::from(nth));
            // A thousand events share their second, which is the costly part to write.
            if at.div_euclid(1_000) != second.0 {
                second = (at.div_euclid(1_000), written(at));
            }
            let parts = [&open, self.mix.kind(nth, self.count), &until_time, &second.1, "."];
            parts.into_iter().for_each(|part| json.push_str(part));
            let ms = at.rem_euclid(1_000);
            for digit in [ms / 100, ms / 10 % 10, ms % 10] {
                json.push(char::from(b'0' + digit as u8));
            }
            json.push_str(zone);
            json.push('"');
            if self.envelope == Envelope::Wire {
                // Writing to a String cannot fail.
                let _ = write!(json, ",\"seq\":{nth}");
            }
            let parts = [r#","data":{"tool_name":""#, self.mix.tool(nth), "\"", &padding, "}}"];
            parts.into_iter().for_each(|part| json.push_str(part));
        }
        json.push_str("]}");
        Bytes::from(json)
    }
}

/// A time to the second.
fn written(at_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Makes batches whose events are all distinct, so that no de-duplication can hide one.
#[derive(Debug)]
pub(crate) struct Payloads {
    /// The first event's time; each further one lies a millisecond earlier, so none lies in the future.
    newest: DateTime<Utc>,
    made: AtomicU64,
}

impl Payloads {
    /// Batches around `now`.
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        Self { newest: now - Duration::seconds(1), made: AtomicU64::new(0) }
    }

    /// A batch of `count` events of one session, with so many bytes of padding in each. `Auto` writes the documented
    /// envelope.
    pub(crate) fn events(&self, count: u32, padding: u32, envelope: Envelope, session: &str) -> Batch {
        self.reserve(count, Mix::Plain, padding, envelope, session)
    }

    /// A batch of `count` events of one session, of a mix.
    pub(crate) fn batch(&self, count: u32, mix: Mix, envelope: Envelope, session: &str) -> Bytes {
        self.reserve(count, mix, 0, envelope, session).write()
    }

    fn reserve(&self, count: u32, mix: Mix, padding: u32, envelope: Envelope, session: &str) -> Batch {
        let first = self.made.fetch_add(u64::from(count), Ordering::Relaxed);
        let age = i64::try_from(first).unwrap_or(i64::MAX);
        Batch {
            newest: self.newest.timestamp_millis().saturating_sub(age),
            count,
            mix,
            padding,
            envelope,
            session: session.to_owned(),
        }
    }

    /// A batch of `count` evaluation scores of one session.
    pub(crate) fn scores(&self, count: u32, session: &str) -> Bytes {
        let scores: Vec<_> = (0..count)
            .map(|nth| serde_json::json!({"session_id": session, "metric": format!("metric-{nth}"), "value": 0.5}))
            .collect();
        Bytes::from(serde_json::json!({ "scores": scores }).to_string())
    }
}

/// A random UUID, version 4: what the documented envelope asks of a session id.
pub(crate) fn random_session() -> String {
    let mut bytes = crate::system::random_bytes::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = crate::system::hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_envelopes_are_json_and_no_two_events_are_alike() {
        // The second changes inside a batch.
        let payloads = Payloads::new(DateTime::from_timestamp_millis(1_700_000_000_020).unwrap());
        let mut seen = std::collections::HashSet::new();
        for (envelope, time) in [(Envelope::Documented, "timestamp"), (Envelope::Wire, "ts")] {
            let batch: serde_json::Value =
                serde_json::from_slice(&payloads.events(50, 0, envelope, "s").write()).unwrap();
            for event in batch["events"].as_array().unwrap() {
                let written = event[time].as_str().unwrap();
                assert!(seen.insert(DateTime::parse_from_rfc3339(written).unwrap()), "{written}");
            }
        }
        assert_eq!(seen.len(), 100);
    }

    #[test]
    fn a_batch_is_written_the_same_whenever_it_leaves() {
        let payloads = Payloads::new(Utc::now());
        let (first, second) =
            (payloads.events(9, 3, Envelope::Wire, "s"), payloads.events(9, 3, Envelope::Wire, "s"));
        let later = second.write();
        assert_eq!(second.write(), later);
        assert_ne!(first.write(), later);
    }

    #[test]
    fn padding_makes_a_batch_larger_and_adds_no_event() {
        let payloads = Payloads::new(Utc::now());
        let (plain, padded) =
            (payloads.events(9, 0, Envelope::Wire, "s"), payloads.events(9, 400, Envelope::Wire, "s"));
        let (plain, padded) = (plain.write(), padded.write());
        assert!(padded.len() > plain.len() + 9 * 400);
        let read: serde_json::Value = serde_json::from_slice(&padded).unwrap();
        assert_eq!(read["events"].as_array().unwrap().len(), 9);
    }

    #[test]
    fn a_session_has_an_end_and_every_use_its_result() {
        let kinds: Vec<_> = (0..100).map(|nth| Mix::Session.kind(nth, 100)).collect();
        let count = |kind| kinds.iter().filter(|one| **one == kind).count();
        assert_eq!((kinds[0], kinds[99]), ("session_start", "session_end"));
        assert_eq!((count("tool_use"), count("tool_result")), (40, 40));
        assert_eq!(Mix::Session.kind(0, 1), "session_start");
    }

    #[test]
    fn a_session_is_a_version_4_uuid() {
        let session = random_session();
        assert_eq!(session.len(), 36);
        assert_eq!(&session[14..15], "4");
        assert_ne!(session, random_session());
    }
}
