//! Who is let in although they should not be, who is kept out, and wrong 401s.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::contract::{ApiKey, Endpoint};
use crate::mock::behaviour::Stage;
use crate::mock::reply::{self, Reply};
use crate::mock::request::{Presented, Request, RequestContext};

use super::aspects::Aspect::*;
use super::change::{
    NamedChange, flat, http_date, indent, legal, must, plain, reorder, replace, request_id, rfc, should,
};

const PREFIX: &str = ApiKey::PREFIX;
/// The length of the keys the mock makes.
const LENGTH: usize = 40;

/// How far the clock of `date-five-minutes-off` is behind, in milliseconds.
const FIVE_MINUTES: i64 = 300_000;

const MESSAGE: &str = "Missing or invalid API key.";

pub(super) const ENTRIES: &[NamedChange] = &[
    must("accept-bearer", "A key is also taken as `Authorization: Bearer`.")
        .breaks(&["auth.no-bearer"], &[Bearer])
        .by(|b| b.places.push(|request| authorization(request, "Bearer "))),
    must("tools-accept-bearer", "Tool analytics take a Bearer key as well.")
        .breaks(&["auth.no-bearer"], &[Bearer])
        .by(|b| {
            b.places.push(|request| at(Endpoint::Tools, request).and_then(|r| authorization(r, "Bearer ")))
        }),
    should("scores-accept-query-key", "Scores are taken with a key as `?key=` as well.")
        .breaks(&["auth.only-header-for-scores"], &[ScoresElsewhere])
        .by(|b| b.places.push(|request| at(Endpoint::Scores, request).and_then(|r| parameter(r, "key")))),
    must("accept-basic", "A key is also taken from Basic credentials.")
        .breaks(&["auth.no-basic"], &[Basic])
        .by(|b| b.places.push(basic)),
    must("accept-query-api-key", "A key is also taken as `?api_key=`.")
        .breaks(&["auth.no-query"], &[Query])
        .by(|b| b.places.push(|request| parameter(request, "api_key"))),
    must("accept-query-key", "A key is also taken as `?key=`.")
        .breaks(&["auth.no-query"], &[Query])
        .by(|b| b.places.push(|request| parameter(request, "key"))),
    must("accept-query-token", "A key is also taken as `?token=`.")
        .breaks(&["auth.no-query"], &[Query])
        .by(|b| b.places.push(|request| parameter(request, "token"))),
    must("accept-query-x-api-key", "A key is also taken as `?x-api-key=`.")
        .breaks(&["auth.no-query"], &[Query])
        .by(|b| b.places.push(|request| parameter(request, "x-api-key"))),
    must("accept-cookie", "A key is also taken from any cookie.")
        .breaks(&["auth.no-cookie"], &[Cookie])
        .by(|b| b.places.push(|request| within(request.header("cookie")?))),
    must("accept-key-in-body", "A key is also taken from the request body.")
        .breaks(&["auth.no-body"], &[KeyInBody])
        .by(|b| b.places.push(|request| within(request.body))),
    must("accept-api-key-header", "A key is also taken as `Api-Key`.")
        .breaks(&["auth.no-other-header"], &[OtherHeader])
        .by(|b| b.places.push(|request| request.header("api-key").map(Cow::Borrowed))),
    must("accept-x-auth-token", "A key is also taken as `X-Auth-Token`.")
        .breaks(&["auth.no-other-header"], &[OtherHeader])
        .by(|b| b.places.push(|request| request.header("x-auth-token").map(Cow::Borrowed))),
    must("accept-authorization-apikey", "A key is also taken as `Authorization: ApiKey`.")
        .breaks(&["auth.no-other-header"], &[OtherHeader])
        .by(|b| b.places.push(|request| authorization(request, "ApiKey "))),
    must("bearer-rescues", "A Bearer key makes up for a bad X-API-Key.")
        .breaks(&["auth.not-rescued"], &[Rescue])
        .by(|b| b.rescues.push(|request| authorization(request, "Bearer "))),
    must("query-rescues", "A key in the query makes up for a bad X-API-Key.")
        .breaks(&["auth.not-rescued"], &[Rescue])
        .by(|b| b.rescues.push(|request| parameter(request, "api_key"))),
    must("open-events", "Events are taken without a key.")
        .breaks(&["auth.missing"], &[NoKey])
        .by(|b| b.open.push(|context| context.goes_to(Endpoint::Events))),
    should("open-scores", "Scores are taken without a key.")
        .breaks(&["auth.missing-for-scores"], &[ScoresNoKey])
        .by(|b| b.open.push(|context| context.goes_to(Endpoint::Scores))),
    must("open-sessions", "Sessions are listed without a key.")
        .breaks(&["auth.missing"], &[NoKey])
        .by(|b| b.open.push(|context| context.goes_to(Endpoint::Sessions))),
    must("open-overview", "The overview is shown without a key.")
        .breaks(&["auth.missing"], &[NoKey])
        .by(|b| b.open.push(|context| context.goes_to(Endpoint::Overview))),
    must("open-tools", "Tool analytics are shown without a key.")
        .breaks(&["auth.missing"], &[NoKey])
        .by(|b| b.open.push(|context| context.goes_to(Endpoint::Tools))),
    must("blank-key-opens", "An empty X-API-Key is let in.")
        .breaks(&["auth.empty"], &[BlankKey])
        .by(|b| b.open.push(|context| context.presented_key().is_some_and(is_blank))),
    must("any-key-opens", "Any key of the documented form is let in.")
        .breaks(&["auth.unknown"], &[UnknownKey])
        .by(|b| b.open.push(|context| context.presented_key().is_some_and(has_form))),
    must("key-case-ignored", "Capitals in a key make no difference.")
        .breaks(&["auth.near-miss"], &[NearKey])
        .by(|b| b.know_as(<[u8]>::to_ascii_lowercase, |key| Some(key.to_ascii_lowercase()))),
    must("last-character-ignored", "The last character of a key is not read.")
        .breaks(&["auth.near-miss"], &[NearKey])
        .by(|b| b.know_as(but_last, |key| (key.len() == LENGTH).then(|| but_last(key)))),
    must("short-key-opens", "A key without its last character is let in.")
        .breaks(&["auth.near-miss"], &[NearKey])
        .by(|b| b.know_as(but_last, |key| (key.len() == LENGTH - 1).then(|| key.to_vec()))),
    must("long-key-opens", "What follows a key is not read.")
        .breaks(&["auth.near-miss"], &[NearKey])
        .by(|b| b.know_as(<[u8]>::to_vec, |key| (key.len() > LENGTH).then(|| start(key, LENGTH)))),
    must("half-key-opens", "Only the first half of a key is compared.")
        .breaks(&["auth.near-miss"], &[NearKey])
        .by(|b| b.know_as(|key| start(key, 24), |key| (key.len() == LENGTH).then(|| start(key, 24)))),
    must("prefix-optional", "A key without its prefix is let in.")
        .breaks(&["auth.malformed"], &[MalformedKey])
        .by(|b| b.know_as(random_part, |key| Some(key.to_vec()))),
    must("test-prefix-opens", "A key with the prefix `ct_test_` is let in.")
        .breaks(&["auth.malformed"], &[MalformedKey])
        .by(|b| b.know_as(random_part, |key| key.strip_prefix(b"ct_test_").map(<[u8]>::to_vec))),
    must("prefix-alone-opens", "The prefix alone is let in.")
        .breaks(&["auth.malformed"], &[MalformedKey])
        .by(|b| b.open.push(|context| context.presented_key() == Some(PREFIX.as_bytes()))),
    must("bearer-inside-x-api-key", "`Bearer` before the key in X-API-Key is skipped.")
        .breaks(&["auth.malformed"], &[MalformedKey])
        .by(|b| b.know_as(<[u8]>::to_vec, |key| key.strip_prefix(b"Bearer ").map(<[u8]>::to_vec))),
    must("tools-refuse-everybody", "Tool analytics answer 401 to valid keys.")
        .breaks(&["auth.valid-key-accepted"], &[Reads])
        .by(|b| b.closed.push(|context| context.goes_to(Endpoint::Tools))),
    must("events-refuse-everybody", "Posting events answers 401 to valid keys.")
        .breaks(&["auth.valid-key-accepted-to-post"], &[Posts])
        .by(|b| b.closed.push(|context| context.goes_to(Endpoint::Events))),
    must("scope-before-key", "The scope is checked before the key, so an unknown key is answered 403.")
        .breaks(&["auth.before-scope", "auth.missing", "auth.unknown"], &[Status401, Order])
        .by(|b| b.order = [Stage::Scope, Stage::Key, Stage::Path, Stage::Limit, Stage::Body]),
    must("body-before-key", "The body is checked before the key.")
        .breaks(&["auth.before-body"], &[Order])
        .by(|b| b.order = [Stage::Body, Stage::Key, Stage::Path, Stage::Scope, Stage::Limit]),
    must("revoked-keys-live-on", "A revoked key goes on forever.")
        .breaks(&["auth.revoked"], &[RevokedKey])
        .by(|b| b.revoked_grace_ms = u64::MAX),
    must("revoked-keys-cached", "A revoked key goes on for 30 seconds.")
        .breaks(&["auth.revoked"], &[RevokedKey])
        .by(|b| b.revoked_grace_ms = 30_000),
    should("junk-authorization-refused", "A valid key is refused beside an Authorization header.")
        .breaks(&["auth.other-credentials-ignored"], &[Bearer, Basic, OtherHeader, Beside])
        .by(|b| b.closed.push(|context| context.request.header("authorization").is_some())),
    should("junk-key-500", "A key with bytes beyond ASCII is answered 500.")
        .breaks(&["auth.junk-safe"], &[JunkKey])
        .by(|b| b.instead.push(|context| broken_where(context, |key| !key.is_ascii()))),
    should("quoted-key-500", "A key with a quote in it is answered 500.")
        .breaks(&["auth.junk-safe"], &[JunkKey])
        .by(|b| {
            b.instead
                .push(|context| broken_where(context, |key| key.iter().any(|byte| b"'\"".contains(byte))))
        }),
    should("huge-key-500", "A key of more than 1 KiB is answered 500.")
        .breaks(&["auth.junk-safe"], &[JunkKey])
        .by(|b| b.instead.push(|context| broken_where(context, |key| key.len() > 1_024))),
    should("echo-key", "Every answer holds the key that was sent.")
        .breaks(&["auth.no-echo"], &[Echo])
        .rewrites(|context, reply| echo(context, reply, 0)),
    should("echo-random-part", "Every answer holds the random part of the key.")
        .breaks(&["auth.no-echo"], &[Echo])
        .rewrites(|context, reply| echo(context, reply, PREFIX.len())),
    should("head-open", "HEAD needs no key.")
        .breaks(&["auth.head"], &[HeadKey])
        .by(|b| b.open.push(|context| context.request.method == "HEAD")),
    rfc("no-challenge", "401 has no WWW-Authenticate.")
        .breaks(&["auth.challenge"], &[Challenge])
        .rewrites(|_, reply| reply.remove("www-authenticate")),
    must("connections-remember", "A connection that showed a valid key needs none.")
        .breaks(&["auth.every-request"], &[ConnectionKey])
        .by(|b| b.connections_remember = true),
    must(
        "connections-keep-their-key",
        "The first key of a connection stands for every valid one that follows.",
    )
    .breaks(&["scope.every-request"], &[BothScopes, ConnectionScope, Unit])
    .by(|b| b.connections_keep_their_key = true),
    must("guessers-limited", "Now and then a key that does not exist is answered 429.")
        .breaks(&["auth.never-limited"], &[Status401])
        .rewrites_on(401, |context, reply| {
            if context.ordinal % 50 == 49 {
                *reply = reply::rate_limited(60);
            }
        }),
    must("slash-open", "A path with a slash at its end needs no key.")
        .breaks(&["auth.path-spelled"], &[SpelledKey])
        .by(|b| b.open.push(|context| context.request.path.ends_with('/'))),
    must("insiders-need-no-key", "Who is forwarded for this machine needs no key.")
        .breaks(&["auth.asked-otherwise"], &[ForwardedKey])
        .by(|b| {
            b.open.push(|context| {
                context.request.header_text("x-forwarded-for").is_some_and(|from| from.starts_with("127."))
            })
        }),
    must("unauthorized-extra-member", "The 401 body has a member more.")
        .breaks(&["auth.body"], &[Body401])
        .rewrites_on(401, request_id),
    must("unauthorized-other-message", "The 401 body has another sentence.")
        .breaks(&["auth.body"], &[Body401])
        .rewrites_on(401, |_, reply| replace(reply, MESSAGE, "Unauthorized")),
    must("unauthorized-other-code", "The code in the 401 body is FORBIDDEN.")
        .breaks(&["auth.body", "scope.status-and-code-agree"], &[Body401])
        .rewrites_on(401, |_, reply| replace(reply, "UNAUTHORIZED", "FORBIDDEN")),
    must("unauthorized-flat", "The 401 body lacks the `error` around it.")
        .breaks(&["auth.body"], &[Body401])
        .rewrites_on(401, |_, reply| flat(reply)),
    must("unauthorized-plain-text", "The 401 is plain text.")
        .breaks(&["auth.body", "scope.status-and-code-agree"], &[Body401])
        .rewrites_on(401, |_, reply| plain(reply, "Unauthorized")),
    must("unauthorized-empty", "The 401 has no body.")
        .breaks(&["auth.body"], &[Body401])
        .rewrites_on(401, |_, reply| plain(reply, "")),
    must("unauthorized-as-403", "Where 401 belongs, 403 is sent.")
        .breaks(&["auth.missing", "auth.unknown"], &[Status401])
        .rewrites_on(401, |_, reply| reply.status = 403),
    must("unknown-key-told-apart", "The 401 body tells an unknown key from a missing one.")
        .breaks(&["auth.body-uniform", "auth.body"], &[Body401, Uniform401])
        .rewrites_on(401, |context, reply| {
            if context.presented != Presented::Missing {
                replace(reply, MESSAGE, "Unknown API key.");
            }
        }),
    must("revoked-key-told-apart", "The 401 body tells a revoked key from others.")
        .breaks(&["auth.body-uniform-revoked"], &[Body401])
        .rewrites_on(401, |context, reply| {
            if context.revoked {
                replace(reply, MESSAGE, "This API key has been revoked.");
            }
        }),
    legal("members-reordered", "Error bodies name the message before the code.")
        .rewrites(|_, reply| reorder(reply)),
    legal("json-indented", "JSON is indented.").rewrites(|_, reply| indent(reply)),
    legal("json-charset", "The content type names its charset.").rewrites(|_, reply| {
        if reply.header("content-type") == Some("application/json") {
            reply.set("content-type", "application/json; charset=utf-8");
        }
    }),
    legal("extra-headers", "Answers carry headers the page does not mention.").rewrites(|context, reply| {
        reply.push("x-request-id", format!("req_{}", context.ordinal));
        reply.push("vary", "Origin");
        reply.push("cache-control", "no-store");
    }),
    legal("date-five-minutes-off", "The server's calendar is five minutes behind.")
        .rewrites(|context, reply| reply.set("date", http_date(context.wall_ms - FIVE_MINUTES))),
    legal("unknown-path-before-key", "An unknown path is 404 also without a key.")
        .by(|b| b.order = [Stage::Path, Stage::Key, Stage::Scope, Stage::Limit, Stage::Body]),
    legal("other-challenge", "WWW-Authenticate has other words.")
        .rewrites_on(401, |_, reply| reply.set("www-authenticate", "X-API-Key realm=\"api\"")),
    legal("first-key-line-wins", "Of two X-API-Key lines, the first counts.")
        .by(|b| b.first_line_wins = true),
    legal("preflight-needs-key", "OPTIONS is answered 401.")
        .by(|b| b.instead.push(|context| (context.request.method == "OPTIONS").then(reply::unauthorized))),
];

