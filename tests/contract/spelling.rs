//! A deployment that takes names of headers in lower case only. wiremock reads names without their case, so a small
//! proxy in front of it loses the header.

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trenchcheck::report::Verdict;

use crate::deployment::{start_lawful, target};
use crate::playing::{SUITE, play_checks, said};

/// The check whose fault this is.
pub(crate) const CHECK: &str = "auth.header-name-case";

/// Gives the address of a proxy that drops the key from requests that do not spell its header in lower case.
async fn proxy_in_front_of(deployment: std::net::SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, deployment));
        }
    });
    url
}

async fn forward(mut client: TcpStream, deployment: std::net::SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(deployment).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let name = b"x-api-key:";
    let found = head.windows(name.len()).position(|here| here.eq_ignore_ascii_case(name));
    if let Some(at) = found.filter(|at| &head[*at..*at + name.len()] != name) {
        head[at..at + name.len()].copy_from_slice(b"x-lost-it:");
    }
    server.write_all(&head).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_minds_the_case_of_names_is_named() {
    let server = start_lawful().await;
    let ids = BTreeSet::from([CHECK, "auth.missing", "auth.valid-key-accepted"]);
    for (url, faulty) in [(server.uri(), false), (proxy_in_front_of(*server.address()).await, true)] {
        for result in play_checks(target(&url), &SUITE, &ids).await {
            let wanted = if faulty && result.id == CHECK { Verdict::Fail } else { Verdict::Pass };
            assert_eq!(result.verdict, wanted, "{}", said(&result));
            if wanted == Verdict::Fail {
                let cases: BTreeSet<_> =
                    result.failures.iter().map(|failure| failure.case.as_str()).collect();
                let spelled = ["spelling=X-API-KEY", "spelling=X-API-Key", "spelling=X-Api-Key"];
                assert_eq!(cases, BTreeSet::from(spelled), "{}", said(&result));
                assert!(said(&result).contains("the status is 401, not 2xx"), "{}", said(&result));
            }
        }
    }
}
