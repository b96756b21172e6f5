//! What the page is divided into.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::mock::control::CONTROL_PREFIX;

use super::BELOW;

/// A part of the page with an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Requests,
    Keys,
    Limits,
    Sessions,
    Faults,
}

impl Section {
    pub(super) const ALL: [Self; 5] =
        [Self::Requests, Self::Keys, Self::Limits, Self::Sessions, Self::Faults];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Keys => "keys",
            Self::Limits => "limits",
            Self::Sessions => "sessions",
            Self::Faults => "faults",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Keys => "Keys",
            Self::Limits => "Limits",
            Self::Sessions => "Sessions",
            Self::Faults => "Faults",
        }
    }

    const fn template(self) -> &'static str {
        match self {
            Self::Requests => "requests.html",
            Self::Keys => "keys.html",
            Self::Limits => "limits.html",
            Self::Sessions => "sessions.html",
            Self::Faults => "faults.html",
        }
    }

    /// The part of it that moves, alone.
    const fn part(self) -> &'static str {
        match self {
            Self::Requests => "windows.html",
            Self::Keys => "key_table.html",
            Self::Limits => "limit_table.html",
            Self::Sessions => "session_table.html",
            Self::Faults => "fault_table.html",
        }
    }

    /// The template of all of it, or of the part that moves.
    pub(super) const fn template_of(self, part: bool) -> &'static str {
        if part { self.part() } else { self.template() }
    }

    /// Where it is, for a workspace.
    pub(super) fn link(self, workspace: &str, parameters: &[(&str, &str)]) -> String {
        let mut link = match self {
            Self::Requests => CONTROL_PREFIX.to_owned(),
            _ => format!("{BELOW}{}", self.name()),
        };
        link.push('?');
        link.push_str(&query(&[&[("workspace", workspace)], parameters].concat()));
        link
    }
}

/// A query string.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let pair =
        |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}
