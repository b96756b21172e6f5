//! The threads that send.
//!
//! Each is a runtime of one thread, so that a ticket that falls due and the answer that comes back wake nobody but the
//! thread that waits for them, and so that nothing else in this process, goose and an embedded mock among it, comes
//! between a ticket and its request. A lane, or the part of one that is too quick for a thread, belongs to one of them for
//! the whole run.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use super::idle::Idle;

/// A sending thread.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    /// Where its tasks are spawned.
    pub(crate) handle: Handle,
    /// How long it has had nothing to do.
    pub(crate) idle: Arc<Idle>,
}

/// Some sending threads. They end when this is dropped; what is under way in them is cut off.
#[derive(Debug)]
pub(crate) struct Senders {
    threads: Vec<Sender>,
    _running: watch::Sender<()>,
}

impl Senders {
    /// As many threads as there are processors, and no more than lanes.
    ///
    /// # Errors
    /// The system's, when it has no thread or no event queue to give.
    pub(crate) fn start(lanes: usize) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let (running, over) = watch::channel(());
        let mut threads = Vec::new();
        for number in 0..lanes.min(processors).max(1) {
            let idle = Arc::new(Idle::new());
            let mut builder = Builder::new_current_thread();
            idle.time(&mut builder);
            let runtime = builder.enable_all().build()?;
            threads.push(Sender { handle: runtime.handle().clone(), idle });
            let mut over = over.clone();
            thread::Builder::new().name(format!("sender-{number}")).spawn(move || {
                sharpen_timer();
                // Ends, with an error nobody needs, when the other side is dropped.
                let _ = runtime.block_on(over.changed());
            })?;
        }
        Ok(Self { threads, _running: running })
    }

    /// The threads, at least one. The lanes take turns over them.
    pub(crate) fn threads(&self) -> &[Sender] {
        &self.threads
    }
}

/// Linux wakes a sleeper up to 50 µs late, to save power, unless the thread asks otherwise.
fn sharpen_timer() {
    #[cfg(target_os = "linux")]
    {
        // Where it is refused, the run is a little less precise, and its send lag says how much.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_are_no_more_threads_than_lanes_and_they_run_what_they_are_given() {
        let senders = Senders::start(1_000).unwrap();
        let name = senders.threads()[0].handle.spawn(async { thread::current().name().map(str::to_owned) });
        assert_eq!(name.await.unwrap().as_deref(), Some("sender-0"));
        assert_eq!(Senders::start(1).unwrap().threads().len(), 1);
    }
}
