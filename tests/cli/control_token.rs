//! A mock elsewhere that asks for a token: `test` has it from a variable, and shows it nowhere.

use trenchcheck::mock::{ControlToken, MockOptions, MockServer};

use crate::program::{Ran, trenchcheck};
use crate::target::folder;

const TOKEN: &str = "a-token-that-nobody-else-has";

async fn run_with(token: Option<&'static str>, words: &'static [&'static str]) -> Ran {
    let options = MockOptions { control_token: ControlToken::new(TOKEN), ..MockOptions::default() };
    let mock = MockServer::start(options).await.unwrap();
    let url = mock.url();
    let ran = tokio::task::spawn_blocking(move || {
        let mut arguments = vec!["test", "-vv", "--target", &url];
        arguments.extend(words);
        let variables: Vec<_> = token.map(|token| ("TRENCHCHECK_CONTROL_TOKEN", token)).into_iter().collect();
        trenchcheck(folder().path(), &arguments, &variables)
    });
    let ran = ran.await.unwrap();
    for token in token.into_iter().chain([TOKEN]) {
        assert!(!ran.out.contains(token) && !ran.err.contains(token), "the token was shown");
    }
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_token_a_mock_gives_workspaces_and_time() {
    let ran = run_with(Some(TOKEN), &["auth.missing", "limit.retry-after-honest"]).await.ended_with(0);
    assert!(ran.out.contains("virtual time"), "{}", ran.out);
    run_with(Some(TOKEN), &["--keys", "mock", "auth.missing"]).await.ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_it_the_variable_is_named() {
    for token in [None, Some("another-token-altogether")] {
        let ran = run_with(token, &["--keys", "mock", "auth.missing"]).await.ended_with(2);
        assert!(ran.err.contains("export TRENCHCHECK_CONTROL_TOKEN=…"), "{}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_no_header_can_hold_is_refused_unseen() {
    let ran = run_with(Some("two\nlines"), &["auth.missing"]).await.ended_with(2);
    assert!(ran.err.contains("TRENCHCHECK_CONTROL_TOKEN holds no usable token"), "{}", ran.err);
}