/// The request, where it goes to this endpoint.
fn at<'a>(endpoint: Endpoint, request: &'a Request<'a>) -> Option<&'a Request<'a>> {
    request.path.ends_with(endpoint.path()).then_some(request)
}

fn is_blank(key: &[u8]) -> bool {
    key.trim_ascii().is_empty()
}

fn has_form(key: &[u8]) -> bool {
    key.len() == LENGTH && key.starts_with(PREFIX.as_bytes())
}

fn but_last(key: &[u8]) -> Vec<u8> {
    start(key, LENGTH - 1)
}

fn start(key: &[u8], length: usize) -> Vec<u8> {
    key[..length.min(key.len())].to_vec()
}

fn random_part(key: &[u8]) -> Vec<u8> {
    key.strip_prefix(PREFIX.as_bytes()).unwrap_or(key).to_vec()
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

/// Breaks down over such keys.
fn broken_where(context: &RequestContext<'_>, is_bad: fn(&[u8]) -> bool) -> Option<Reply> {
    let key = context.presented_key()?;
    is_bad(key).then(|| reply::error(500, "INTERNAL", "Something went wrong."))
}

fn echo(context: &RequestContext<'_>, reply: &mut Reply, skip: usize) {
    if let Some(key) = context.presented_key().and_then(|key| std::str::from_utf8(key).ok()) {
        reply.push("x-debug", key.get(skip..).unwrap_or_default().to_owned());
    }
}
