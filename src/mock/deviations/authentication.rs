//! Who is let in although they should not be, and who is kept out.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::contract::Endpoint;
use crate::mock::behaviour::{Behaviour, Form, Place, Stage};
use crate::mock::context::{Presented, RequestContext};
use crate::mock::errors;
use crate::mock::message::{Reply, Request};

use super::{Entry, Group, must, rfc, should};

const GROUP: Group = Group::Authentication;
const PREFIX: &str = "ct_live_";
/// The length of the keys the mock makes.
const LENGTH: usize = 40;

pub(super) const ENTRIES: &[Entry] = &[
    must(
        GROUP,
        "accept-bearer",
        &["auth.no-bearer"],
        "A key is also taken as `Authorization: Bearer`.",
        |k| {
            instead_of_header(k, |request| authorization(request, "Bearer "));
        },
    ),
    must(
        GROUP,
        "tools-accept-bearer",
        &["auth.no-bearer"],
        "Tool analytics take a Bearer key as well.",
        |k| {
            instead_of_header(k, |request| {
                at(Endpoint::Tools, request).and_then(|r| authorization(r, "Bearer "))
            });
        },
    ),
    should(
        GROUP,
        "scores-accept-query-key",
        &["auth.only-header-for-scores"],
        "Scores are taken with a key as `?key=` as well.",
        |k| instead_of_header(k, |request| at(Endpoint::Scores, request).and_then(|r| parameter(r, "key"))),
    ),
    must(GROUP, "accept-basic", &["auth.no-basic"], "A key is also taken from Basic credentials.", |k| {
        instead_of_header(k, basic);
    }),
    must(GROUP, "accept-query-api-key", &["auth.no-query"], "A key is also taken as `?api_key=`.", |k| {
        instead_of_header(k, |request| parameter(request, "api_key"));
    }),
    must(GROUP, "accept-query-key", &["auth.no-query"], "A key is also taken as `?key=`.", |k| {
        instead_of_header(k, |request| parameter(request, "key"));
    }),
    must(GROUP, "accept-query-token", &["auth.no-query"], "A key is also taken as `?token=`.", |k| {
        instead_of_header(k, |request| parameter(request, "token"));
    }),
    must(GROUP, "accept-query-x-api-key", &["auth.no-query"], "A key is also taken as `?x-api-key=`.", |k| {
        instead_of_header(k, |request| parameter(request, "x-api-key"));
    }),
    must(GROUP, "accept-cookie", &["auth.no-cookie"], "A key is also taken from any cookie.", |k| {
        instead_of_header(k, |request| within(request.header("cookie")?));
    }),
    must(GROUP, "accept-key-in-body", &["auth.no-body"], "A key is also taken from the request body.", |k| {
        instead_of_header(k, |request| within(request.body));
    }),
    must(
        GROUP,
        "accept-api-key-header",
        &["auth.no-other-header"],
        "A key is also taken as `Api-Key`.",
        |k| {
            instead_of_header(k, |request| request.header("api-key").map(Cow::Borrowed));
        },
    ),
    must(
        GROUP,
        "accept-x-auth-token",
        &["auth.no-other-header"],
        "A key is also taken as `X-Auth-Token`.",
        |k| instead_of_header(k, |request| request.header("x-auth-token").map(Cow::Borrowed)),
    ),
    must(
        GROUP,
        "accept-authorization-apikey",
        &["auth.no-other-header"],
        "A key is also taken as `Authorization: ApiKey`.",
        |k| instead_of_header(k, |request| authorization(request, "ApiKey ")),
    ),
    must(GROUP, "bearer-rescues", &["auth.not-rescued"], "A Bearer key makes up for a bad X-API-Key.", |k| {
        rescue(k, |request| authorization(request, "Bearer "));
    }),
    must(
        GROUP,
        "query-rescues",
        &["auth.not-rescued"],
        "A key in the query makes up for a bad X-API-Key.",
        |k| {
            rescue(k, |request| parameter(request, "api_key"));
        },
    ),
    must(GROUP, "open-events", &["auth.missing"], "Events are taken without a key.", |k| {
        k.open.push(|context| context.goes_to(Endpoint::Events));
    }),
    should(GROUP, "open-scores", &["auth.missing-for-scores"], "Scores are taken without a key.", |k| {
        k.open.push(|context| context.goes_to(Endpoint::Scores));
    }),
    must(GROUP, "open-sessions", &["auth.missing"], "Sessions are listed without a key.", |k| {
        k.open.push(|context| context.goes_to(Endpoint::Sessions));
    }),
    must(GROUP, "open-overview", &["auth.missing"], "The overview is shown without a key.", |k| {
        k.open.push(|context| context.goes_to(Endpoint::Overview));
    }),
    must(GROUP, "open-tools", &["auth.missing"], "Tool analytics are shown without a key.", |k| {
        k.open.push(|context| context.goes_to(Endpoint::Tools));
    }),
    must(GROUP, "blank-key-opens", &["auth.empty"], "An empty X-API-Key is let in.", |k| {
        k.open.push(|context| presented(context).is_some_and(|key| key.trim_ascii().is_empty()));
    }),
    must(GROUP, "any-key-opens", &["auth.unknown"], "Any key of the documented form is let in.", |k| {
        k.open.push(|context| {
            presented(context).is_some_and(|key| key.len() == LENGTH && key.starts_with(PREFIX.as_bytes()))
        });
    }),
    must(GROUP, "key-case-ignored", &["auth.near-miss"], "Capitals in a key make no difference.", |k| {
        form(k, <[u8]>::to_ascii_lowercase, |key| Some(key.to_ascii_lowercase()));
    }),
    must(
        GROUP,
        "last-character-ignored",
        &["auth.near-miss"],
        "The last character of a key is not read.",
        |k| {
            form(
                k,
                |key| start(key, LENGTH - 1),
                |key| (key.len() == LENGTH).then(|| start(key, LENGTH - 1)),
            );
        },
    ),
    must(GROUP, "short-key-opens", &["auth.near-miss"], "A key without its last character is let in.", |k| {
        form(k, |key| start(key, LENGTH - 1), |key| (key.len() == LENGTH - 1).then(|| key.to_vec()));
    }),
    must(GROUP, "long-key-opens", &["auth.near-miss"], "What follows a key is not read.", |k| {
        form(k, <[u8]>::to_vec, |key| (key.len() > LENGTH).then(|| start(key, LENGTH)));
    }),
    must(GROUP, "half-key-opens", &["auth.near-miss"], "Only the first half of a key is compared.", |k| {
        form(k, |key| start(key, 24), |key| (key.len() == LENGTH).then(|| start(key, 24)));
    }),
    must(GROUP, "prefix-optional", &["auth.malformed"], "A key without its prefix is let in.", |k| {
        form(k, random_part, |key| Some(key.to_vec()));
    }),
    must(
        GROUP,
        "test-prefix-opens",
        &["auth.malformed"],
        "A key with the prefix `ct_test_` is let in.",
        |k| {
            form(k, random_part, |key| key.strip_prefix(b"ct_test_").map(<[u8]>::to_vec));
        },
    ),
    must(GROUP, "prefix-alone-opens", &["auth.malformed"], "The prefix alone is let in.", |k| {
        k.open.push(|context| presented(context) == Some(PREFIX.as_bytes()));
    }),
    must(
        GROUP,
        "bearer-inside-x-api-key",
        &["auth.malformed"],
        "`Bearer` before the key in X-API-Key is skipped.",
        |k| form(k, <[u8]>::to_vec, |key| key.strip_prefix(b"Bearer ").map(<[u8]>::to_vec)),
    ),
    must(
        GROUP,
        "tools-refuse-everybody",
        &["auth.valid-key-accepted"],
        "Tool analytics answer 401 to valid keys.",
        |k| k.closed.push(|context| context.goes_to(Endpoint::Tools)),
    ),
    must(
        GROUP,
        "events-refuse-everybody",
        &["auth.valid-key-accepted-to-post"],
        "Posting events answers 401 to valid keys.",
        |k| k.closed.push(|context| context.goes_to(Endpoint::Events)),
    ),
    must(
        GROUP,
        "scope-before-key",
        &["auth.before-scope", "auth.missing", "auth.unknown"],
        "The scope is checked before the key, so an unknown key is answered 403.",
        |k| k.order = [Stage::Scope, Stage::Key, Stage::Path, Stage::Limit, Stage::Body],
    ),
    must(GROUP, "body-before-key", &["auth.before-body"], "The body is checked before the key.", |k| {
        k.order = [Stage::Body, Stage::Key, Stage::Path, Stage::Scope, Stage::Limit]
    }),
    must(GROUP, "revoked-keys-live-on", &["auth.revoked"], "A revoked key goes on forever.", |k| {
        k.revoked_grace_ms = u64::MAX;
    }),
    must(GROUP, "revoked-keys-cached", &["auth.revoked"], "A revoked key goes on for 30 seconds.", |k| {
        k.revoked_grace_ms = 30_000;
    }),
    should(
        GROUP,
        "junk-authorization-refused",
        &["auth.other-credentials-ignored"],
        "A valid key is refused beside an Authorization header.",
        |k| k.closed.push(|context| context.request.header("authorization").is_some()),
    ),
    should(
        GROUP,
        "junk-key-500",
        &["auth.junk-safe"],
        "A key with bytes beyond ASCII is answered 500.",
        |k| {
            k.instead.push(|context| presented(context).filter(|key| !key.is_ascii()).map(|_| broken()));
        },
    ),
    should(GROUP, "quoted-key-500", &["auth.junk-safe"], "A key with a quote in it is answered 500.", |k| {
        k.instead.push(|context| {
            presented(context).filter(|key| key.contains(&b'"') || key.contains(&b'\'')).map(|_| broken())
        });
    }),
    should(GROUP, "huge-key-500", &["auth.junk-safe"], "A key of more than 1 KiB is answered 500.", |k| {
        k.instead.push(|context| presented(context).filter(|key| key.len() > 1_024).map(|_| broken()));
    }),
    should(GROUP, "echo-key", &["auth.no-echo"], "Every answer holds the key that was sent.", |k| {
        k.rewrite.push(|context, reply| echo(context, reply, 0));
    }),
    should(
        GROUP,
        "echo-random-part",
        &["auth.no-echo"],
        "Every answer holds the random part of the key.",
        |k| {
            k.rewrite.push(|context, reply| echo(context, reply, PREFIX.len()));
        },
    ),
    should(GROUP, "head-open", &["auth.head"], "HEAD needs no key.", |k| {
        k.open.push(|context| context.request.method == "HEAD");
    }),
    rfc(GROUP, "no-challenge", &["auth.challenge"], "401 has no WWW-Authenticate.", |k| {
        k.rewrite.push(|_, reply| reply.remove("www-authenticate"));
    }),
    must(
        GROUP,
        "connections-remember",
        &["auth.every-request"],
        "A connection that showed a valid key needs none.",
        |k| k.connections_remember = true,
    ),
    must(
        GROUP,
        "connections-keep-their-key",
        &["scope.every-request"],
        "The first key of a connection stands for every valid one that follows.",
        |k| k.connections_keep_their_key = true,
    ),
    must(
        GROUP,
        "guessers-limited",
        &["auth.never-limited"],
        "Now and then a key that does not exist is answered 429.",
        |k| {
            k.rewrite.push(|context, reply| {
                if reply.status == 401 && context.ordinal % 50 == 49 {
                    *reply = errors::rate_limited(60);
                }
            });
        },
    ),
    must(GROUP, "slash-open", &["auth.path-spelled"], "A path with a slash at its end needs no key.", |k| {
        k.open.push(|context| context.request.path.ends_with('/'));
    }),
    must(
        GROUP,
        "insiders-need-no-key",
        &["auth.asked-otherwise"],
        "Who is forwarded for this machine needs no key.",
        |k| {
            k.open.push(|context| {
                context.request.header_text("x-forwarded-for").is_some_and(|from| from.starts_with("127."))
            });
        },
    ),
];

