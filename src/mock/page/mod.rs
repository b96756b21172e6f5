//! The page at `/_mock/`, which a plugin author keeps open all day: requests as they come and why they were answered
//! so, keys, windows, sessions, faults.
//!
//! It is the control API made visible: it asks what anybody may ask over HTTP, and has no other way to the engine.
//! Everything works by links and forms; the script adds what moves. Nothing comes from elsewhere, and nothing that a
//! client sent is ever more than text: templates escape it, and the content security policy runs no script but ours.

mod actions;
mod ask;
mod form;
mod section;
mod show;
mod stream;
mod templates;

use super::control::{Answer, CONTROL_PREFIX, Control};
use super::message::{Reply, Request};

use actions::Done;
use ask::{Problem, Visitor};
use form::Form;
use section::Section;
use templates::render;

/// What every path of the page but the first begins with.
const BELOW: &str = "/_mock/page/";

/// The same without its slash, which people leave out.
const SHORT: &str = "/_mock";

/// Nothing from elsewhere, nothing inline, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    // Not `no-referrer`: with it browsers hide where our own forms come from.
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    // A key is on one answer and nowhere else, so no answer is kept.
    ("cache-control", "no-store"),
];

/// What the page is made of besides its templates.
const FILES: [(&str, &str, &str); 3] = [
    ("style.css", "text/css; charset=utf-8", include_str!("style.css")),
    ("script.js", "text/javascript; charset=utf-8", include_str!("script.js")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// Whether a path belongs to the page.
pub(crate) fn is_page(path: &str) -> bool {
    path == CONTROL_PREFIX || path == SHORT || path.starts_with(BELOW)
}

/// Answers a request for the page at the server's time `now`, in milliseconds.
pub(crate) fn handle(control: &Control, request: &Request<'_>, now: u64) -> Answer {
    let mut answer = match control.check_page(request) {
        Ok(()) => answer(control, request, now).unwrap_or_else(|problem| Answer::Reply(told(&problem))),
        Err(refusal) => Answer::Reply(refusal),
    };
    if let Answer::Reply(reply) = &mut answer {
        for (name, value) in HEADERS {
            reply.push(name, value);
        }
    }
    answer
}

fn answer(control: &Control, request: &Request<'_>, now: u64) -> Result<Answer, Problem> {
    if request.path == SHORT {
        return Ok(Answer::Reply(see(CONTROL_PREFIX.to_owned())));
    }
    let rest = request.path.strip_prefix(BELOW).unwrap_or(Section::Requests.name());
    if request.method == "POST" {
        return posted(control, request, now, rest).map(Answer::Reply);
    }
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(Problem::new(405, "The page is looked at, and takes forms."));
    }
    if let Some((_, kind, text)) = FILES.iter().find(|(name, ..)| *name == rest) {
        let mut reply = Reply { status: 200, body: text.as_bytes().into(), ..Reply::default() };
        reply.push("content-type", *kind);
        return Ok(Answer::Reply(reply));
    }
    let visitor = Visitor::new(control, request, now, request.parameter("workspace").as_deref())?;
    if rest == "stream" {
        return stream::follow(&visitor);
    }
    if let Some(number) = rest.strip_prefix("requests/") {
        return show::request(&visitor, number).map(Answer::Reply);
    }
    let section = Section::named(rest).ok_or_else(|| Problem::new(404, "There is no such page."))?;
    show::section(&visitor, section, show::Extra::default()).map(Answer::Reply)
}

/// Does what a form asks for, and leads back to where it was; what goes wrong is said beside the form.
fn posted(control: &Control, request: &Request<'_>, now: u64, rest: &str) -> Result<Reply, Problem> {
    let section = Section::named(rest).ok_or_else(|| Problem::new(404, "No form leads here."))?;
    let form = Form::of(request)?;
    let visitor = Visitor::new(control, request, now, form.first("workspace"))?;
    match actions::act(&visitor, section, &form) {
        Ok(Done::Back(section, said)) => Ok(see(section.link(&visitor.workspace, &[("said", said)]))),
        Ok(Done::Made(key)) => {
            show::section(&visitor, section, show::Extra { made: Some(key), ..show::Extra::default() })
        }
        Err(problem) => {
            show::section(&visitor, section, show::Extra { problem: Some(problem), made: None, form })
        }
    }
}

/// Leads elsewhere with a GET.
fn see(location: String) -> Reply {
    let mut reply = Reply::empty(303);
    reply.push("location", location);
    reply
}

fn told(problem: &Problem) -> Reply {
    let context = serde_json::json!({"message": problem.message, "status": problem.status});
    render("problem.html", problem.status, &context)
}

#[cfg(test)]
mod tests;
