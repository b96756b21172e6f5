//! What a workspace is set to: deviations, limiter, and limits other than the documented ones, for who does not want to
//! send sixty requests to see a 429. It can be changed while requests come in.

use crate::amounts::{duration, whole_millis};
use crate::contract::{Limits, Tier};

use super::behaviour::Behaviour;
use super::deviations::{UnknownDeviation, behaviour};
use super::limiter::{Kind, WINDOW_MS};

/// The settings of a workspace; [`Settings::default`] is the reference.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the names and the limiter come to.
    pub(super) behaviour: Behaviour,
    /// The names of the deviations, in the order in which they apply.
    pub(crate) deviations: Vec<String>,
    /// The limiter, where it is not the reference's.
    pub(crate) limiter: Option<Kind>,
    /// What every tier is granted.
    pub(crate) quotas: Quotas,
}

impl Settings {
    /// Settings with these deviations, limiter and limits.
    ///
    /// # Errors
    /// [`UnknownDeviation`] for the first name that is none.
    pub fn new(
        deviations: Vec<String>,
        limiter: Option<Kind>,
        quotas: Quotas,
    ) -> Result<Self, UnknownDeviation> {
        Ok(Self { behaviour: behaviour(&deviations, limiter)?, deviations, limiter, quotas })
    }

    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.deviations == other.deviations && self.limiter == other.limiter && self.quotas == other.quotas
    }
}

impl From<Behaviour> for Settings {
    fn from(behaviour: Behaviour) -> Self {
        Self { behaviour, ..Self::default() }
    }
}

/// The longest window: a day.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1_000;

/// The greatest limit of requests; a sliding log remembers so many.
const MOST_REQUESTS: u32 = 1_000_000;

/// What a tier is granted in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests and events in a window.
    pub limits: Limits,
    /// The length of a window in milliseconds, 1,000 to 86,400,000.
    pub window_ms: u64,
}

/// What every tier is granted; the default is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    tiers: [Option<Quota>; Tier::ALL.len()],
}

impl Default for Quotas {
    fn default() -> Self {
        Self { tiers: Tier::ALL.map(|tier| Some(Quota { limits: tier.limits(), window_ms: WINDOW_MS })) }
    }
}

impl Quotas {
    /// No tier has a limit.
    pub const UNLIMITED: Self = Self { tiers: [None; Tier::ALL.len()] };

    /// The quota of a tier, if it has any.
    pub fn of(&self, tier: Tier) -> Option<Quota> {
        self.tiers[tier as usize]
    }

    /// The same with another quota for one tier.
    #[must_use]
    pub fn with(mut self, tier: Tier, quota: Option<Quota>) -> Self {
        self.tiers[tier as usize] = quota;
        self
    }
}

impl Quota {
    /// Reads the quota of a tier, written `none`, `5`, `5/10s` or, with events, `5,200/10s`. What is not said about
    /// events is as documented.
    ///
    /// ```
    /// use trenchcheck::contract::Tier;
    /// use trenchcheck::mock::Quota;
    ///
    /// let quota = Quota::read("5,200/10s", Tier::Ingestion)?.ok_or("none")?;
    /// assert_eq!((quota.limits.requests, quota.limits.events, quota.window_ms), (5, Some(200), 10_000));
    /// assert!(Quota::read("5/10 parsecs", Tier::Ingestion).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NoQuota`] for any other text.
    pub fn read(text: &str, tier: Tier) -> Result<Option<Self>, NoQuota> {
        if text == "none" {
            return Ok(None);
        }
        let (counts, window) = text.split_once('/').unwrap_or((text, "60s"));
        let (requests, events) =
            counts.split_once(',').map_or((counts, None), |(requests, events)| (requests, Some(events)));
        let quota = || {
            let requests = number(requests).filter(|count| (1..=MOST_REQUESTS).contains(count))?;
            let events = match events {
                None => tier.limits().events,
                Some(text) => Some(number(text).filter(|&count| count > 0)?),
            };
            let window_ms =
                duration(window).map(whole_millis).filter(|ms| (1_000..=LONGEST_MS).contains(ms))?;
            Some(Self { limits: Limits { requests, events }, window_ms })
        };
        quota().map(Some).ok_or_else(|| NoQuota(text.to_owned()))
    }
}

/// A text that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no limit; write requests and a window such as `5/10s`, with events `5,200/10s`, or `none`: \
     1 to 1000000 requests in 1s to 24h"
)]
pub struct NoQuota(pub String);

/// A number of digits only, which `parse` alone would not insist on.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_documented() {
        let quota = |text: &str, tier| Quota::read(text, tier).unwrap();
        let standard = quota("5", Tier::Standard).unwrap();
        assert_eq!((standard.limits.requests, standard.limits.events, standard.window_ms), (5, None, 60_000));
        assert_eq!(quota("5/2m", Tier::Ingestion).unwrap().limits.events, Some(100_000));
        assert_eq!(quota("none", Tier::Premium), None);
        for tier in Tier::ALL {
            assert_eq!(Quotas::default().of(tier).unwrap().limits, tier.limits());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "", "0", "-5", "+5", "5/", "5/0s", "5/500ms", "5/25h", "5/10", "5/10d", "5,/1s", "5,0/1s",
            "1000001",
        ] {
            assert_eq!(Quota::read(text, Tier::Standard), Err(NoQuota(text.to_owned())), "{text}");
        }
    }
}
