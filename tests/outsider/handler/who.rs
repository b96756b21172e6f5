//! Who asks.

use crate::answer::Answer;
use crate::limiter::MINUTE;
use crate::quirk::Quirk::*;
use crate::server::Ask;
use crate::site::{Key, Site};

use super::{Place, READ, WRITE};

/// The key of a request, or the refusal.
pub(super) fn asks(site: &Site, ask: &Ask, now: u64) -> Result<Key, Answer> {
    let shown = shown(site, ask);
    if site.is(JunkCrashes) && shown.as_deref().is_some_and(|shown| std::str::from_utf8(shown).is_err()) {
        return Err(Answer::error(500, "INTERNAL", "Something went wrong."));
    }
    let found = shown.as_deref().and_then(|shown| find(site, shown));
    match found {
        Some(key) if is_valid(site, &key, now) => {
            let mut known = site.known.lock().unwrap();
            if site.is(FirstKeyOfConnection) {
                return Ok(known.entry(ask.connection).or_insert(key).clone());
            }
            known.insert(ask.connection, key.clone());
            return Ok(key);
        }
        Some(_) if site.is(RevokedIsForbidden) => {
            let scope = Place::of(site, &ask.path).map_or(READ, Place::scope);
            return Err(Answer::forbidden(scope));
        }
        _ => {}
    }
    if let Some(key) = somebody_else(site, ask) {
        return Ok(key);
    }
    strayed(site, shown.as_deref(), ask, now);
    Err(refusal(site, ask, shown.as_deref()))
}

/// What X-API-Key holds: nothing where several lines disagree.
fn shown(site: &Site, ask: &Ask) -> Option<Vec<u8>> {
    let mut lines = ask.headers.get_all("x-api-key").iter();
    let first = lines.next().map(|value| value.as_bytes().to_vec());
    let alone = lines.all(|line| Some(line.as_bytes()) == first.as_deref());
    let of_authorization = || {
        let value = ask.headers.get("authorization")?.to_str().ok()?;
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("apikey").then(|| key.as_bytes().to_vec())
    };
    let of_query = || {
        let pair = ask.query.split('&').find_map(|pair| pair.strip_prefix("api_key="))?;
        (ask.method == "POST").then(|| pair.as_bytes().to_vec())
    };
    first
        .filter(|_| alone)
        .or_else(|| site.is(ApiKeyScheme).then(of_authorization).flatten())
        .or_else(|| site.is(BeaconsWithQuery).then(of_query).flatten())
}

fn find(site: &Site, shown: &[u8]) -> Option<Key> {
    const BEGINNING: usize = 8 + 16;
    let same = |key: &&Key| {
        let text = key.text.as_bytes();
        text == shown
            || (site.is(KeysIgnoreCase) && text.eq_ignore_ascii_case(shown))
            || (site.is(KeysByTheirBeginning)
                && shown.len() >= BEGINNING
                && shown[..BEGINNING] == text[..BEGINNING])
            || (site.is(KeysByLike) && like(shown, text))
    };
    site.keys.lock().unwrap().iter().find(same).cloned()
}

/// SQL's LIKE: `%` is anything, `_` is any one character.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'%', rest)) => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        Some((mark, rest)) => text
            .split_first()
            .is_some_and(|(first, text)| (mark == first || *mark == b'_') && like(rest, text)),
    }
}

fn is_valid(site: &Site, key: &Key, now: u64) -> bool {
    key.revoked_at.is_none_or(|revoked| site.is(RevokedLater) && now < revoked + MINUTE)
}

/// Who is let in by a faulty server without a key that is valid.
fn somebody_else(site: &Site, ask: &Ask) -> Option<Key> {
    let open = (site.is(HeadIsOpen) && ask.method == "HEAD")
        || (site.is(SlashIsOpen) && ask.path.ends_with('/'))
        || (site.is(InsidersAreOpen)
            && ask.headers.get("x-forwarded-for").is_some_and(|from| from.as_bytes().starts_with(b"127.")))
        || (site.is(OverviewIsPublic) && Place::of(site, &ask.path) == Some(Place::Overview));
    if open {
        return Some(Key {
            id: "nobody".to_owned(),
            text: String::new(),
            scopes: vec![READ.to_owned(), WRITE.to_owned()],
            premium: false,
            revoked_at: None,
        });
    }
    site.is(ConnectionsRemember).then(|| site.known.lock().unwrap().get(&ask.connection).cloned()).flatten()
}

/// What a wrong key does to others at a faulty server.
fn strayed(site: &Site, shown: Option<&[u8]>, ask: &Ask, now: u64) {
    if site.is(WrongKeyRefills) {
        site.counters.lock().unwrap().clear();
    }
    const BEGINNING: usize = 8 + 16;
    let Some(shown) = shown.filter(|shown| site.is(NearMissesCharged) && shown.len() >= BEGINNING) else {
        return;
    };
    let keys = site.keys.lock().unwrap();
    let near = keys.iter().find(|key| key.text.as_bytes()[..BEGINNING] == shown[..BEGINNING]);
    if let (Some(near), Ok(batch)) = (near, super::Batch::read(site, &ask.body)) {
        let mut counters = site.counters.lock().unwrap();
        counters.entry(near.id.clone()).or_default().events.take(now, batch.len());
    }
}

fn refusal(site: &Site, ask: &Ask, shown: Option<&[u8]>) -> Answer {
    let text = shown.map(|shown| String::from_utf8_lossy(shown).into_owned()).unwrap_or_default();
    let place = Place::of(site, &ask.path);
    if site.is(UnknownIsForbidden) && shown.is_some() {
        return Answer::forbidden(place.map_or(READ, Place::scope));
    }
    if site.is(GuessersAreLimited) {
        let now = site.now();
        let mut counters = site.counters.lock().unwrap();
        let guesses = &mut counters.entry("nobody".to_owned()).or_default().requests;
        if let Err(wait) = guesses.fits(now, 1, 100, MINUTE, crate::limiter::Algorithm::Log) {
            return Answer::limited(wait.div_ceil(1_000));
        }
        guesses.take(now, 1);
    }
    if site.is(MalformedIsBadRequest) && !text.is_empty() && !text.starts_with("ct_live_") {
        return Answer::error(400, "VALIDATION_ERROR", "This is no API key.");
    }
    if site.is(UnauthorizedEcho) && !text.is_empty() {
        let safe: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        return Answer::error(401, "UNAUTHORIZED", &format!("Invalid API key: {safe}"));
    }
    if site.is(UnauthorizedPage) {
        return Answer::text(401, "text/html", "<h1>401 Unauthorized</h1>");
    }
    if site.is(UnauthorizedHint) {
        return Answer::json(
            401,
            r#"{"error":{"code":"UNAUTHORIZED","message":"Missing or invalid API key."},"docs":"https://example.com"}"#,
        );
    }
    Answer::unauthorized()
}
