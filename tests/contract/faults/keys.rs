//! Deployments that let in what is no key of theirs, or keep out what is.

use std::sync::atomic::{AtomicU32, Ordering};

use wiremock::Request;

use super::{Row, header, to};
use crate::api::{Reply, events, forbidden, holder_of, limited, success, to_holder, unauthorized};

/// What the random part of a key is long, and a whole key.
const RANDOM: usize = 32;
const WHOLE: usize = 40;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = let_in();
    rows.extend(look_alikes());
    rows.extend(kept_out());
    rows
}

fn let_in() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, path) in [
        ("list-sessions", "/sessions"),
        ("overview", "/overview"),
        ("tools", "/tools"),
        ("post-events", "/events"),
    ] {
        let open = move |request: &Request, reply: Reply| match absent(request) && to(request, path) {
            true => success(request),
            false => reply,
        };
        let row =
            Row::new("auth.missing", format!("{name} needs no key"), "the status is 200, not 401", open);
        rows.push(row.only_with(format!("request={name}")).spares(&["auth.unknown", "auth.empty"]));
    }
    rows.extend([
        Row::new("auth.missing", "no key is 403", "the status is 403, not 401", |request, reply| {
            if absent(request) { reply.status(403) } else { reply }
        })
        .spares(&["auth.unknown", "auth.before-scope", "auth.malformed"]),
        Row::new("auth.missing-for-scores", "scores need no key", "the status is 201", |request, reply| {
            if absent(request) && to(request, "/scores") { success(request) } else { reply }
        })
        .spares(&["auth.missing", "auth.unknown"]),
        Row::new("auth.head", "HEAD needs no key", "the status is 200", |request, reply| {
            if request.method == "HEAD" { success(request) } else { reply }
        })
        .spares(&["auth.missing", "auth.unknown"]),
        Row::new(
            "auth.path-spelled",
            "a path in capitals needs no key",
            "the status is 200, not 3xx or 4xx",
            |request, reply| match absent(request) && to(request, "/OVERVIEW") {
                true => Reply::json(200, "{}"),
                false => reply,
            },
        )
        .only_with("form=upper-case request=overview")
        .spares(&["auth.missing", "auth.asked-otherwise", "auth.unknown-path"]),
        Row::new(
            "auth.asked-otherwise",
            "a batch that says it is text needs no key",
            "the status is 200, not 3xx or 4xx",
            |request, reply| {
                let text = header(request, "content-type").is_some_and(|kind| kind.starts_with("text/"));
                if absent(request) && text && to(request, "/events") { success(request) } else { reply }
            },
        )
        .only_with("header=Content-Type value=text/plain")
        .spares(&["auth.missing", "auth.path-spelled", "auth.before-body"]),
        Row::new(
            "auth.before-body",
            "nothing in a batch needs no key",
            "the status is 400",
            |request, reply| {
                if absent(request) && to(request, "/events") && request.body.is_empty() {
                    reply.status(400)
                } else {
                    reply
                }
            },
        )
        .spares(&["auth.missing", "auth.unknown"]),
        Row::new("auth.never-limited", "many unknown keys are 429", "answered 429", {
            let asked = AtomicU32::new(0);
            move |request, reply| {
                let unknown = reply.status == 401 && !absent(request) && to(request, "/sessions");
                match unknown && asked.fetch_add(1, Ordering::Relaxed) >= 120 {
                    true => limited(),
                    false => reply,
                }
            }
        })
        .spares(&["auth.missing", "auth.valid-key-accepted"]),
        Row::new("auth.empty", "an empty key opens posting", "the status is 200", |request, reply| {
            let empty = header(request, "x-api-key").is_some_and(|key| key.trim().is_empty());
            if empty && to(request, "/events") { success(request) } else { reply }
        })
        .only_with("request=post-events")
        .spares(&["auth.missing", "auth.unknown", "auth.malformed"]),
        Row::new(
            "auth.unknown",
            "any key of the right form opens the overview",
            "the status is 200",
            |request, reply| {
                let fits = |key: &str| key.starts_with("ct_live_") && key.len() == WHOLE;
                match header(request, "x-api-key").is_some_and(fits) && to(request, "/overview") {
                    true => success(request),
                    false => reply,
                }
            },
        )
        .only_with("request=overview")
        .spares(&["auth.missing", "auth.malformed", "auth.near-miss", "auth.empty"]),
        Row::new(
            "auth.before-scope",
            "who is unknown is told about scopes",
            "the status is 403",
            |request, reply| {
                let unknown = reply.status == 401 && !absent(request);
                if unknown && to(request, "/events") { forbidden("write:events") } else { reply }
            },
        )
        .only_with("request=post-events")
        .spares(&["auth.missing", "scope.events-need-write"]),
        Row::new(
            "auth.before-body",
            "the body is looked at before the key",
            "the status is 400",
            |request, reply| {
                let invalid = to(request, "/events") && events(&request.body).status == 400;
                if invalid { events(&request.body) } else { reply }
            },
        )
        .spares(&["auth.missing", "auth.unknown", "auth.no-body"]),
        Row::new(
            "auth.before-body",
            "a large batch with an unknown key is 413",
            "the status is 413",
            |request, reply| {
                let unknown =
                    reply.status == 401 && header(request, "x-api-key").is_some_and(|key| !key.is_empty());
                if unknown && request.body.len() > 50_000 { reply.status(413) } else { reply }
            },
        )
        .only_with("form=unknown")
        .spares(&["auth.missing", "auth.unknown"]),
    ]);
    rows
}

