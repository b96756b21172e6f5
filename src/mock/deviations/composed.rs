//! Several deviations at once, as one meets them in a deployment that drifted from its own page.

use crate::contract::{Limits, Tier};
use crate::mock::behaviour::{Behaviour, CountedFor};
use crate::mock::context::{Presented, RequestContext};
use crate::mock::message::Reply;

use super::bodies::replace;
use super::{Entry, Group, must};

pub(super) const ENTRIES: &[Entry] = &[must(
    Group::Composed,
    "lax-startup",
    &[
        "auth.body",
        "auth.body-uniform",
        "auth.body-uniform-revoked",
        "scope.body-read",
        "scope.body-write",
        "limit.body",
        "rate.across-endpoints",
        "limit.retry-after-present",
        "rate.premium",
        "rate.ingestion",
        "events.over",
    ],
    "A young service that outgrew its page: a 401 for every cause, another 403, a bare 429, request ids in all errors, \
     200 requests a minute by route on both upper tiers, no limit of events.",
    lax_startup,
)];

/// The requests a minute that both upper tiers are given, whatever the page says.
const UPPER: u32 = 200;

fn lax_startup(behaviour: &mut Behaviour) {
    behaviour.limits.push(|_, tier, limits| match tier {
        Tier::Standard => limits,
        Tier::Premium | Tier::Ingestion => Limits { requests: UPPER, events: None },
    });
    behaviour.unit = |context| {
        let key = context.key.as_ref().map_or("", |key| &key.id);
        CountedFor::Named(format!("{key} at {}", context.request.path))
    };
    behaviour.rewrite.push(words);
}

fn words(context: &RequestContext<'_>, reply: &mut Reply) {
    let cause = match context.presented {
        Presented::Missing => "No API key was sent.",
        _ if context.revoked => "This API key has been revoked.",
        Presented::Key(_) | Presented::Conflicting(_) => "This API key does not exist.",
    };
    replace(reply, 401, "Missing or invalid API key.", cause);
    replace(
        reply,
        403,
        "This API key does not have the required scope",
        "Insufficient permissions, required scope",
    );
    if reply.status == 429 {
        reply.remove("retry-after");
        let sentence = reply
            .text()
            .split("\"message\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .map(str::to_owned);
        replace(reply, 429, &sentence.unwrap_or_default(), "Too many requests");
    }
    if reply.status >= 400 {
        let (status, ordinal) = (reply.status, context.ordinal);
        replace(reply, status, "\"}}", &format!("\",\"request_id\":\"req_{ordinal}\"}}}}"));
    }
}
