//! A target that says back everything it is told, in every dress.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::http::{Head, Server};

/// How a target treats its visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Those with a key are let in, others get a 401.
    Good,
    /// Everybody is let in.
    Open,
    /// Nobody is.
    Closed,
    /// Who has no key gets a status line and half a body, with the echo in it.
    Rude,
}

/// Puts a text into every dress.
fn dresses(text: &str) -> Vec<String> {
    let each = |write: fn(u8) -> String| text.bytes().map(write).collect::<String>();
    vec![
        text.to_owned(),
        json!(json!(text).to_string()).to_string(),
        STANDARD.encode(text),
        URL_SAFE_NO_PAD.encode(format!("x{text}")),
        STANDARD.encode(format!("xy{text}")),
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(|byte| format!("&#{byte};")),
        each(|byte| format!("&#x{byte:X};")),
        text.to_uppercase(),
        STANDARD.encode(text.to_uppercase()),
    ]
}

/// Serves until it is dropped; `keys` are those that are good for anything.
pub(crate) async fn serve(manner: Manner, keys: Vec<String>) -> Server {
    let (keys, turn) = (Arc::new(keys), Arc::new(AtomicUsize::new(0)));
    Server::start(8_192, move |mut connection| {
        let (keys, turn) = (Arc::clone(&keys), Arc::clone(&turn));
        async move {
            while let Some(head) = Head::read(&mut connection).await {
                let Some(body) = head.body(&mut connection).await else { return };
                let known =
                    head.all("x-api-key").iter().any(|key| keys.iter().any(|known| known.as_bytes() == *key));
                let status = match (manner, known) {
                    (Manner::Open, _) | (Manner::Good | Manner::Rude, true) => 200,
                    _ => 401,
                };
                let turn = turn.fetch_add(1, Ordering::Relaxed);
                let mut answer = answer(status, &head, &body, turn);
                if manner == Manner::Rude && !known {
                    answer.truncate(answer.len() - 10);
                }
                if connection.write_all(&answer).await.is_err() || (manner == Manner::Rude && !known) {
                    return;
                }
            }
        }
    })
    .await
}

/// The echo. Reports show the beginning of a body only, so it begins with another dress every time.
fn answer(status: u16, head: &Head, body: &[u8], turn: usize) -> Vec<u8> {
    let mut told =
        vec![head.target.clone(), String::from_utf8_lossy(&body[..body.len().min(2_000)]).into_owned()];
    for (name, value) in &head.fields {
        told.insert(0, format!("{name}: {}", String::from_utf8_lossy(&value[..value.len().min(2_000)])));
    }
    let mut text = format!("HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\n", head.target);
    for (place, line) in told.iter().flat_map(|line| dresses(line)).enumerate() {
        if line.bytes().all(|byte| (32..127).contains(&byte)) && line.len() < 600 {
            text.push_str(&format!("X-Echo-{place}: {line}\r\n"));
        }
    }
    let all = told.join("\n");
    let mut dressed = dresses(&all);
    let many = dressed.len();
    dressed.rotate_left(turn % many);
    let body = if turn.is_multiple_of(3) {
        dressed.join("\n")
    } else {
        json!({"error": {"code": "UNAUTHORIZED", "message": dressed[0], "more": dressed}}).to_string()
    };
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    if head.method != "HEAD" {
        text.push_str(&body);
    }
    text.into_bytes()
}
