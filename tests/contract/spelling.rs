//! A deployment that takes the name of the header in one spelling only. wiremock reads names without their case, so a small
//! proxy in front of it loses the header.

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trenchcheck::report::Verdict;

use crate::deployment::{start_conforming, target};
use crate::playing::{SUITE, play_checks, said};

/// The check whose fault this is.
pub(crate) const CHECK: &str = "auth.header-name-case";

/// Gives the address of a proxy that drops the key from requests that do not spell its header just so.
async fn proxy_in_front_of(deployment: std::net::SocketAddr, spelling: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, deployment, spelling));
        }
    });
    url
}

async fn forward(
    mut client: TcpStream,
    deployment: std::net::SocketAddr,
    spelling: &str,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(deployment).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let name = spelling.as_bytes();
    let found = head.windows(name.len()).position(|here| here.eq_ignore_ascii_case(name));
    if let Some(at) = found.filter(|at| &head[*at..*at + name.len()] != name) {
        head[at..at + name.len()].copy_from_slice(b"x-lost-it");
    }
    server.write_all(&head).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_minds_the_case_of_names_is_named() {
    let server = start_conforming().await;
    let ids = BTreeSet::from([CHECK, "auth.missing", "auth.valid-key-accepted"]);
    for (url, faulty) in
        [(server.uri(), false), (proxy_in_front_of(*server.address(), "x-api-key").await, true)]
    {
        for result in play_checks(target(&url), &SUITE, &ids).await {
            let wanted = if faulty && result.id == CHECK { Verdict::Fail } else { Verdict::Pass };
            assert_eq!(result.verdict, wanted, "{}", said(&result));
            if wanted == Verdict::Fail {
                let cases: BTreeSet<_> =
                    result.failures.iter().map(|failure| failure.case.as_str()).collect();
                let spelled = [
                    "taken=x-api-key spelling=X-API-KEY",
                    "taken=x-api-key spelling=X-API-Key",
                    "taken=x-api-key spelling=X-Api-Key",
                ];
                assert_eq!(cases, BTreeSet::from(spelled), "{}", said(&result));
                assert!(said(&result).contains("the status is 401, not 2xx"), "{}", said(&result));
            }
        }
    }
}

/// Client libraries write lower case, so such a deployment lets nobody in: that is named, too, and all else is blocked.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_wants_the_pages_own_spelling_is_named() {
    let server = start_conforming().await;
    let url = proxy_in_front_of(*server.address(), "X-API-Key").await;
    let ids = BTreeSet::from([CHECK, "auth.valid-key-accepted", "auth.missing"]);
    for result in play_checks(target(&url), &SUITE, &ids).await {
        if result.id == CHECK {
            assert_eq!(result.verdict, Verdict::Fail, "{}", said(&result));
            assert!(said(&result).contains("the status is 401, not 2xx"), "{}", said(&result));
        } else {
            assert!(matches!(result.verdict, Verdict::Blocked(_)), "{}", said(&result));
        }
    }
}
