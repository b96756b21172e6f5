//! The bodies of answers: whole, or hurt on their way.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::Frame;

use super::activity::UnderWay;

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
