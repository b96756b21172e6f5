//! The way of a request through the server, and where it strays.

mod batch;
mod count;
mod dress;
mod who;

use crate::answer::Answer;
use crate::quirk::Quirk::*;
use crate::server::Ask;
use crate::site::{Key, Site};

use batch::Batch;

/// The scope of posting events.
const WRITE: &str = "write:events";
/// The scope of reading.
const READ: &str = "read:analytics";

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Events,
    Scores,
    Sessions,
    Overview,
    Tools,
}

impl Place {
    const ALL: [Self; 5] = [Self::Events, Self::Scores, Self::Sessions, Self::Overview, Self::Tools];

    fn path(self) -> &'static str {
        match self {
            Self::Events => "/api/v1/events",
            Self::Scores => "/api/v1/evals/scores",
            Self::Sessions => "/api/v1/sessions",
            Self::Overview => "/api/v1/analytics/overview",
            Self::Tools => "/api/v1/analytics/tools",
        }
    }

    fn posts(self) -> bool {
        matches!(self, Self::Events | Self::Scores)
    }

    fn scope(self) -> &'static str {
        if self.posts() { WRITE } else { READ }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Events | Self::Scores => &[],
            Self::Sessions => &["limit", "offset", "start_date", "end_date"],
            Self::Overview => &["start_date", "end_date"],
            Self::Tools => &["start_date", "end_date", "limit"],
        }
    }

    /// Whether all parameters are on the page.
    fn knows_all(self, query: &str) -> bool {
        let name = |pair: &str| pair.split('=').next().is_some_and(|name| self.parameters().contains(&name));
        query.split('&').filter(|pair| !pair.is_empty()).all(name)
    }

    fn of(site: &Site, path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let offered = |place: &Self| !site.is(FewEndpoints) || matches!(place, Self::Events | Self::Sessions);
        Self::ALL.into_iter().filter(offered).find(|place| place.path() == path)
    }
}

/// Answers a request.
pub(crate) fn answer(site: &Site, ask: &Ask) -> Answer {
    let now = site.now();
    if let Some(kept) = kept(site, ask, now) {
        return kept;
    }
    let answer = dress::dress(site, ask, decide(site, ask, now), now);
    keep(site, ask, &answer, now);
    answer
}

fn decide(site: &Site, ask: &Ask, now: u64) -> Answer {
    let reads = matches!(ask.method.as_str(), "GET" | "HEAD");
    if site.is(GetAndPostOnly) && !matches!(ask.method.as_str(), "GET" | "POST") {
        return Answer::empty(405).with("allow", "GET, POST");
    }
    if ask.method == "OPTIONS" {
        return Answer::empty(204).with("access-control-allow-headers", "x-api-key");
    }
    if site.is(SlashRedirects) && ask.path.len() > 1 && ask.path.ends_with('/') {
        return Answer::empty(308).with("location", ask.path.trim_end_matches('/'));
    }
    let place = Place::of(site, &ask.path);
    if site.is(StrictParameters) && place.is_some_and(|place| !place.knows_all(&ask.query)) {
        return Answer::error(400, "UNKNOWN_PARAMETER", "There is no such parameter.");
    }
    if site.is(BodyFirst) && place == Some(Place::Events) && Batch::read(site, &ask.body).is_err() {
        return batch::invalid();
    }
    let key = match who::asks(site, ask, now) {
        Ok(key) => key,
        Err(refusal) => return refusal,
    };
    let Some(place) = place else { return Answer::error(404, "NOT_FOUND", "There is nothing here.") };
    if place.posts() == reads {
        return Answer::error(405, "METHOD_NOT_ALLOWED", "Not like this.");
    }
    let batch = (place == Place::Events).then(|| Batch::read(site, &ask.body));
    if site.is(StoredBeforeScope)
        && let Some(Ok(batch)) = &batch
    {
        batch.store(site, now);
    }
    let may = may(site, ask, &key, place);
    if !may && !site.is(LimitBeforeScope) {
        return Answer::forbidden(place.scope());
    }
    let events = batch.as_ref().filter(|_| may).and_then(|batch| batch.as_ref().ok()).map_or(0, Batch::len);
    let fails = matches!(batch, Some(Err(()))) || (place == Place::Scores && !is_json(&ask.body));
    if fails && site.is(OnlySuccessCounts) {
        return batch::invalid();
    }
    if let Err(refusal) = count::count(site, ask, &key, place, events, now) {
        if site.is(StoredOverLimit)
            && let Some(Ok(batch)) = &batch
        {
            batch.store(site, now);
        }
        return refusal;
    }
    if !may {
        return Answer::forbidden(place.scope());
    }
    if fails {
        return batch::invalid();
    }
    match (place, batch) {
        (Place::Events, Some(Ok(batch))) => {
            if !site.is(StoredBeforeScope) {
                batch.store(site, now);
            }
            if site.is(Queued) {
                return Answer::empty(202);
            }
            Answer::json(200, format!(r#"{{"data":{{"accepted":{},"rejected":0}}}}"#, batch.len()))
        }
        (Place::Scores, _) => Answer::json(201, r#"{"data":{"inserted":1}}"#),
        (Place::Sessions, _) => batch::sessions(site, ask, now),
        (Place::Overview, _) => Answer::json(200, r#"{"data":{"total_sessions":0,"top_tools":[]}}"#),
        _ => Answer::json(200, r#"{"data":{"tools":[]}}"#),
    }
}

fn may(site: &Site, ask: &Ask, key: &Key, place: Place) -> bool {
    if site.is(FirstScopeCounts) {
        return key.scopes.first().is_some_and(|first| first == place.scope());
    }
    (site.is(SlashNeedsNoScope) && ask.path.ends_with('/'))
        || key.has(place.scope())
        || (site.is(WritersReadOverview) && place == Place::Overview)
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// How long answers are kept, by a server that does.
const KEPT_MS: u64 = 10_000;

fn url(ask: &Ask) -> String {
    format!("{} {}?{}", ask.method, ask.path, ask.query)
}

fn kept(site: &Site, ask: &Ask, now: u64) -> Option<Answer> {
    let kept = site.kept.lock().unwrap();
    let (until, answer) = kept.get(&url(ask))?;
    (*until > now).then(|| answer.clone())
}

fn keep(site: &Site, ask: &Ask, answer: &Answer, now: u64) {
    let for_how_long = match answer.status {
        200 if site.is(AnswersAreKept) && ask.method == "GET" => KEPT_MS,
        429 if site.is(RefusalsAreKept) => {
            let told = answer.headers.iter().find(|(name, _)| *name == "retry-after");
            told.and_then(|(_, seconds)| seconds.parse::<u64>().ok()).unwrap_or(1) * 1_000
        }
        _ => return,
    };
    site.kept.lock().unwrap().insert(url(ask), (now + for_how_long, answer.clone()));
}
