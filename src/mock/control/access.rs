//! Who may use the control API: whoever has the token, or without one whoever sits at this machine.
//!
//! A page in the browser of who sits there may not: DNS rebinding shows in `Host`, a request from another site
//! in `Origin`.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::mock::errors::error;
use crate::mock::message::{Reply, Request};

/// A token for the control API, of which only a hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlToken([u8; 32]);

impl ControlToken {
    /// Takes the token in plaintext; an empty one is none.
    pub fn new(plaintext: &str) -> Option<Self> {
        (!plaintext.is_empty()).then(|| Self(Sha256::digest(plaintext).into()))
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ControlToken(…)")
    }
}

/// Refuses who may not.
pub(super) fn check(request: &Request<'_>, token: Option<&ControlToken>) -> Result<(), Reply> {
    if let Some(token) = token {
        let sent = request.header_text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        // Hashes are compared, so the time it takes tells nothing about the token.
        return if sent.and_then(ControlToken::new).as_ref() == Some(token) {
            Ok(())
        } else {
            Err(error(401, "UNAUTHORIZED", "The control API needs its token as `Authorization: Bearer …`."))
        };
    }
    if !request.peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        let message =
            "The control API answers this machine only; start the mock with --control-token-env for others.";
        return Err(error(403, "FORBIDDEN", message));
    }
    let host = request.header_text("host").filter(|host| is_local(host));
    let Some(host) = host else {
        return Err(error(
            403,
            "FORBIDDEN",
            "The control API is reached as localhost, 127.0.0.1 or [::1] only.",
        ));
    };
    match request.header_text("origin") {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            Err(error(403, "FORBIDDEN", "The control API takes no requests from other sites."))
        }
        _ => Ok(()),
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}
