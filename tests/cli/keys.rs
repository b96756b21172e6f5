//! What the variables of keys hold is looked at before anything is sent, and is never shown.

use std::time::Duration;

use crate::program::{Ran, trenchcheck};
use crate::target::{KEY, deployment, folder};

/// Nobody listens there, so that whoever asked would have to say so.
const NOWHERE: &str = "http://127.0.0.1:9";

fn with_key(command: &str, url: &str, key: &str) -> Ran {
    let words = [command, "--target", url, "auth.missing"];
    trenchcheck(folder().path(), &words, &[("TRENCHCHECK_KEY_STANDARD", key)])
}

#[test]
fn a_key_that_was_read_wrongly_is_named_by_its_variable() {
    for (key, why) in [
        ("  ".to_owned(), "the key is blank"),
        (format!("\"{KEY}\""), "wrapped in quotes"),
        (format!("'{KEY}'"), "wrapped in quotes"),
        (format!("{KEY}\r"), "spaces or line breaks around the key"),
        (format!(" {KEY}"), "spaces or line breaks around the key"),
        (format!("{KEY}\n{KEY}"), "a control character"),
    ] {
        for command in ["test", "plan", "load"] {
            let words = match command {
                "load" => vec!["load", "--target", NOWHERE],
                command => vec![command, "--target", NOWHERE, "auth.missing"],
            };
            let variables = [("TRENCHCHECK_KEY_STANDARD", key.as_str())];
            let ran = trenchcheck(folder().path(), &words, &variables).ended_with(2);
            let named = ran.err.contains("the variable TRENCHCHECK_KEY_STANDARD holds no usable key");
            assert!(named && ran.err.contains(why), "{key:?}: {}", ran.err);
            assert!(!ran.err.contains(KEY) && ran.out.is_empty(), "{}{}", ran.err, ran.out);
        }
    }
}

#[test]
fn a_key_of_another_form_is_a_warning() {
    const OTHER: &str = "sk-4f9a1b7c2d8e";
    let somebody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", somebody.local_addr().unwrap());
    let ran = with_key("plan", &url, OTHER).ended_with(0);
    assert!(ran.err.contains("warning: the variable TRENCHCHECK_KEY_STANDARD"), "{}", ran.err);
    assert!(!ran.err.contains(OTHER), "{}", ran.err);
    let ran = with_key("plan", &url, KEY).ended_with(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
}

/// The run goes on: what the deployment makes of such a key is for it to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_form_is_tried() {
    let server = deployment(60, Duration::from_secs(60)).await;
    let url = server.url();
    let ran = tokio::task::spawn_blocking(move || with_key("test", &url, "sk-4f9a1b7c2d8e")).await.unwrap();
    let ran = ran.ended_with(3);
    assert!(ran.err.contains("warning: the variable TRENCHCHECK_KEY_STANDARD"), "{}", ran.err);
    assert!(ran.out.contains("TRENCHCHECK_KEY_STANDARD opens nothing"), "{}", ran.out);
}
