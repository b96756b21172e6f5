//! The histograms of a lane by name, as they are written and read.

use super::record::{LaneRecord, Outcome};
use super::times::Times;

/// Which moment a time counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// From when the request was due.
    Response,
    /// From when it was sent.
    Service,
}

impl Clock {
    pub(super) const ALL: [Self; 2] = [Self::Response, Self::Service];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
        }
    }
}

/// One kind of histogram that every lane has, if only an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Series {
    Times(Outcome, Clock),
    SendLag,
}

impl Series {
    /// Every series.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let times = Outcome::ALL.into_iter().flat_map(|of| Clock::ALL.map(|clock| Self::Times(of, clock)));
        times.chain([Self::SendLag])
    }

    /// `admitted.response`, `send-lag`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Times(outcome, clock) => format!("{}.{}", outcome.word(), clock.word()),
            Self::SendLag => "send-lag".to_owned(),
        }
    }

    /// The lane's histogram, where it has one.
    pub(super) fn of(self, lane: &LaneRecord) -> Option<&Times> {
        match self {
            Self::Times(outcome, clock) => lane.latencies.get(&outcome).map(|times| match clock {
                Clock::Response => &times.response,
                Clock::Service => &times.service,
            }),
            Self::SendLag => Some(&lane.send_lag),
        }
    }

    /// Gives the lane this histogram.
    pub(super) fn put(self, lane: &mut LaneRecord, histogram: Times) {
        match self {
            Self::Times(outcome, clock) => {
                let times = lane.latencies.entry(outcome).or_default();
                match clock {
                    Clock::Response => times.response = histogram,
                    Clock::Service => times.service = histogram,
                }
            }
            Self::SendLag => lane.send_lag = histogram,
        }
    }
}
