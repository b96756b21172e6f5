//! The short way to a mock in a test.

use std::ops::Deref;

use super::handle::MockHandle;
use super::options::{MockError, MockOptions};
use super::server::MockServer;

/// A mock on a free port of this machine, in this process. Dropping it stops it.
///
/// ```
/// use std::time::Duration;
/// use trenchcheck::contract::Scope;
/// use trenchcheck::mock::MockApi;
///
/// # async fn ask(url: &str, key: &str) -> Result<reqwest::Response, reqwest::Error> {
/// #     let client = reqwest::Client::builder().no_proxy().build()?;
/// #     client.get(format!("{url}/api/v1/sessions")).header("X-API-Key", key).send().await
/// # }
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let api = MockApi::start().await?;
/// let key = api.key(&[Scope::ReadAnalytics])?;
/// for _ in 0..60 {
///     assert_eq!(ask(&api.url(), &key).await?.status(), 200);
/// }
/// let refused = ask(&api.url(), &key).await?;
/// assert_eq!(refused.status(), 429);
///
/// // Nobody waits for a minute in a test.
/// let seconds: u64 = refused.headers()["retry-after"].to_str()?.parse()?;
/// api.advance(Duration::from_secs(seconds));
/// assert_eq!(ask(&api.url(), &key).await?.status(), 200);
///
/// let requests = api.requests();
/// assert_eq!(requests.len(), 62);
/// assert_eq!(requests[60].why.as_ref().map(|why| why.limit), Some(Some("requests")));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MockApi {
    server: MockServer,
    handle: MockHandle,
}

impl MockApi {
    /// Starts the reference.
    ///
    /// # Errors
    /// [`MockError::Bind`] when there is no free port.
    pub async fn start() -> Result<Self, MockError> {
        Self::with(MockOptions::default()).await
    }

    /// Starts it otherwise.
    ///
    /// # Errors
    /// [`MockError`] when the port is taken or a deviation has no such name.
    pub async fn with(options: MockOptions) -> Result<Self, MockError> {
        let server = MockServer::start(options).await?;
        Ok(Self { handle: server.handle(), server })
    }

    /// The base URL, such as `http://127.0.0.1:4010`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Serves until the signal comes, answers what is under way then, and returns when that is done or at the
    /// deadline.
    pub async fn run_until(self, signal: impl Future<Output = ()>) {
        signal.await;
        self.server.stop().await;
    }
}

impl Deref for MockApi {
    type Target = MockHandle;

    fn deref(&self) -> &MockHandle {
        &self.handle
    }
}
