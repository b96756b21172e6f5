//! A running mock and a client for it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use trenchcheck::mock::{MockOptions, MockServer, WELL_KNOWN_KEYS};

pub(crate) const STANDARD: &str = "TRENCHCHECK_KEY_STANDARD";
pub(crate) const READ: &str = "TRENCHCHECK_KEY_READ";
pub(crate) const WRITE: &str = "TRENCHCHECK_KEY_WRITE";
pub(crate) const BOTH: &str = "TRENCHCHECK_KEY_BOTH";

/// The plaintext of a well-known key.
pub(crate) fn key(variable: &str) -> &'static str {
    WELL_KNOWN_KEYS.iter().find(|key| key.variable == variable).unwrap().plaintext
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) struct Mock {
    pub(crate) server: MockServer,
    pub(crate) client: Client,
}

impl Mock {
    pub(crate) async fn start() -> Self {
        Self::with(MockOptions::default()).await
    }

    pub(crate) async fn with(options: MockOptions) -> Self {
        let server = MockServer::start(options).await.unwrap();
        let client = Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        Self { server, client }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server.url()))
    }

    pub(crate) async fn get(&self, path: &str, variable: Option<&str>) -> Answer {
        let request = self.request(Method::GET, path);
        send(match variable {
            Some(variable) => request.header("X-API-Key", key(variable)),
            None => request,
        })
        .await
    }

    pub(crate) async fn post(&self, path: &str, variable: Option<&str>, body: &str) -> Answer {
        let request = self.request(Method::POST, path).body(body.to_owned());
        send(match variable {
            Some(variable) => request.header("X-API-Key", key(variable)),
            None => request,
        })
        .await
    }

    /// Uses the control API.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &str) -> Answer {
        send(self.request(method, &format!("/_mock/{path}")).body(body.to_owned())).await
    }

    /// Makes a workspace; gives its id.
    pub(crate) async fn workspace(&self, body: &str) -> String {
        let made = self.control(Method::POST, "workspaces", body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Makes a key; gives its id and plaintext.
    pub(crate) async fn key(&self, workspace: &str, body: &str) -> (String, String) {
        let made = self.control(Method::POST, &format!("workspaces/{workspace}/keys"), body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let data = &made.json()["data"];
        (data["id"].as_str().unwrap().to_owned(), data["key"].as_str().unwrap().to_owned())
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}
