//! The mock in this process, as a target: it is started where no other is named.

use super::control::Control;
use super::error::TargetError;
use super::keys::default_keys;
use super::target::{Keys, Target};
use crate::mock::{LimiterKind, MockOptions, MockServer, WELL_KNOWN_KEYS};

/// A running mock and the target that points at it. It stops when it is dropped.
#[derive(Debug)]
pub struct Embedded {
    _server: MockServer,
    url: String,
    control: Control,
}

impl Embedded {
    /// Starts the mock on a free loopback port.
    ///
    /// # Errors
    /// [`TargetError::Embedded`] when no port can be had.
    pub async fn start() -> Result<Self, TargetError> {
        Self::serve(MockOptions::default()).await
    }

    /// Starts a mock under these deviations and this limiter, and treats it like any deployment: its well-known keys
    /// are the keys there are, and a minute takes a minute.
    ///
    /// # Errors
    /// [`TargetError::Embedded`] when no port can be had, or a name is none.
    pub async fn deployment(
        deviations: &[String],
        limiter: Option<&str>,
    ) -> Result<(Target, Self), TargetError> {
        let limiter = limiter
            .map(str::parse::<LimiterKind>)
            .transpose()
            .map_err(|error| TargetError::Embedded(error.to_string()))?;
        let options = MockOptions { deviations: deviations.to_vec(), limiter, ..MockOptions::default() };
        let mock = Self::serve(options).await?;
        let well_known = |variable: &str| {
            let key = WELL_KNOWN_KEYS.iter().find(|key| key.variable == variable)?;
            Some(key.plaintext.into())
        };
        let keys = Keys::Environment(default_keys(&well_known)?);
        Ok((Target::on_this_machine(&mock.url, keys), mock))
    }

    /// The mock as a target whose workspaces are all under these deviations and this limiter.
    pub fn target(&self, deviations: &[String], limiter: Option<&str>) -> Target {
        let keys = Keys::Mock(self.control.clone().deviating(deviations, limiter));
        Target { built_in: true, ..Target::on_this_machine(&self.url, keys) }
    }

    async fn serve(options: MockOptions) -> Result<Self, TargetError> {
        let server =
            MockServer::start(options).await.map_err(|error| TargetError::Embedded(error.to_string()))?;
        let url = server.url();
        let control = Control::connect(&url).await?;
        Ok(Self { _server: server, url, control })
    }
}
