//! How a key, or something like it, travels.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::client::{Content, Outgoing};
use crate::contract::ApiKey;
use crate::scenario::model::{Credentials, KeyForm};
use crate::system;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Why a key cannot be brought into a form: the case is then not played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unfit(String);

/// What is sent in the key's place.
pub(crate) fn form(key: &ApiKey, form: KeyForm) -> Result<Vec<u8>, Unfit> {
    let text = key.reveal();
    let random = key.random_part();
    let has_prefix = random.len() < text.len();
    let needs_prefix = || Unfit("the key lacks the documented prefix ct_live_".to_owned());
    let half = |text: &str| text.chars().take(text.chars().count() / 2).collect::<String>();
    let made = match form {
        KeyForm::Valid => text.to_owned(),
        KeyForm::Empty => String::new(),
        KeyForm::Blank => " ".to_owned(),
        KeyForm::Unknown => format!("ct_live_{}", system::letters_and_digits(random.len().clamp(16, 64))),
        KeyForm::LastChanged => {
            let mut marks: Vec<char> = text.chars().collect();
            if let Some(last) = marks.last_mut() {
                *last = match *last {
                    'a' => 'b',
                    'A' => 'B',
                    '0' => '1',
                    mark if mark.is_ascii_lowercase() => 'a',
                    mark if mark.is_ascii_uppercase() => 'A',
                    _ => '0',
                };
            }
            marks.into_iter().collect()
        }
        KeyForm::CaseFlipped => {
            let start = text.len() - random.len();
            let at = random
                .find(|mark: char| mark.is_ascii_alphabetic())
                .ok_or_else(|| Unfit("the key holds no letter whose case could be flipped".to_owned()))?;
            let mut flipped = text.to_owned();
            let flip = |letter: &str| match letter.to_ascii_lowercase() {
                lower if lower == letter => letter.to_ascii_uppercase(),
                lower => lower,
            };
            let letter = flip(&text[start + at..=start + at]);
            flipped.replace_range(start + at..=start + at, &letter);
            flipped
        }
        KeyForm::OneLess => {
            let mut shorter = text.to_owned();
            shorter.pop();
            shorter
        }
        KeyForm::OneMore => format!("{text}0"),
        KeyForm::FirstHalf => format!("{}{}", &text[..text.len() - random.len()], half(random)),
        KeyForm::NoPrefix if has_prefix => random.to_owned(),
        KeyForm::OtherPrefix if has_prefix => format!("ct_test_{random}"),
        KeyForm::NoPrefix | KeyForm::OtherPrefix => return Err(needs_prefix()),
        KeyForm::PrefixAlone => "ct_live_".to_owned(),
        KeyForm::BearerInside => format!("Bearer {text}"),
        KeyForm::Huge => format!("ct_live_{}", "a".repeat(8 * 1024 - 8)),
        KeyForm::NonAscii => return Ok(b"ct_live_\xc3\xa4\xc3\xb6\xff\xfe\x80".to_vec()),
        KeyForm::Wildcard => "ct_live_%".to_owned(),
        KeyForm::Star => "ct_live_*".to_owned(),
        KeyForm::Quotes => r#"ct_live_'"`;--\{{7*7}}<b>%00%0a$(id)"#.to_owned(),
    };
    Ok(made.into_bytes())
}

