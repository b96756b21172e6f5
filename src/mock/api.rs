//! The short way to a mock in a test, and what a test does to it besides sending requests.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::amounts::whole_millis;
use crate::contract::{ApiKey, Scope, Tier};
use crate::system::letters_and_digits;

use super::engine::{CreateError, Engine};
use super::faults::{BadFault, FaultSpec};
use super::journal::{EntryView, Filter};
use super::keys::KeySpec;
use super::options::{MockError, MockOptions};
use super::server::MockServer;
use super::settings::Settings;

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
        let handle = MockHandle::new(Arc::clone(server.engine()), server.started());
        Ok(Self { server, handle })
    }

    /// The base URL, such as `http://127.0.0.1:4010`.
    pub fn url(&self) -> String {
        self.server.url()
    }
}

impl Deref for MockApi {
    type Target = MockHandle;

    fn deref(&self) -> &MockHandle {
        &self.handle
    }
}

/// The default workspace of a mock in this process.
#[derive(Debug, Clone)]
pub struct MockHandle {
    engine: Arc<Engine>,
    started: Instant,
}

impl MockHandle {
    pub(super) fn new(engine: Arc<Engine>, started: Instant) -> Self {
        Self { engine, started }
    }

    /// The engine's time in milliseconds. It never goes back.
    pub(super) fn now(&self) -> u64 {
        whole_millis(self.started.elapsed())
    }

    /// Makes a key with these scopes, on the Standard tier unless it may post events, and gives its plaintext. It
    /// opens nothing but this mock.
    ///
    /// # Errors
    /// [`CreateError`] when there are too many keys.
    pub fn key(&self, scopes: &[Scope]) -> Result<String, CreateError> {
        let key = ApiKey::random();
        let name = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        let spec = KeySpec { name, scopes: scopes.to_vec(), plan: Tier::Standard };
        let workspace = self.engine.default_workspace();
        let id = format!("key_{}", letters_and_digits(12));
        self.engine.create_key(&workspace, id, spec, &key, self.now())?;
        Ok(key.reveal().to_owned())
    }

    /// Sets the clock forward, over the end of a window for instance.
    pub fn advance(&self, by: Duration) {
        self.engine.default_workspace().set_clock(|clock| clock.advance(self.now(), whole_millis(by)));
    }

    /// Sets deviations, limiter and limits.
    pub fn set(&self, settings: Settings) {
        self.engine.default_workspace().set(settings);
    }

    /// Makes something go wrong from now on; `false` if there are as many faults as there may be.
    ///
    /// # Errors
    /// [`BadFault`] when the fault makes no sense.
    pub fn fault(&self, fault: FaultSpec) -> Result<bool, BadFault> {
        let workspace = self.engine.default_workspace();
        match workspace.faults.add(fault, workspace.time(self.now())) {
            Err(BadFault::TooMany) => Ok(false),
            made => made.map(|_| true),
        }
    }

    /// The requests that came, oldest first: the last 1,000 unless the mock was started otherwise.
    pub fn requests(&self) -> Vec<EntryView> {
        EntryView::all(&self.engine.default_workspace().journal.all(&Filter::default(), 0).entries)
    }
}
