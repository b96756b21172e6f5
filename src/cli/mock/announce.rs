//! What the command says when it is ready: the URL and the keys.

use std::io::{self, Write};

use serde::Serialize;

use super::config::MadeKey;
use crate::contract::{Scope, Tier};
use crate::mock::{CONTROL_PREFIX, WELL_KNOWN_KEYS};

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    url: &'a str,
    /// Where a person can look at what is sent.
    page: String,
    keys: Vec<ReadyKey<'a>>,
}

#[derive(Serialize)]
struct ReadyKey<'a> {
    variable: &'a str,
    /// Nothing for a key that came from the environment: it may open more than a mock.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    tier: Tier,
    scopes: Vec<&'static str>,
}

/// Every key there is, the configuration's after the well-known ones.
fn keys<'a>(made: &'a [MadeKey]) -> Vec<ReadyKey<'a>> {
    let names = |scopes: &[Scope]| scopes.iter().map(|scope| scope.as_str()).collect();
    let known = WELL_KNOWN_KEYS.iter().map(|key| ReadyKey {
        variable: key.variable,
        key: Some(key.plaintext),
        tier: key.tier(),
        scopes: names(key.scopes),
    });
    let made = made.iter().map(|key| ReadyKey {
        variable: &key.variable,
        key: key.made_up.as_ref().map(|key| key.reveal()),
        tier: Tier::of(&key.spec.scopes, key.spec.plan),
        scopes: names(&key.spec.scopes),
    });
    known.chain(made).collect()
}

fn page(url: &str) -> String {
    format!("{url}{CONTROL_PREFIX}")
}

/// The URL as a comment, so that a shell can read all of it.
pub(super) fn announce(out: &mut impl Write, url: &str, made: &[MadeKey]) -> io::Result<()> {
    writeln!(out, "# The mock listens at {url}; its page is {}", page(url))?;
    writeln!(out, "# Its keys, which open nothing else:")?;
    writeln!(out, "export TRENCHCHECK_URL={url}")?;
    for ReadyKey { variable, key, tier, scopes } in keys(made) {
        let what = format!("{tier}, {}", scopes.join(" "));
        match key {
            Some(key) => writeln!(out, "export {variable}={key}  # {what}")?,
            None => writeln!(out, "# {variable} as it was set: {what}")?,
        }
    }
    writeln!(out, "# Ctrl-C stops it.")?;
    out.flush()
}

/// The same in one line of JSON.
pub(super) fn announce_json(out: &mut impl Write, url: &str, made: &[MadeKey]) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Ready { ready: true, url, page: page(url), keys: keys(made) })?;
    writeln!(out)?;
    out.flush()
}