/// Puts credentials onto a request. Without any, the key goes where it belongs.
pub(crate) fn dress(
    outgoing: &mut Outgoing,
    credentials: Option<&Credentials>,
    key: &ApiKey,
) -> Result<(), Unfit> {
    let Some(credentials) = credentials else {
        return add(outgoing, X_API_KEY, key.reveal().as_bytes());
    };
    for given in [credentials.x_api_key, credentials.x_api_key_again].into_iter().flatten() {
        add(outgoing, X_API_KEY, &form(key, given)?)?;
    }
    if let Some(spelling) = &credentials.spelled {
        add(outgoing, X_API_KEY, key.reveal().as_bytes())?;
        outgoing.spelled = Some(spelling.clone());
    }
    for (scheme, given) in [("Bearer ", credentials.bearer), ("ApiKey ", credentials.api_key_scheme)] {
        if let Some(given) = given {
            let value = [scheme.as_bytes(), &form(key, given)?].concat();
            add(outgoing, header::AUTHORIZATION, &value)?;
        }
    }
    if let Some(word) = &credentials.scheme {
        let value = format!("{word} {}", key.reveal());
        add(outgoing, header::AUTHORIZATION, value.as_bytes())?;
    }
    if let Some(given) = credentials.basic {
        let secret = form(key, given)?;
        let pair = [secret.as_slice(), b":", secret.as_slice()].concat();
        let value =
            format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair));
        add(outgoing, header::AUTHORIZATION, value.as_bytes())?;
    }
    if let Some(name) = &credentials.header {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Unfit(format!("`{name}` is no name of a header")))?;
        add(outgoing, name, key.reveal().as_bytes())?;
    }
    if let Some(name) = &credentials.cookie {
        add(outgoing, header::COOKIE, format!("{name}={}", key.reveal()).as_bytes())?;
    }
    if let Some(name) = &credentials.query {
        add_query(&mut outgoing.url, name, key.reveal());
    }
    if let Some(member) = &credentials.body {
        let body = outgoing.body.as_ref().map_or(Bytes::from_static(b"{}"), Content::bytes);
        let mut json: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&body).map_err(|_| Unfit("the body is no JSON object".to_owned()))?;
        json.insert(member.clone(), key.reveal().into());
        outgoing.body = Some(Content::Bytes(serde_json::Value::Object(json).to_string().into()));
    }
    Ok(())
}

/// Adds a query parameter to a URL.
pub(super) fn add_query(url: &mut String, name: &str, value: &str) {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let separator = if url.contains('?') { '&' } else { '?' };
    // `-` and `_` are common in names and need no encoding.
    let plain = |text: String| text.replace("%5F", "_").replace("%2D", "-");
    url.push(separator);
    url.push_str(&plain(encode(name)));
    url.push('=');
    url.push_str(&plain(encode(value)));
}

/// Adds a header field that no log of the client will show.
fn add(outgoing: &mut Outgoing, name: HeaderName, value: &[u8]) -> Result<(), Unfit> {
    let mut value = HeaderValue::from_bytes(value)
        .map_err(|_| Unfit("the client refuses to send such a header value".to_owned()))?;
    value.set_sensitive(true);
    outgoing.headers.push((name, value));
    Ok(())
}

/// Whether the key itself stands in X-API-Key, so that the request is counted against it.
pub(crate) fn counts_against_key(credentials: Option<&Credentials>) -> bool {
    credentials.is_none_or(|given| given.x_api_key == Some(KeyForm::Valid) || given.spelled.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_near_miss_differs_from_the_key() {
        for text in ["ct_live_a1b2c3d4e5f6g7h8", "ct_live_AAAAAAAAAAAAAAAA", "ct_live_zzzz0000zzzz000Z"] {
            let key = ApiKey::new(text).unwrap();
            for near in [
                KeyForm::Unknown,
                KeyForm::LastChanged,
                KeyForm::CaseFlipped,
                KeyForm::OneLess,
                KeyForm::OneMore,
                KeyForm::FirstHalf,
                KeyForm::NoPrefix,
                KeyForm::OtherPrefix,
                KeyForm::PrefixAlone,
                KeyForm::BearerInside,
            ] {
                assert_ne!(form(&key, near).unwrap(), text.as_bytes(), "{near:?}");
            }
        }
    }

    #[test]
    fn what_a_key_lacks_cannot_be_taken_away() {
        let key = ApiKey::new("1234567890").unwrap();
        assert!(form(&key, KeyForm::NoPrefix).is_err());
        assert!(form(&key, KeyForm::CaseFlipped).is_err());
    }

    #[test]
    fn a_case_flip_keeps_the_length() {
        let key = ApiKey::new("ct_live_1aB").unwrap();
        assert_eq!(form(&key, KeyForm::CaseFlipped).unwrap(), b"ct_live_1AB");
    }
}
