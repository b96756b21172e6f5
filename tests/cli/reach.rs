//! Deployments that are not simply there: behind a gateway that wants a header, a proxy, TLS with an authority and client
//! certificates of its own, a gateway that speaks HTTP/2 only, a path.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::api::{Api, Grant, Reply};
use crate::http::{Head, Server};
use crate::program::{Ran, trenchcheck};
use crate::target::{KEY, deployment, folder};

const WINDOW: Duration = Duration::from_secs(60);
const CHECKS: [&str; 2] = ["auth.missing", "auth.header-name-case"];

/// Runs these checks with a key in the environment.
async fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let (folder, arguments) = (folder.to_owned(), owned(arguments));
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    tokio::task::spawn_blocking(move || {
        let mut words = vec!["test"];
        words.extend(arguments.iter().map(String::as_str));
        words.extend(CHECKS);
        let mut set = vec![("TRENCHCHECK_KEY_STANDARD", KEY)];
        set.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        trenchcheck(&folder, &words, &set)
    })
    .await
    .unwrap()
}

/// A text without its line breaks.
fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A deployment behind a gateway that turns away what lacks its header.
async fn gateway() -> Server {
    let api = Arc::new(Api::new(&[Grant { key: KEY, reads: true, writes: false, limit: 60 }], WINDOW));
    Server::start(8_192, move |mut connection| {
        let api = Arc::clone(&api);
        async move {
            while let Some(head) = Head::read(&mut connection).await {
                let Some(body) = head.body(&mut connection).await else { return };
                let reply = match head.all("x-gateway").as_slice() {
                    [b"Bearer 0pen-sesame"] => {
                        api.refusal(&head).unwrap_or_else(|| Api::effect(&head, &body))
                    }
                    _ => Reply::new(418, "the gateway knows nobody of that name"),
                };
                if connection.write_all(&reply.bytes(&head)).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_gets_its_header_from_a_variable_and_nobody_sees_it() {
    let (server, here) = (gateway().await, folder());
    let url = server.url();
    let token = [("GATEWAY_TOKEN", "0pen-sesame")];
    run(here.path(), &["--target", &url], &token).await.ended_with(3);
    let flag = ["--target", &url, "--header", "X-Gateway: Bearer $GATEWAY_TOKEN", "-vv"];
    let ran = run(here.path(), &flag, &token).await.ended_with(0);
    assert!(!ran.out.contains("sesame") && !ran.err.contains("sesame"), "{}", ran.out);
    let file = format!("base_url: {url}\nheaders:\n  X-Gateway: Bearer ${{GATEWAY_TOKEN}}\n");
    std::fs::write(here.path().join("target.yaml"), file).unwrap();
    run(here.path(), &["--target", "target.yaml"], &token).await.ended_with(0);
    let unset = run(here.path(), &["--target", "target.yaml"], &[]).await.ended_with(2);
    assert!(unset.err.contains("the variable GATEWAY_TOKEN is not set"), "{}", unset.err);
}

/// Passes on what comes to `to`, as a proxy does where nothing is encrypted; counts connections.
async fn proxy(to: &Server, host: &'static str, count: Arc<AtomicU32>) -> String {
    let (listener, to) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), to.url().replace("http://", ""));
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let server = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move {
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let mut buffer = vec![0; 65_536];
                while let Ok(got @ 1..) = from_client.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..got]).replace(host, "");
                    if to_server.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_used_as_the_flag_the_file_or_the_variables_say_and_never_for_this_machine() {
    let (server, here, count) = (deployment(60, WINDOW).await, folder(), Arc::new(AtomicU32::new(0)));
    let proxy = proxy(&server, "http://api.test", Arc::clone(&count)).await;
    let used = || count.swap(0, Ordering::Relaxed) > 0;
    // A header name in a spelling of its own needs a connection of our own, so this check is not among them.
    let target = ["--target", "http://api.test", "--skip", "auth.header-name-case"];
    let flag = [&target[..], &["--proxy", &proxy]].concat();
    run(here.path(), &flag, &[]).await.ended_with(0);
    assert!(used());
    run(here.path(), &target, &[("http_proxy", &proxy)]).await.ended_with(0);
    assert!(used());
    run(here.path(), &target, &[("http_proxy", &proxy), ("no_proxy", "api.test")]).await.ended_with(3);
    assert!(!used());
    let own = server.url();
    run(here.path(), &["--target", &own], &[("http_proxy", &proxy)]).await.ended_with(0);
    assert!(!used());
}

/// A server that speaks TLS in front of `to`, and in `folder` the authority it and its clients go by.
async fn tls(to: &Server, folder: &Path, wants_clients: bool) -> String {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let signed = |names: &[&str]| {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        (CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap(), key)
    };
    let (client, client_key) = signed(&["client.test"]);
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("client.pem"), client.pem() + &client_key.serialize_pem()).unwrap();
    let (certificate, key) = signed(&["localhost"]);
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder();
    let config = if wants_clients {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.der().to_vec())).unwrap();
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let (listener, to) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), to.url().replace("http://", ""));
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(&to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_its_own_is_trusted_where_that_is_said() {
    let (server, here) = (deployment(60, WINDOW).await, folder());
    let url = tls(&server, here.path(), false).await;
    let target = ["--target", &url, "--skip", "auth.header-name-case"];
    let unknown = run(here.path(), &target, &[]).await.ended_with(3);
    assert!(in_a_line(&unknown.out).contains("TLS could not be agreed on"), "{}", unknown.out);
    run(here.path(), &[&target[..], &["--cacert", "ca.pem"]].concat(), &[]).await.ended_with(0);
    run(here.path(), &target, &[("SSL_CERT_FILE", "ca.pem")]).await.ended_with(0);
    let insecure = run(here.path(), &[&target[..], &["--insecure"]].concat(), &[]).await.ended_with(0);
    assert!(insecure.err.contains("certificate is not checked"), "{}", insecure.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown() {
    let (server, here) = (deployment(60, WINDOW).await, folder());
    let url = tls(&server, here.path(), true).await;
    let target = ["--target", &url, "--cacert", "ca.pem", "--skip", "auth.header-name-case"];
    run(here.path(), &target, &[]).await.ended_with(3);
    let shown = [&target[..], &["--client-certificate", "client.pem"]].concat();
    run(here.path(), &shown, &[]).await.ended_with(0);
    let file = format!("base_url: {url}\nca: ca.pem\nclient_certificate: client.pem\n");
    let apart = here.path().join("apart");
    std::fs::create_dir(&apart).unwrap();
    std::fs::write(here.path().join("target.yaml"), file).unwrap();
    let beside = ["--target", "../target.yaml", "--skip", "auth.header-name-case"];
    run(&apart, &beside, &[]).await.ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_suspected_where_tls_is_not_answered() {
    let (server, here) = (deployment(60, WINDOW).await, folder());
    let url = server.url().replace("http://", "https://");
    let ran = run(here.path(), &["--target", &url], &[]).await.ended_with(3);
    assert!(in_a_line(&ran.out).contains("does it speak plain http?"), "{}", ran.out);
}

/// A gateway that hangs up on whoever does not begin with HTTP/2.
async fn http2_only(to: String) -> String {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let to = to.replace("http://", "");
            tokio::spawn(async move {
                let mut first = [0; PREFACE.len()];
                if client.read_exact(&mut first).await.is_err() || first != PREFACE {
                    return;
                }
                let mut server = TcpStream::connect(&to).await.unwrap();
                server.write_all(PREFACE).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_without_asking_where_that_is_said() {
    let (mock, here) = (trenchcheck::deployment::Embedded::start().await.unwrap(), folder());
    let url = http2_only(mock.target(&[], None).base_url).await;
    let target = ["--target", &url, "--keys", "mock", "--skip", "auth.header-name-case"];
    let ran = run(here.path(), &target, &[]).await;
    assert_ne!(ran.code, Some(0), "{}", ran.out);
    run(here.path(), &[&target[..], &["--http", "2"]].concat(), &[]).await.ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_find_other_addresses_and_the_api_s_own_path_may_be_written_out() {
    let (server, here) = (deployment(60, WINDOW).await, folder());
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let url = format!("http://api.test:{port}/api/v1/");
    let resolve = ["--target", &url, "--resolve", "api.test=127.0.0.1", "--skip", "auth.header-name-case"];
    run(here.path(), &resolve, &[]).await.ended_with(0);
    let bare = format!("localhost:{port}/");
    run(here.path(), &["--target", &bare], &[]).await.ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_a_file_and_those_that_are_set_win() {
    let (server, here) = (deployment(60, WINDOW).await, folder());
    let file = here.path().join("keys.env");
    std::fs::write(&file, format!("# ours\nexport TRENCHCHECK_KEY_STANDARD='{KEY}'\n")).unwrap();
    let (path, url) = (here.path().to_owned(), server.url());
    let with = |variables: Vec<(&'static str, &'static str)>| {
        let (path, url) = (path.clone(), url.clone());
        tokio::task::spawn_blocking(move || {
            let words = ["test", "--target", &url, "--env-file", "keys.env", "auth.missing"];
            trenchcheck(&path, &words, &variables)
        })
    };
    let ran = with(Vec::new()).await.unwrap().ended_with(0);
    assert!(ran.err.contains("others may read keys.env"), "{}", ran.err);
    with(vec![("TRENCHCHECK_KEY_STANDARD", "ct_live_unknown")]).await.unwrap().ended_with(3);
    std::fs::write(&file, "TRENCHCHECK_KEY_STANDARD=\"ct_live_secret\n").unwrap();
    let ran = with(Vec::new()).await.unwrap().ended_with(2);
    assert!(
        ran.err.contains("keys.env:1: a quote is not closed") && !ran.err.contains("secret"),
        "{}",
        ran.err
    );
}
