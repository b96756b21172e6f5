//! The engine on a `wiremock::MockServer`.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

use super::api::MockHandle;
use super::engine::Engine;
use super::gateway::{Delivery, Gateway};
use super::reply::{Reply, error};
use super::request::Request;
use super::settings::Settings;

/// The lowest priority there is, so that every stub of the author comes before the engine.
const LAST: u8 = u8::MAX;

/// Mounts the reference on a server, below all stubs. There is no control API over HTTP: the handle does what a test
/// needs. Of faults, wiremock cannot carry out what happens to a connection: in place of a reset it answers 502, and
/// bodies come whole and at once.
///
/// ```
/// use trenchcheck::contract::Scope;
/// use trenchcheck::mock;
/// use wiremock::matchers::path;
/// use wiremock::{Mock, MockServer, ResponseTemplate};
///
/// # async fn ask(url: String, key: &str) -> Result<reqwest::Response, reqwest::Error> {
/// #     let client = reqwest::Client::builder().no_proxy().build()?;
/// #     client.get(url).header("X-API-Key", key).send().await
/// # }
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = MockServer::start().await;
/// let api = mock::mount(&server).await;
/// let key = api.key(&[Scope::ReadAnalytics])?;
/// assert_eq!(ask(format!("{}/api/v1/sessions", server.uri()), &key).await?.status(), 200);
///
/// // A stub of one's own comes first.
/// Mock::given(path("/api/v1/sessions")).respond_with(ResponseTemplate::new(418)).mount(&server).await;
/// assert_eq!(ask(format!("{}/api/v1/sessions", server.uri()), &key).await?.status(), 418);
/// assert_eq!(ask(format!("{}/api/v1/nowhere", server.uri()), &key).await?.status(), 404);
/// assert_eq!(api.requests().len(), 2, "the stub's request never came to the engine");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn mount(server: &MockServer) -> MockHandle {
    let engine = Arc::new(Engine::new(Settings::default(), Utc::now().timestamp_millis()));
    let handle = MockHandle::new(Arc::clone(&engine), Instant::now());
    let responder = Responder { gateway: Arc::new(Gateway::new(engine, None, None)), handle: handle.clone() };
    Mock::given(any()).respond_with(responder).with_priority(LAST).mount(server).await;
    handle
}

struct Responder {
    gateway: Arc<Gateway>,
    handle: MockHandle,
}

impl Respond for Responder {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let headers: Vec<(&str, &[u8])> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let request = Request {
            method: request.method.as_str(),
            path: request.url.path(),
            query: request.url.query().unwrap_or_default(),
            headers: &headers,
            body: &request.body,
            ..Request::default()
        };
        let Delivery { reply, delay, fault: _, pending } =
            self.gateway.take(&request, self.handle.now(), Instant::now());
        let Some(mut reply) = reply else {
            let reply = error(502, "FAULT", "A fault cuts the connection here.");
            pending.answered_otherwise(&reply);
            return template(reply).set_delay(delay);
        };
        reply.leave();
        pending.answered();
        let delay = delay + reply.delay;
        template(reply).set_delay(delay)
    }
}

fn template(reply: Reply) -> ResponseTemplate {
    let template = ResponseTemplate::new(reply.status).set_body_bytes(reply.body.into_owned());
    reply.headers.into_iter().fold(template, |template, (name, value)| {
        // What HTTP cannot carry is left out, as the mock's own server does.
        let name = http::HeaderName::from_bytes(name.as_bytes());
        let value = http::HeaderValue::from_str(&value);
        match (name, value) {
            (Ok(name), Ok(value)) => template.append_header(name, value),
            _ => template,
        }
    })
}
