//! What the load benches share: a server that does nearly nothing, and a way to play a profile against it.

#![allow(dead_code, reason = "no bench uses all of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trenchcheck::contract::{ApiKey, Scope};
use trenchcheck::deployment::{Envelope, Key, Keys, Role, Target};
use trenchcheck::load::profile::{Profile, Shelved};
use trenchcheck::load::{Conduct, LoadPlan, Overrides, RunRecord, play};
use trenchcheck::report::Redactor;

/// What every request is answered with.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// When requests of each key arrived.
pub(crate) type Arrivals = Arc<Mutex<BTreeMap<String, Vec<SystemTime>>>>;

/// A server: it notes when a request arrives, perhaps waits, and answers.
#[derive(Clone, Default)]
pub(crate) struct Server {
    /// When requests arrived.
    pub(crate) arrivals: Arrivals,
    /// From when to when nothing is answered.
    pub(crate) frozen: Arc<Mutex<Option<(SystemTime, SystemTime)>>>,
    /// Whether arrivals are noted.
    pub(crate) notes: bool,
}

impl Server {
    /// Serves on a free port.
    pub(crate) async fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream));
            }
        });
        address
    }

    async fn serve(self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut bytes = Vec::with_capacity(4_096);
        loop {
            while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read_buf(&mut bytes).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
            let now = SystemTime::now();
            if self.notes {
                let head = String::from_utf8_lossy(&bytes).to_lowercase();
                let key = head.lines().find_map(|line| line.strip_prefix("x-api-key: ")).unwrap_or_default();
                self.arrivals.lock().expect("unpoisoned").entry(key.to_owned()).or_default().push(now);
            }
            // No request of these benches has a body.
            bytes.clear();
            let frozen = *self.frozen.lock().expect("unpoisoned");
            if let Some((from, until)) = frozen
                && from <= now
                && let Ok(left) = until.duration_since(now)
            {
                tokio::time::sleep(left).await;
            }
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

/// Starts this program once more to serve, and measures against it: its work and its memory are not counted then.
pub(crate) fn elsewhere<F: Future<Output = ()>>(measure: impl FnOnce(SocketAddr) -> F) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if std::env::args().any(|word| word == "serve") {
        runtime.block_on(async {
            println!("{}", Server::default().start().await);
            std::io::stdout().flush().expect("a reader");
            std::future::pending::<()>().await;
        });
    }
    let this = std::env::current_exe().expect("a path");
    let mut server = Command::new(this).arg("serve").stdout(Stdio::piped()).spawn().expect("a server");
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
    runtime.block_on(measure(line.trim().parse().expect("an address")));
    server.kill().expect("a running server");
    server.wait().expect("an end");
}

/// The server as a target, with a key for each role that reads.
pub(crate) fn target(address: SocketAddr) -> Target {
    target_of(address, 1)
}

/// The same, with so many keys of the role `both`.
pub(crate) fn target_of(address: SocketAddr, keys: usize) -> Target {
    let key = |role: Role, number: usize| Key {
        variable: format!("KEY_{role}_{number}"),
        secret: ApiKey::new(format!(
            "ct_live_{role}{}",
            if number == 0 { String::new() } else { number.to_string() }
        ))
        .expect("a key"),
        tier: role.tier(),
        scopes: vec![Scope::ReadAnalytics],
        account: None,
        given_for: Some(role),
        mock_id: None,
    };
    let both = (0..keys).map(|number| {
        let mut both = key(Role::Both, number);
        both.scopes.push(Scope::WriteEvents);
        both
    });
    let all = [key(Role::Standard, 0), key(Role::Premium, 0)].into_iter().chain(both).collect();
    Target {
        envelope: Envelope::Documented,
        ..Target::on_this_machine(format!("http://{address}"), Keys::Environment(all))
    }
}

/// Lays a profile out for a target.
pub(crate) fn plan_text(text: &str, target: &Target) -> LoadPlan {
    let profile = Profile::read("bench.yaml", text).expect("a sound profile");
    let shelved = Shelved { profile, file: "bench.yaml".to_owned(), text: text.to_owned() };
    LoadPlan::new(&shelved, &Overrides::default(), target, None).expect("a plan")
}

/// Plays a profile against a target.
pub(crate) async fn play_text(text: &str, target: &Target) -> RunRecord {
    play_plan(plan_text(text, target), target).await
}

/// Plays a plan against a target.
pub(crate) async fn play_plan(plan: LoadPlan, target: &Target) -> RunRecord {
    let conduct = Conduct { quiet: true, ..Conduct::default() };
    play(plan, target, conduct, &Redactor::default()).await.expect("a run")
}
