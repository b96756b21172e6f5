//! How connections to this machine are opened. A small server's queue of connections holds five, and one that finds it
//! full is asked for again by the system after 1, 3, 7 and more seconds: a burst would last for minutes. So we ask again
//! ourselves, and soon. Nothing has been sent by then, so nothing is sent twice.
//!
//! Where many ask at once, the system may also take one for open that had no room, and what is sent over it is lost for as
//! long. So once the queue was seen to be full, connections are opened one after the other.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Request, Response};
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;

use super::fault::Fault;
use super::message::Timekeeper;
use crate::deployment::ReachError;

/// How long a connection may take to open: where nothing lies between us and the target, it opens at once or not before
/// it is asked for again.
const AT_ONCE: Duration = Duration::from_millis(25);

/// How long it is asked for so, until we wait as for any other target: the way there may be longer than it looks, or
/// nobody may be taking connections up.
const HASTY_FOR: Duration = Duration::from_secs(3);

/// How many connections to a target on this machine may be opening at once; many clients share it.
#[derive(Debug, Clone)]
pub(super) struct ConnectionLimiter(Arc<Semaphore>);

impl ConnectionLimiter {
    /// A limiter that lets all open at once.
    pub(super) fn new() -> Self {
        /// More than there are ports.
        const ALL: usize = 1 << 17;
        Self(Arc::new(Semaphore::new(ALL)))
    }

    /// From now on they open one after the other. Those under way are not counted.
    fn narrow(&self) {
        let all_but_one = self.0.available_permits().saturating_sub(1);
        // All of them or none: somebody else may be doing the same, and the last one must be left.
        if let Ok(permits) = self.0.try_acquire_many(u32::try_from(all_but_one).unwrap_or(u32::MAX)) {
            permits.forget();
        }
    }
}

/// A client that may have a hasty twin.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    hasty: Option<(Client, ConnectionLimiter)>,
    client: Client,
}

impl Connector {
    /// The client that `builder` makes, and its twin where the target has a `limiter`: where it is on this machine, and
    /// without TLS, whose handshake takes its time.
    ///
    /// # Errors
    /// [`Fault::Unsendable`] when the client cannot be set up.
    pub(super) fn new(
        limiter: Option<&ConnectionLimiter>,
        builder: impl Fn() -> Result<ClientBuilder, ReachError>,
    ) -> Result<Self, Fault> {
        let build =
            |builder: ClientBuilder| builder.build().map_err(|error| Fault::Unsendable(error.to_string()));
        let builder = || builder().map_err(|error| Fault::Unsendable(error.to_string()));
        let hasty = |limiter: &ConnectionLimiter| {
            // The time counts from where the connection is asked for, not from where it has to wait for others.
            let builder = builder()?
                .connector_layer(TimeoutLayer::new(AT_ONCE))
                .connector_layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&limiter.0)));
            Ok((build(builder)?, limiter.clone()))
        };
        Ok(Self { hasty: limiter.map(hasty).transpose()?, client: build(builder()?)? })
    }

    /// The client, to write requests with.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request; tells when the try began that came through.
    pub(super) async fn execute<C: Timekeeper>(
        &self,
        request: Request,
        clock: &C,
    ) -> (C::Instant, reqwest::Result<Response>) {
        if let Some((hasty, limiter)) = &self.hasty {
            let begun = std::time::Instant::now();
            while begun.elapsed() < HASTY_FOR {
                // A body that waits cannot be had twice.
                let Some(again) = request.try_clone() else { break };
                let began = clock.now();
                match hasty.execute(again).await {
                    Err(error) if error.is_connect() && error.is_timeout() => limiter.narrow(),
                    outcome => return (began, outcome),
                }
            }
        }
        (clock.now(), self.client.execute(request).await)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::*;
    use crate::client::MachineClock;

    async fn answer_everybody(listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1_024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            });
        }
    }

    #[test]
    fn a_narrowed_limiter_lets_one_through() {
        let limiter = ConnectionLimiter::new();
        let _under_way = limiter.0.try_acquire().unwrap();
        limiter.narrow();
        limiter.narrow();
        assert_eq!(limiter.0.available_permits(), 1);
    }

    #[test]
    fn however_many_narrow_it_together_one_is_let_through() {
        for _ in 0..2_000 {
            let limiter = ConnectionLimiter::new();
            std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| limiter.narrow()))));
            assert!(limiter.0.available_permits() >= 1);
        }
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_gets_in_as_soon_as_there_is_room() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = tokio::time::timeout(AT_ONCE, TcpStream::connect(address)).await {
            queue.push(stream.unwrap());
        }
        let connector =
            Connector::new(Some(&ConnectionLimiter::new()), || Ok(Client::builder().no_proxy())).unwrap();
        let request = connector.client().get(format!("http://{address}/")).build().unwrap();
        let begun = std::time::Instant::now();
        let asked = tokio::spawn(async move { connector.execute(request, &MachineClock).await });
        // It has been turned away by the time it has asked twice.
        tokio::time::sleep(AT_ONCE * 2).await;
        drop(queue);
        let accepting = tokio::spawn(answer_everybody(listener));
        let (began, answer) = asked.await.unwrap();
        assert_eq!(answer.unwrap().status(), 204);
        // The system would have asked again after a second; the try that came through began just now.
        assert!(began - begun >= AT_ONCE, "{began:?}");
        accepting.abort();
    }
}
