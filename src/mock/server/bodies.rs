//! The bodies of requests, read whole within a size and a time, and those of answers: whole, or hurt on their way.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};

use crate::mock::summary::Reason;

use super::state::UnderWay;

/// The largest body the server reads.
pub const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// How much of a body that is too large is read and thrown away. A client that is still sending when the
/// connection closes may never see the answer.
const DISCARD_LIMIT: usize = 4 * BODY_LIMIT;

/// How much memory is taken at the most for what is only promised.
const PROMISED: usize = 16 * 1_024;

/// How many times as much as has come is taken at first: who promises much and sends little takes little.
const TRUST: usize = 4;

/// How much is taken at the least.
const LEAST: usize = 512;

/// Reads a body that is no larger than [`BODY_LIMIT`] and arrives in time.
pub(super) async fn read(body: Incoming, most: Duration) -> Result<Bytes, Reason> {
    tokio::time::timeout(most, collect(body)).await.unwrap_or(Err(Reason::TooSlow))
}

async fn collect(body: Incoming) -> Result<Bytes, Reason> {
    let expected = body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    let mut stream = body.into_data_stream();
    let first = match stream.next().await {
        None => return Ok(Bytes::new()),
        Some(Err(_)) => return Err(Reason::BrokeOff),
        Some(Ok(first)) => first,
    };
    if first.len() == expected {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(expected.min(PROMISED).min((TRUST * first.len()).max(LEAST)));
    let mut size = first.len();
    whole.extend_from_slice(&first);
    // It is a part of the connection's own buffer, which is in use as long as somebody holds it.
    drop(first);
    while let Some(part) = stream.next().await {
        let Ok(part) = part else {
            return Err(Reason::BrokeOff);
        };
        size += part.len();
        if size <= BODY_LIMIT {
            whole.extend_from_slice(&part);
        } else if size > DISCARD_LIMIT {
            break;
        }
    }
    if size > BODY_LIMIT { Err(Reason::TooLarge) } else { Ok(whole.freeze()) }
}

/// In how many pieces a slow body is sent.
const PIECES: usize = 20;

/// The body of an answer. Nearly all are whole, and those cost nothing more.
pub(super) type Outgoing = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Severed>>;

/// A fault cuts the connection here.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a fault cut the connection")]
pub(super) struct Severed;

/// A body in one piece.
pub(super) fn whole(body: Bytes) -> Outgoing {
    Either::Left(Full::new(body))
}

/// A body of pieces. It counts as under way until its end.
pub(super) fn pieces(
    pieces: impl Stream<Item = Result<Bytes, Severed>> + Send + 'static,
    under_way: UnderWay,
) -> Outgoing {
    let frames = pieces.map(move |piece| {
        // Held by the stream, and so dropped with it.
        let _held = &under_way;
        piece.map(Frame::data)
    });
    Either::Right(StreamBody::new(frames).boxed_unsync())
}

/// The beginning of a body; then the connection is cut.
pub(super) fn cut_off(beginning: Bytes, under_way: UnderWay) -> Outgoing {
    // Waiting once lets the beginning leave, which would be thrown away with the connection.
    let cut = stream::once(async {
        tokio::task::yield_now().await;
        Err(Severed)
    });
    pieces(stream::iter([Ok(beginning)]).chain(cut), under_way)
}

/// A body that takes so long.
pub(super) fn slow(body: Bytes, time: Duration, under_way: UnderWay) -> Outgoing {
    let size = body.len().div_ceil(PIECES).max(1);
    let count = body.len().div_ceil(size).max(1);
    let pause = time / u32::try_from(count).unwrap_or(u32::MAX);
    let slowly = stream::unfold(body, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = left.split_to(size.min(left.len()));
        Some((Ok(piece), left))
    });
    pieces(slowly, under_way)
}
