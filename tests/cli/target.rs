//! A conforming deployment in this process for the program under test, and runs against the built-in reference.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use crate::api::{Api, Grant};
use crate::http::{Head, Server};
use crate::program::{Ran, trenchcheck};

/// A key of these deployments.
pub(crate) const KEY: &str = "ct_live_standardstandardstandardstandard";

/// A deployment that grants the key so many requests a window.
pub(crate) async fn deployment(limit: u32, window: Duration) -> Server {
    serve(&[Grant { key: KEY, reads: true, writes: false, limit }], window, false).await
}

/// A deployment that lets the key read, and another one post.
pub(crate) async fn for_both_scopes(posts: &'static str) -> Server {
    let reads = Grant { key: KEY, reads: true, writes: false, limit: 60 };
    let posts = Grant { key: posts, reads: false, writes: true, limit: 1_000 };
    serve(&[reads, posts], Duration::from_secs(60), false).await
}

/// A deployment that lets everybody in.
pub(crate) async fn open_door() -> Server {
    let key = Grant { key: KEY, reads: true, writes: false, limit: u32::MAX };
    serve(&[key], Duration::from_secs(60), true).await
}

async fn serve(grants: &[Grant], window: Duration, open: bool) -> Server {
    let api = std::sync::Arc::new(Api::new(grants, window));
    Server::start(8_192, move |mut connection| {
        let api = std::sync::Arc::clone(&api);
        async move {
            while let Some(head) = Head::read(&mut connection).await {
                let Some(body) = head.body(&mut connection).await else { return };
                let refusal = if open && api.grant(&head).is_none() { None } else { api.refusal(&head) };
                let reply = refusal.unwrap_or_else(|| Api::effect(&head, &body));
                if connection.write_all(&reply.bytes(&head)).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// Runs the program with the key of these deployments, in a folder of its own.
pub(crate) async fn run(arguments: &[&str]) -> Ran {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    tokio::task::spawn_blocking(move || {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        trenchcheck(folder().path(), &words, &[("TRENCHCHECK_KEY_STANDARD", KEY)])
    })
    .await
    .unwrap()
}

/// Runs the program without a key.
pub(crate) fn keyless(arguments: &[&str]) -> Ran {
    trenchcheck(folder().path(), arguments, &[])
}

/// An empty folder.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