fn instead_of_header(behaviour: &mut Behaviour, look: for<'a> fn(&'a Request<'a>) -> Option<Cow<'a, [u8]>>) {
    behaviour.places.push(Place { look, rescues: false });
}

/// The request, where it goes to this endpoint.
fn at<'a>(endpoint: Endpoint, request: &'a Request<'a>) -> Option<&'a Request<'a>> {
    request.path.ends_with(endpoint.path()).then_some(request)
}

fn rescue(behaviour: &mut Behaviour, look: for<'a> fn(&'a Request<'a>) -> Option<Cow<'a, [u8]>>) {
    behaviour.places.push(Place { look, rescues: true });
}

fn form(behaviour: &mut Behaviour, known: fn(&[u8]) -> Vec<u8>, presented: fn(&[u8]) -> Option<Vec<u8>>) {
    behaviour.forms.push(Form { known, presented });
}

fn start(key: &[u8], length: usize) -> Vec<u8> {
    key[..length.min(key.len())].to_vec()
}

fn random_part(key: &[u8]) -> Vec<u8> {
    key.strip_prefix(PREFIX.as_bytes()).unwrap_or(key).to_vec()
}

fn presented<'a>(context: &RequestContext<'a>) -> Option<&'a [u8]> {
    match context.presented {
        Presented::Key(key) => Some(key),
        Presented::Missing | Presented::Conflicting(_) => None,
    }
}

