//! Who may use the control API and the page: whoever has the token, or without one whoever sits at this machine.
//!
//! A page of somebody else's in the browser of who sits there may not: DNS rebinding shows in `Host`, a request from
//! another site in `Origin` and `Sec-Fetch-Site`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::mock::reply::{Reply, error};
use crate::mock::request::Request;

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

pub(super) fn check(request: &Request<'_>, token: Option<&ControlToken>) -> Result<(), Reply> {
    let Some(token) = token else {
        return check_machine(request);
    };
    // Hashes are compared, so the time it takes tells nothing about the token.
    if bearer(request).and_then(ControlToken::new).as_ref() == Some(token) {
        return Ok(());
    }
    Err(error(401, "UNAUTHORIZED", "The control API needs its token as `Authorization: Bearer …`."))
}

/// Refuses who may not use the page. A browser is asked for the token, which it sends as a password: with whatever it
/// sends from then on, so that a form has to show where it comes from.
pub(super) fn check_page(request: &Request<'_>, token: Option<&ControlToken>) -> Result<(), Reply> {
    match token {
        None => check_machine(request)?,
        Some(token) => {
            let sent = bearer(request).map(str::to_owned).or_else(|| password(request));
            if sent.as_deref().and_then(ControlToken::new).as_ref() != Some(token) {
                let message = "The page needs the control token, as a password with any name.";
                let mut reply = error(401, "UNAUTHORIZED", message);
                reply.push("www-authenticate", "Basic realm=\"trenchcheck mock\", charset=\"UTF-8\"");
                return Err(reply);
            }
        }
    }
    let safe = matches!(request.method, "GET" | "HEAD");
    if safe || is_from_here(request) {
        return Ok(());
    }
    Err(forbidden("The page takes no forms from elsewhere; programs use the control API."))
}

/// Whether the page itself sent this. Every browser says where a form comes from, in one of these headers.
fn is_from_here(request: &Request<'_>) -> bool {
    let origin = request.header_text("origin").map(|origin| {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some() && host == request.header_text("host")
    });
    let site = request.header_text("sec-fetch-site").map(|site| matches!(site, "same-origin" | "none"));
    origin.or(site) == Some(true) && site != Some(false)
}

fn bearer<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.header_text("authorization")?.strip_prefix("Bearer ")
}

fn password(request: &Request<'_>) -> Option<String> {
    let pair = STANDARD.decode(request.header_text("authorization")?.strip_prefix("Basic ")?).ok()?;
    String::from_utf8(pair).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

/// Refuses whoever does not sit at this machine, and other sites in the browser of who does.
fn check_machine(request: &Request<'_>) -> Result<(), Reply> {
    if !request.peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return Err(forbidden(
            "The control API answers this machine only; start the mock with --control-token-env for others.",
        ));
    }
    let host = request.header_text("host").filter(|host| is_local(host));
    let Some(host) = host else {
        return Err(forbidden("The control API is reached as localhost, 127.0.0.1 or [::1] only."));
    };
    match request.header_text("origin") {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            Err(forbidden("The control API takes no requests from other sites."))
        }
        _ => Ok(()),
    }
}

fn forbidden(message: &str) -> Reply {
    error(403, "FORBIDDEN", message)
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}