/// Forms of a key that are taken for the key.
fn look_alikes() -> Vec<Row> {
    type Resembles = fn(&str, &str) -> bool;
    let misses: [(&str, Resembles); 5] = [
        ("last-changed", |known, given| given.len() == WHOLE && known[..WHOLE - 1] == given[..WHOLE - 1]),
        ("case-flipped", |known, given| known.eq_ignore_ascii_case(given)),
        ("one-less", |known, given| given.len() == WHOLE - 1 && known.starts_with(given)),
        ("one-more", |known, given| given.len() == WHOLE + 1 && given.starts_with(known)),
        ("first-half", |known, given| given.len() == WHOLE - RANDOM / 2 && known.starts_with(given)),
    ];
    let malformed: [(&str, Resembles); 5] = [
        ("no-prefix", |known, given| known.strip_prefix("ct_live_") == Some(given)),
        ("other-prefix", |known, given| known.strip_prefix("ct_live_") == given.strip_prefix("ct_test_")),
        ("prefix-alone", |_, given| given == "ct_live_"),
        ("star", |known, given| given.strip_suffix('*').is_some_and(|start| known.starts_with(start))),
        ("bearer-inside", |known, given| given.strip_prefix("Bearer ") == Some(known)),
    ];
    let row = |check, (form, resembles): (&str, Resembles), spares| {
        let change = move |request: &Request, reply: Reply| {
            let given = header(request, "x-api-key").filter(|given| given.is_ascii());
            let alike = |given: &str| holder_of(|known| resembles(known, given));
            match given.and_then(alike) {
                Some(holder) if reply.status == 401 => to_holder(request, holder),
                _ => reply,
            }
        };
        let fault = format!("a key in the form {form} opens");
        Row::new(check, fault, "the status is 200, not 401", change)
            .only_with(format!("form={form} "))
            .spares(spares)
    };
    let spares_miss: &[&str] = &["auth.unknown", "auth.malformed", "auth.missing", "auth.no-bearer"];
    let spares_form: &[&str] = &["auth.unknown", "auth.near-miss", "auth.missing", "auth.no-bearer"];
    misses
        .map(|miss| row("auth.near-miss", miss, spares_miss))
        .into_iter()
        .chain(malformed.map(|form| row("auth.malformed", form, spares_form)))
        .collect()
}

fn kept_out() -> Vec<Row> {
    vec![
        Row::new(
            "auth.valid-key-accepted",
            "tools are 401 for everybody",
            "the status is 401",
            |request, reply| {
                if to(request, "/tools") { unauthorized() } else { reply }
            },
        )
        .only_with("request=tools")
        .spares(&["auth.missing", "auth.valid-key-accepted-to-post", "scope.sessions-need-read"]),
        Row::new("auth.valid-key-accepted", "sessions are broken", "the status is 500", |request, reply| {
            if to(request, "/sessions") && reply.status == 200 { Reply::json(500, "{}") } else { reply }
        })
        .only_with("request=list-sessions")
        .spares(&["auth.missing", "scope.sessions-need-read"]),
        Row::new(
            "scope.write-suffices",
            "posting is 403 for everybody",
            "the status is 403",
            |request, reply| match to(request, "/events") && reply.status == 200 {
                true => forbidden("write:events"),
                false => reply,
            },
        )
        .spares(&["auth.valid-key-accepted", "auth.valid-key-accepted-to-post", "auth.missing"]),
        Row::new(
            "auth.other-credentials-ignored",
            "an Authorization beside the key is 401",
            "the status is 401",
            |request, reply| match header(request, "authorization") {
                Some(_) => unauthorized(),
                None => reply,
            },
        )
        .spares(&["auth.valid-key-accepted", "auth.no-bearer", "auth.not-rescued"]),
    ]
}

/// Whether there is no X-API-Key at all.
fn absent(request: &Request) -> bool {
    !request.headers.contains_key("x-api-key")
}
