//! The mock in this process, as a target.

use super::{Control, Envelope, Keys, Target, TargetError};
use crate::mock::{MockOptions, MockServer};

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
        let server = MockServer::start(MockOptions::default())
            .await
            .map_err(|error| TargetError::Embedded(error.to_string()))?;
        let url = server.url();
        let control = Control::connect(&url).await?;
        Ok(Self { _server: server, url, control })
    }

    /// The mock as a target whose workspaces are all under these deviations and this limiter.
    pub fn target(&self, deviations: &[String], limiter: Option<&str>) -> Target {
        Target {
            base_url: self.url.clone(),
            loopback: true,
            limits: std::collections::BTreeMap::new(),
            paths: std::collections::BTreeMap::new(),
            envelope: Envelope::Auto,
            timeout: std::time::Duration::from_secs(30),
            extra_members_allowed: false,
            keys: Keys::Mock(self.control.clone().deviating(deviations, limiter)),
        }
    }
}
