//! The impersonated deployment over HTTP, and the target that points at it.

use std::time::Duration;

use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::deployment::{Key, Keys, Role, Target, role_variable};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::api::{self, Reply};

/// How long the judge waits for an answer here: long for a busy machine, short enough to show a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

/// What a faulty deployment makes of the conforming answer to a request.
pub(crate) type Change = Box<dyn Fn(&Request, Reply) -> Reply + Send + Sync>;

struct Deployment(Change);

impl Respond for Deployment {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let reply = (self.0)(request, api::conforming(request));
        reply
            .headers
            .iter()
            .fold(ResponseTemplate::new(reply.status), |answer, (name, value)| {
                answer.append_header(*name, value.as_str())
            })
            .set_body_bytes(reply.body)
            .set_delay(reply.delay)
    }
}

/// Starts a deployment with this fault.
pub(crate) async fn start(change: Change) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Deployment(change)).mount(&server).await;
    server
}

/// Starts a deployment that does what the page says.
pub(crate) async fn start_conforming() -> MockServer {
    start(Box::new(|_, reply| reply)).await
}

/// The deployment at this address, with all of its keys in the environment.
pub(crate) fn target(base_url: &str) -> Target {
    Target { timeout: PATIENCE, ..Target::on_this_machine(base_url, Keys::Environment(keys())) }
}

/// The key with both scopes comes first, so that whoever needs any key gets one that opens everything.
fn keys() -> Vec<Key> {
    let given = [
        (Role::Both, 1, api::BOTH),
        (Role::Both, 2, api::BOTH_READ_FIRST),
        (Role::Read, 1, api::READ),
        (Role::Write, 1, api::WRITE),
        (Role::Ingestion, 1, api::INGESTION),
        (Role::Standard, 1, api::STANDARD),
        (Role::Premium, 1, api::PREMIUM),
    ];
    given.map(|(role, nth, plaintext)| key(role, nth, plaintext)).into()
}

fn key(role: Role, nth: u32, plaintext: &str) -> Key {
    let named = |name: &&str| Scope::ALL.into_iter().find(|scope| scope.as_str() == *name);
    let holder = api::holder(plaintext).unwrap();
    Key {
        variable: role_variable(role, nth),
        secret: ApiKey::new(plaintext).unwrap(),
        tier: role.tier().or(Some(Tier::Premium)),
        scopes: holder.scopes.iter().filter_map(named).collect(),
        account: None,
        given_for: Some(role),
        mock_id: None,
    }
}
