//! Reading a body whole, within a size and a time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::BODY_LIMIT;

/// How much of a body that is too large is read and thrown away. A client that is still sending when the
/// connection closes may never see the answer.
const DISCARD_LIMIT: usize = 4 * BODY_LIMIT;

/// How much memory is taken at the most for what is only promised.
const PROMISED: usize = 16 * 1_024;

/// How many times as much as has come is taken at first: who promises much and sends little takes little.
const TRUST: usize = 4;

/// How much is taken at the least.
const LEAST: usize = 512;

/// What came of reading a body.
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// It is larger than [`BODY_LIMIT`].
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The client went away.
    Broken,
}

pub(super) async fn read(body: Incoming, most: Duration) -> Read {
    tokio::time::timeout(most, collect(body)).await.unwrap_or(Read::TooSlow)
}

async fn collect(body: Incoming) -> Read {
    let expected = body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    let mut stream = body.into_data_stream();
    let first = match stream.next().await {
        None => return Read::Whole(Bytes::new()),
        Some(Err(_)) => return Read::Broken,
        Some(Ok(first)) => first,
    };
    if first.len() == expected {
        return Read::Whole(first);
    }
    let mut whole = BytesMut::with_capacity(expected.min(PROMISED).min((TRUST * first.len()).max(LEAST)));
    let mut size = first.len();
    whole.extend_from_slice(&first);
    // It is a part of the connection's own buffer, which is in use as long as somebody holds it.
    drop(first);
    while let Some(part) = stream.next().await {
        let Ok(part) = part else {
            return Read::Broken;
        };
        size += part.len();
        if size <= BODY_LIMIT {
            whole.extend_from_slice(&part);
        } else if size > DISCARD_LIMIT {
            break;
        }
    }
    if size > BODY_LIMIT { Read::TooLarge } else { Read::Whole(whole.freeze()) }
}