fn authorization<'a>(request: &Request<'a>, scheme: &str) -> Option<Cow<'a, [u8]>> {
    let value = request.header_text("authorization")?;
    let (sent, key) = value.split_at_checked(scheme.len())?;
    sent.eq_ignore_ascii_case(scheme).then(|| Cow::Borrowed(key.trim().as_bytes()))
}

/// The key as user or as password.
fn basic<'a>(request: &'a Request<'a>) -> Option<Cow<'a, [u8]>> {
    let credentials = authorization(request, "Basic ")?;
    let decoded = STANDARD.decode(&credentials[..]).ok()?;
    within(&decoded).map(|key| Cow::Owned(key.into_owned()))
}

fn parameter<'a>(request: &'a Request<'a>, name: &str) -> Option<Cow<'a, [u8]>> {
    Some(match request.parameter(name)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

/// The first thing in a text that looks like a key.
fn within(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let from = text.windows(PREFIX.len()).position(|window| window == PREFIX.as_bytes())?;
    let random = text[from + PREFIX.len()..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    Some(Cow::Borrowed(&text[from..from + PREFIX.len() + random]))
}

fn broken() -> Reply {
    errors::error(500, "INTERNAL", "Something went wrong.")
}

fn echo(context: &RequestContext<'_>, reply: &mut Reply, skip: usize) {
    if let Some(key) = presented(context).and_then(|key| std::str::from_utf8(key).ok()) {
        reply.push("x-debug", key.get(skip..).unwrap_or_default().to_owned());
    }
}
