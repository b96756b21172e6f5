//! The histograms of a lane by name, as they are written and read.

use std::collections::BTreeMap;

use super::interval_log::Interval;
use super::record::{LaneRecord, Latencies, Outcome};
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

    const fn of(self, latencies: &Latencies) -> &Times {
        match self {
            Self::Response => &latencies.response,
            Self::Service => &latencies.service,
        }
    }

    const fn of_mut(self, latencies: &mut Latencies) -> &mut Times {
        match self {
            Self::Response => &mut latencies.response,
            Self::Service => &mut latencies.service,
        }
    }

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
    SlotWait,
}

impl Series {
    /// Every series.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let times = Outcome::ALL.into_iter().flat_map(|of| Clock::ALL.map(|clock| Self::Times(of, clock)));
        times.chain([Self::SendLag, Self::SlotWait])
    }

    /// `admitted.response`, `send-lag`, `slot-wait`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Times(outcome, clock) => format!("{}.{}", outcome.word(), clock.word()),
            Self::SendLag => "send-lag".to_owned(),
            Self::SlotWait => "slot-wait".to_owned(),
        }
    }

    /// The lane's histogram, where it has one.
    pub(super) fn of(self, lane: &LaneRecord) -> Option<&Times> {
        match self {
            Self::Times(outcome, clock) => lane.latencies.get(&outcome).map(|times| clock.of(times)),
            Self::SendLag => Some(&lane.send_lag),
            Self::SlotWait => Some(&lane.slot_wait),
        }
    }

    /// The histogram of one of the lane's windows, counted from 0, where windows are told apart.
    pub(super) fn of_window(self, lane: &LaneRecord, window: usize) -> Option<&Times> {
        match self {
            Self::Times(outcome, clock) => {
                lane.window_latencies.get(window)?.get(&outcome).map(|times| clock.of(times))
            }
            Self::SendLag | Self::SlotWait => None,
        }
    }

    /// Gives the lane what its interval log holds: its windows, where they are told apart, or the whole of it.
    pub(super) fn put_intervals(self, lane: &mut LaneRecord, told_apart: bool, intervals: Vec<Interval>) {
        let mut whole: Option<Times> = None;
        for Interval { begins, times, .. } in intervals {
            let window = (begins.as_secs_f64() / lane.window.as_secs_f64().max(1e-9)).round() as usize;
            if !told_apart || window >= lane.warm_up_windows as usize {
                match &mut whole {
                    Some(whole) => *whole += &times,
                    None => whole = Some(times.clone()),
                }
            }
            if let (Self::Times(outcome, clock), true) = (self, told_apart) {
                // As many as there are counts of, and no more, whatever a log says.
                lane.window_latencies.resize(lane.windows.len(), BTreeMap::new());
                let Some(latencies) = lane.window_latencies.get_mut(window) else { continue };
                *clock.of_mut(latencies.entry(outcome).or_default()) = times;
            }
        }
        if let Some(whole) = whole {
            self.put(lane, whole);
        }
    }

    /// Gives the lane this histogram.
    pub(super) fn put(self, lane: &mut LaneRecord, histogram: Times) {
        match self {
            Self::Times(outcome, clock) => {
                *clock.of_mut(lane.latencies.entry(outcome).or_default()) = histogram;
            }
            Self::SendLag => lane.send_lag = histogram,
            Self::SlotWait => lane.slot_wait = histogram,
        }
    }
}
