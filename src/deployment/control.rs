//! The mock as a target: its control API, which makes workspaces and keys and moves clocks.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;

use super::TargetError;
use super::reach::Reach;
use super::role::{CONTROL_TOKEN_VARIABLE, Key, Role, role_variable};
use crate::contract::{ApiKey, Tier};

/// How long a call to the control API may take. It does nothing slow.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The control API of one mock.
#[derive(Debug, Clone)]
pub struct Control {
    http: reqwest::Client,
    base_url: String,
    /// What every workspace of the run is made with.
    workspace: serde_json::Value,
}

/// A part of the mock that nobody else sees: its own keys, data and clock.
#[derive(Debug, Clone)]
pub struct Workspace {
    control: Control,
    id: String,
    /// The base URL that reaches this workspace.
    pub base_url: String,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Health {
    name: String,
}

#[derive(Deserialize)]
struct NewWorkspace {
    id: String,
    base_url: String,
}

#[derive(Deserialize)]
struct NewKey {
    id: String,
    key: String,
}

impl Control {
    /// Asks whether a mock answers at `base_url`.
    ///
    /// # Errors
    /// [`TargetError::Control`] when nothing, or something else, answers.
    pub async fn connect(base_url: &str) -> Result<Self, TargetError> {
        Self::connect_with(base_url, &Reach::default(), None).await
    }

    /// Asks whether a mock answers at `base_url`, reached like this, with the token that it was started with.
    ///
    /// # Errors
    /// [`TargetError::Control`] when nothing, or something else, answers, or when the token is refused;
    /// [`TargetError::BadToken`] when no header can hold it; [`TargetError::Reach`] when the way there is none.
    pub async fn connect_with(
        base_url: &str,
        reach: &Reach,
        token: Option<&str>,
    ) -> Result<Self, TargetError> {
        let mut headers = reach.headers.clone();
        if let Some(token) = token {
            let mut value =
                HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| TargetError::BadToken)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = reach
            .apply(reqwest::Client::builder(), base_url)?
            .default_headers(headers)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| failed(base_url, &error.to_string()))?;
        let control = Self { http, base_url: base_url.to_owned(), workspace: serde_json::json!({}) };
        let url = format!("{base_url}/_mock/health");
        let health: Health = control.call(control.http.get(&url), &url).await?;
        if health.name != "trenchcheck-mock" {
            return Err(failed(&url, "belongs to something else"));
        }
        Ok(control)
    }

    /// The same mock, with every new workspace under these deviations and this limiter.
    #[must_use]
    pub fn deviating(mut self, deviations: &[String], limiter: Option<&str>) -> Self {
        self.workspace = serde_json::json!({"deviations": deviations});
        if let Some(limiter) = limiter {
            self.workspace["limiter"] = limiter.into();
        }
        self
    }

    /// The workspace of those who name none.
    pub(super) fn default_workspace(&self) -> Workspace {
        Workspace { control: self.clone(), id: "default".to_owned(), base_url: self.base_url.clone() }
    }

    /// A fresh workspace.
    ///
    /// # Errors
    /// [`TargetError::Control`].
    pub async fn workspace(&self) -> Result<Workspace, TargetError> {
        let url = format!("{}/_mock/workspaces", self.base_url);
        let made: NewWorkspace = self.post(&url, &self.workspace).await?;
        Ok(Workspace {
            control: self.clone(),
            base_url: format!("{}{}", self.base_url, made.base_url),
            id: made.id,
        })
    }

    async fn post<T: for<'de> Deserialize<'de>>(
        &self,
        url: &str,
        body: &serde_json::Value,
    ) -> Result<T, TargetError> {
        let request = self.http.post(url).header("content-type", "application/json").body(body.to_string());
        self.call(request, url).await
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        request: reqwest::RequestBuilder,
        url: &str,
    ) -> Result<T, TargetError> {
        let bytes = self.send(request, url).await?;
        serde_json::from_slice::<Data<T>>(&bytes)
            .map(|answer| answer.data)
            .map_err(|error| failed(url, &format!("answered something unexpected: {error}")))
    }

    async fn send(&self, request: reqwest::RequestBuilder, url: &str) -> Result<bytes::Bytes, TargetError> {
        let answer =
            request.send().await.map_err(|error| failed(url, &format!("did not answer: {error}")))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| failed(url, &format!("broke off: {error}")))?;
        if status.is_success() {
            Ok(bytes)
        } else if status == reqwest::StatusCode::UNAUTHORIZED {
            let what =
                format!("asks for its token: export {CONTROL_TOKEN_VARIABLE}=… as it was started with");
            Err(failed(url, &what))
        } else {
            Err(failed(url, &format!("answered {status}: {}", String::from_utf8_lossy(&bytes))))
        }
    }
}

impl Workspace {
    /// A fresh key for a role; `nth` tells several of one role apart.
    ///
    /// # Errors
    /// [`TargetError::Control`].
    pub async fn key(&self, role: Role, nth: u32) -> Result<Key, TargetError> {
        let plan = role.tier().filter(|tier| *tier != Tier::Ingestion).unwrap_or(Tier::Standard);
        let mut scopes: Vec<_> = role.scopes().iter().map(|scope| scope.as_str()).collect();
        // The order of a key's scopes means nothing; a target to which it does shows with the second key.
        if nth.is_multiple_of(2) {
            scopes.reverse();
        }
        let body = serde_json::json!({
            "name": format!("{role} {nth}"), "scopes": scopes, "plan": plan.as_str()
        });
        let url = format!("{}/_mock/workspaces/{}/keys", self.control.base_url, self.id);
        let made: NewKey = self.control.post(&url, &body).await?;
        let secret =
            ApiKey::new(made.key).map_err(|why| failed(&url, &format!("gave out a bad key: {why}")))?;
        Ok(Key {
            variable: role_variable(role, nth),
            secret,
            tier: Some(Tier::of(&role.scopes(), plan)),
            scopes: role.scopes(),
            account: Some(self.id.clone()),
            given_for: Some(role),
            mock_id: Some(made.id),
        })
    }

    /// Moves the workspace's clock on.
    ///
    /// # Errors
    /// [`TargetError::Control`].
    pub async fn advance(&self, milliseconds: u64) -> Result<(), TargetError> {
        let url = format!("{}/_mock/workspaces/{}/clock/advance", self.control.base_url, self.id);
        let _: serde_json::Value = self.control.post(&url, &serde_json::json!({"ms": milliseconds})).await?;
        Ok(())
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// [`TargetError::Control`].
    pub async fn revoke(&self, mock_id: &str) -> Result<(), TargetError> {
        let url = format!("{}/_mock/workspaces/{}/keys/{mock_id}", self.control.base_url, self.id);
        self.control.send(self.control.http.delete(&url), &url).await.map(drop)
    }

    /// Gives the workspace back.
    ///
    /// # Errors
    /// [`TargetError::Control`].
    pub async fn close(&self) -> Result<(), TargetError> {
        let url = format!("{}/_mock/workspaces/{}", self.control.base_url, self.id);
        self.control.send(self.control.http.delete(&url), &url).await.map(drop)
    }
}

fn failed(url: &str, what: &str) -> TargetError {
    TargetError::Control(url.to_owned(), what.to_owned())
}
