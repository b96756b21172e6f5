//! Which entries are asked for.

use crate::mock::ingest::parse_date;
use crate::mock::message::Request;

use super::entry::Entry;

/// The parameters that filter, with what they mean.
pub(crate) const PARAMETERS: [(&str, &str); 5] = [
    ("key", "Only requests of the key with this id or name."),
    ("method", "Only requests with this method."),
    (
        "path",
        "Only requests of this path; a `*` at the end stands for anything. Without `/w/…` in every workspace.",
    ),
    ("status", "Only answers with this status, such as `429` or `4xx`; 0 for none."),
    ("since", "Only requests that arrived at this time of the workspace's clock (ISO 8601) or later."),
];

/// Conditions; an entry matches if all of them hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    key: Option<String>,
    method: Option<String>,
    path: Option<String>,
    status: Option<(u16, u16)>,
    since: Option<i64>,
}

impl Filter {
    /// Reads the conditions from a query.
    ///
    /// # Errors
    /// A sentence that says which of them makes no sense.
    pub(crate) fn of(request: &Request<'_>) -> Result<Self, String> {
        let text = |name: &str| request.parameter(name).map(std::borrow::Cow::into_owned);
        let status = text("status").map(|text| {
            statuses(&text).ok_or_else(|| format!("`status` is a status such as 429 or 4xx, not `{text}`"))
        });
        let since = text("since").map(|text| {
            parse_date(&text).ok_or_else(|| format!("`since` is an ISO 8601 date and time, not `{text}`"))
        });
        Ok(Self {
            key: text("key"),
            method: text("method"),
            path: text("path"),
            status: status.transpose()?,
            since: since.transpose()?,
        })
    }

    /// Whether all conditions hold.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        let key = |wanted: &String| {
            entry.summary.key.as_ref().is_some_and(|key| *key.id == **wanted || *key.name == **wanted)
        };
        self.since.is_none_or(|since| entry.at >= since)
            && self.status.is_none_or(|(from, to)| (from..=to).contains(&entry.status))
            && self.key.as_ref().is_none_or(key)
            && self.method.as_ref().is_none_or(|method| *method.as_bytes() == *entry.kept.method())
            && self.path.as_ref().is_none_or(|path| same_path(path, entry.kept.path()))
    }
}

fn statuses(text: &str) -> Option<(u16, u16)> {
    if let Some(hundred) = text.strip_suffix("xx") {
        let hundred: u16 = hundred.parse().ok().filter(|digit| (1..=5).contains(digit))?;
        return Some((hundred * 100, hundred * 100 + 99));
    }
    let status = text.parse().ok().filter(|&status| status == 0 || (100..=599).contains(&status))?;
    Some((status, status))
}

/// Whether a pattern fits a path, with or without the workspace before it.
pub(crate) fn same_path(pattern: &str, path: &[u8]) -> bool {
    let fits = |path: &[u8]| match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start.as_bytes()),
        None => path == pattern.as_bytes(),
    };
    let within = path.strip_prefix(b"/w/").and_then(|rest| {
        let slash = memchr::memchr(b'/', rest)?;
        Some(&rest[slash..])
    });
    fits(path) || within.is_some_and(fits)
}
