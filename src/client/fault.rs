//! What can go wrong between us and the target, told as a fact.

use std::error::Error as _;
use std::io;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The host name means nothing.
    #[error("the host name could not be looked up ({0})")]
    Name(String),
    /// Nobody listens, or the way there is closed.
    #[error("no connection could be made ({0})")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("TLS could not be agreed on ({0})")]
    Tls(String),
    /// The answer was not complete in time.
    #[error("no complete answer within {seconds} s ({got})")]
    TimedOut {
        /// The time-out in seconds.
        seconds: u64,
        /// How far the answer had come.
        got: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer was complete ({0})")]
    CutOff(String),
    /// What came back was not HTTP.
    #[error("the answer was not HTTP ({0})")]
    NotHttp(String),
    /// The body did not end where it could be held.
    #[error("the body was larger than {0} bytes; the rest was not read")]
    TooLarge(usize),
    /// The request could not be formed.
    #[error("the request could not be sent ({0})")]
    Unsendable(String),
}

impl Fault {
    /// Whether the same request might fare better on a new connection at once.
    pub fn worth_another_try(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::CutOff(_) | Self::NotHttp(_))
    }

    /// Whether it says that the target as a whole is out of reach.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Connect(_) | Self::Tls(_) | Self::TimedOut { .. })
    }

    /// Whether the answer was not complete in time.
    pub(crate) const fn is_time_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// What happened in few words: they are counted, and name no target.
    pub(crate) const fn in_few_words(&self) -> &'static str {
        match self {
            Self::Name(_) => "the host name could not be looked up",
            Self::Connect(_) => "no connection could be made",
            Self::Tls(_) => "TLS could not be agreed on",
            Self::TimedOut { .. } => "no complete answer in time",
            Self::CutOff(_) => "the connection ended before the answer was complete",
            Self::NotHttp(_) => "the answer was not HTTP",
            Self::TooLarge(_) => "the body was too large to be read",
            Self::Unsendable(_) => "the request could not be sent",
        }
    }

    /// The fault behind a client error that came while waiting for an answer.
    pub(super) fn of(error: reqwest::Error, timeout: std::time::Duration, got: &str) -> Self {
        if error.is_timeout() {
            return Self::TimedOut { seconds: timeout.as_secs(), got: got.to_owned() };
        }
        let connecting = error.is_connect();
        let building = error.is_builder();
        // The URL may hold a key, so it goes no further.
        let error = error.without_url();
        let why = chain(&error);
        let lower = why.to_lowercase();
        if building {
            Self::Unsendable(why)
        } else if connecting && (lower.contains("dns") || lower.contains("lookup")) {
            Self::Name(why)
        } else if connecting
            && ["certificate", "tls", "handshake", "invalidcontenttype", "corrupt message"]
                .iter()
                .any(|word| lower.contains(word))
        {
            let plain = ["invalidcontenttype", "corrupt message", "handshake eof"];
            let hint = if plain.iter().any(|word| lower.contains(word)) {
                "; does it speak plain http?"
            } else {
                ""
            };
            Self::Tls(format!("{why}{hint}"))
        } else if connecting {
            Self::Connect(why)
        } else if error_is_parse(&error) {
            Self::NotHttp(why)
        } else {
            Self::CutOff(format!("{got}: {why}"))
        }
    }
}

/// Whether the client library says that it could not read the answer as HTTP.
fn error_is_parse(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(hyper) = inner.downcast_ref::<hyper::Error>() {
            return hyper.is_parse() || hyper.is_parse_too_large();
        }
        source = inner.source();
    }
    false
}

/// An error's story, innermost last, without repeating a sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = match inner.downcast_ref::<io::Error>() {
            Some(io) if io.get_ref().is_none() => io.kind().to_string(),
            _ => inner.to_string(),
        };
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        source = inner.source();
    }
    if parts.is_empty() { error.to_string() } else { parts.join(": ") }
}
