//! A request body that gives the server time to answer the header first.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// A body that is sent after a pause, unless the exchange is over by then.
pub(super) struct DelayedBody {
    pause: Pin<Box<Sleep>>,
    bytes: Bytes,
}

impl DelayedBody {
    /// Holds `bytes` back for `pause`, from now.
    pub(super) fn new(bytes: Bytes, pause: Duration) -> Self {
        Self { pause: Box::pin(tokio::time::sleep(pause)), bytes }
    }
}

impl Body for DelayedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.pause.as_mut().poll(cx));
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
