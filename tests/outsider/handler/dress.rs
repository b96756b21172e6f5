//! How answers look.

use chrono::Utc;

use crate::answer::{Answer, NO_ANSWER};
use crate::quirk::Quirk::*;
use crate::server::Ask;
use crate::site::Site;

use super::{Place, READ, WRITE};

pub(super) fn dress(site: &Site, ask: &Ask, answer: Answer, now: u64) -> Answer {
    let mut answer = match answer.status {
        403 => forbidden(site, ask, answer),
        429 => limited(site, answer, now),
        _ => answer,
    };
    if site.is(ManyHeaders) {
        answer.headers.extend([
            ("x-retry-after-ms", "12345".to_owned()),
            ("retry-after-hint", "soon".to_owned()),
            ("x-api-key-status", "seen".to_owned()),
            ("cache-control", "private, max-age=0".to_owned()),
        ]);
    }
    if site.is(Escapes) && answer.status >= 400 && !answer.body.is_empty() {
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        answer.body = text.replace("error\"", "\\u0065rror\"").replace(", ", ",\n\t").into();
        answer = answer.with("content-type", "Application/JSON ; Charset=\"UTF-8\"");
    }
    answer
}

fn forbidden(site: &Site, ask: &Ask, answer: Answer) -> Answer {
    let scope = Place::of(site, &ask.path).map_or(READ, Place::scope);
    let other = if scope == READ { WRITE } else { READ };
    if site.is(ScopesSwapped) || site.is(OwnScopeNamed) {
        return Answer::forbidden(other);
    }
    if site.is(ForbiddenIsNotFound) {
        return Answer::error(404, "NOT_FOUND", "There is nothing here.");
    }
    if site.is(InsufficientScope) {
        let message = format!("This API key does not have the required scope: {scope}");
        return Answer::error(403, "INSUFFICIENT_SCOPE", &message);
    }
    if site.is(ForbiddenText) {
        return Answer::text(403, "text/plain", "forbidden");
    }
    answer
}

fn limited(site: &Site, mut answer: Answer, now: u64) -> Answer {
    let told = answer.headers.iter().find(|(name, _)| *name == "retry-after").map(|(_, told)| told.clone());
    let Some(seconds) = told.as_deref().and_then(|told| told.parse::<u64>().ok()) else { return answer };
    let rewritten = [
        (Milliseconds, (seconds * 1_000).to_string()),
        (PointZero, format!("{seconds}.0")),
        (UnixTime, (u64::try_from(Utc::now().timestamp()).unwrap() + now / 1_000 + seconds).to_string()),
        (Doubled, (seconds * 2).to_string()),
        (LeadingZeros, format!("{seconds:03}")),
    ];
    for (quirk, value) in rewritten {
        if site.is(quirk) {
            answer = answer.with("retry-after", &value);
        }
    }
    if site.is(OnlyInTheBody) {
        answer.without("retry-after");
    }
    if site.is(PublicRefusal) {
        answer = answer.with("cache-control", "public, max-age=5");
    }
    let message = format!("Rate limit exceeded. Retry after {seconds} seconds.");
    if site.is(RetryAfterMember) {
        answer.body =
            format!(r#"{{"error":{{"code":"RATE_LIMITED","message":"{message}","retry_after":{seconds}}}}}"#)
                .into();
    }
    if site.is(TooManyRequests) {
        answer.body = format!(r#"{{"error":{{"code":"TOO_MANY_REQUESTS","message":"{message}"}}}}"#).into();
    }
    if site.is(RefusedPage) {
        answer.body = "<html><body>Slow down.</body></html>".into();
        answer = answer.with("content-type", "text/html");
    }
    if site.is(EnhanceYourCalm) {
        answer.status = 420;
    }
    if site.is(RefusedWithoutAnAnswer) {
        answer.status = NO_ANSWER;
    }
    if site.is(RefusedWith200) {
        answer.status = 200;
    }
    answer
}
