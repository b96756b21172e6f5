//! What the control API is told.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::Tier;
use crate::mock::limiter::Kind;
use crate::mock::message::Reply;
use crate::mock::quotas::{QuotaText, Quotas};
use crate::mock::settings::Settings;

use super::answer::bad_request;

/// What a workspace is set to; what is not said stays as it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsBody {
    /// Names from `GET /_mock/deviations`, all that are to be on.
    pub(super) deviations: Option<Vec<String>>,
    /// `anchored` (the reference), `aligned`, `sliding` or `sliding-counter`.
    pub(super) limiter: Option<String>,
    pub(super) limits: Option<LimitsBody>,
}

/// Limits by tier, such as `5/10s`, with events `5,200/10s`, or `none`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsBody {
    pub(super) standard: Option<String>,
    pub(super) premium: Option<String>,
    pub(super) ingestion: Option<String>,
}

/// The key that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    /// The name shown in lists; `unnamed` without it.
    pub(super) name: Option<String>,
    /// `write:events`, `read:analytics`, or both.
    #[schemars(length(min = 1))]
    pub(super) scopes: Vec<String>,
    /// `standard` or `premium`; a key that may post events is on the Ingestion tier anyway.
    pub(super) plan: Option<String>,
}

/// How far the clock is set forward.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceBody {
    /// Milliseconds.
    pub(super) ms: u64,
}

/// How fast the clock runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpeedBody {
    /// Seconds that pass in a second, 0.001 to 1000.
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub(super) speed: f64,
}

impl SettingsBody {
    /// Whether it says how requests are decided, and not only how many.
    pub(super) fn says_how(&self) -> bool {
        self.deviations.is_some() || self.limiter.is_some()
    }

    /// These settings with what is said here.
    pub(super) fn over(self, settings: &Settings) -> Result<Settings, Reply> {
        let limiter = self.limiter.as_deref().map(str::parse::<Kind>).transpose();
        let limiter = limiter.map_err(|unknown| bad_request(&unknown.to_string()))?;
        let quotas = match self.limits {
            None => settings.quotas,
            Some(limits) => limits.over(settings.quotas)?,
        };
        let deviations = self.deviations.unwrap_or_else(|| settings.deviations.clone());
        Settings::new(deviations, limiter.or(settings.limiter), quotas)
            .map_err(|unknown| bad_request(&unknown.to_string()))
    }
}

impl LimitsBody {
    fn over(self, quotas: Quotas) -> Result<Quotas, Reply> {
        let tiers = [
            (Tier::Standard, self.standard),
            (Tier::Premium, self.premium),
            (Tier::Ingestion, self.ingestion),
        ];
        tiers.into_iter().try_fold(quotas, |quotas, (tier, text)| match text {
            None => Ok(quotas),
            Some(text) => {
                let quota = text.parse::<QuotaText>().map_err(|wrong| bad_request(&wrong.to_string()))?;
                Ok(quotas.with(tier, quota.quota(tier)))
            }
        })
    }
}
