//! Every exit code of `trenchcheck test`, and what is said with it.

use std::time::Duration;

use crate::program::trenchcheck;
use crate::target::{deployment, folder, keyless, open_door, run};

#[test]
fn without_arguments_everything_is_played_and_conforms() {
    let ran = keyless(&["test"]).ended_with(0);
    assert!(
        ran.out.contains("conforms: every gating check that was played passed (exit code 0)"),
        "{}",
        ran.out
    );
    assert!(ran.err.is_empty(), "{}", ran.err);
}

/// The machine's certificates are no business of those who encrypt nothing.
#[test]
fn a_machine_without_certificates_can_play_over_plain_http() {
    let none = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")];
    let ran = trenchcheck(folder().path(), &["test", "auth.missing"], &none).ended_with(0);
    assert!(ran.out.contains("1 check: 1 passed"), "{}", ran.out);
}

#[test]
fn a_wrong_url_is_a_usage_error() {
    for (url, why) in [
        ("ftp://127.0.0.1", "only http and https are spoken"),
        ("http://", "is no base URL"),
        ("http://127.0.0.1:99999", "is no base URL"),
        ("http://127.0.0.1/?a=b", "it has a query or a fragment"),
        ("http://user:pass@127.0.0.1", "it holds a user name or a password"),
        ("no-such-file.yaml", "cannot read the target file no-such-file.yaml"),
    ] {
        let ran = keyless(&["test", "--target", url]).ended_with(2);
        assert!(ran.err.contains(why) && ran.out.is_empty(), "{url}: {}", ran.err);
    }
}

#[test]
fn an_unknown_id_is_a_usage_error_with_a_suggestion() {
    for words in [["test", "auth.mising"], ["list", "auth.mising"], ["explain", "auth.mising"]] {
        let ran = keyless(&words).ended_with(2);
        assert!(ran.err.contains("did you mean `auth.missing`"), "{}", ran.err);
    }
    let ran = keyless(&["test", "auth"]).ended_with(2);
    assert!(ran.err.contains("did you mean `auth.*`?"), "{}", ran.err);
    let ran = keyless(&["test", "--skip", "auth.mising"]).ended_with(2);
    assert!(ran.err.contains("did you mean `auth.missing`"), "{}", ran.err);
}

#[test]
fn a_word_that_is_unknown_is_told_with_the_nearest_one_or_with_none() {
    for (words, meant) in [
        (&["list", "--tag", "event"][..], "did you mean `events`? the tags are auth, "),
        (&["test", "--tag", "event"], "did you mean `events`?"),
        (&["plan", "--tag", "nosuch"], "no tag is called `nosuch`; the tags are auth, "),
        (&["test", "nosuch.check"], "no check is called `nosuch.check`; `trenchcheck list` shows all"),
        (&["explain", "auth.mising"], "`auth.missing`? `trenchcheck list` shows all"),
        (&["load", "quick-standrd"], "did you mean `quick-ingestion`? there are ceiling-events, "),
        (&["load", "nosuch"], "no profile is called `nosuch`; there are "),
        (&["mock", "--deviate", "nosuch"], "`nosuch`; `trenchcheck mock --list` shows all"),
        (&["mutants", "nosuch"], "`nosuch`; `trenchcheck mutants --list` shows all"),
        (&["mutants", "auth"], "did you mean the group, `--group authentication`?"),
        (&["mutants", "--group", "auth"], "did you mean `authentication`?"),
        (&["test", "--level", "mus"], "did you mean `must`?"),
        (&["test", "--reporter", "jsn=a"], "did you mean `json`?"),
        (&["schema", "reprt"], "'report'"),
    ] {
        let ran = keyless(words).ended_with(2);
        assert!(ran.err.contains(meant), "{words:?}: {}", ran.err);
    }
}

#[test]
fn a_choice_that_leaves_nothing_is_a_usage_error() {
    let ran = keyless(&["test", "auth.*", "--tag", "limits"]).ended_with(2);
    assert!(ran.err.contains("no check is left to play"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_keys_are_a_usage_error_that_names_the_variables() {
    let server = deployment(60, Duration::from_secs(60)).await;
    let url = server.url();
    let ran = tokio::task::spawn_blocking(move || keyless(&["test", "--target", &url])).await.unwrap();
    let ran = ran.ended_with(2);
    assert!(ran.err.contains("export at least one, for example TRENCHCHECK_KEY_STANDARD=…"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_unreachable() {
    let ran = run(&["test", "--target", "http://127.0.0.1:1", "auth.*"]).await.ended_with(3);
    assert!(ran.out.contains("no connection could be made"), "{}", ran.out);
    assert!(ran.out.contains("(exit code 3)"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_promise_fails() {
    let server = open_door().await;
    let ran = run(&["test", "--target", &server.url(), "auth.missing"]).await.ended_with(1);
    assert!(ran.out.contains("the status is 200, not 401"), "{}", ran.out);
    assert!(ran.out.contains("(exit code 1)"), "{}", ran.out);
}

/// The only key reads, and the check needs one that posts.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_concluded_is_inconclusive() {
    let server = deployment(60, Duration::from_secs(60)).await;
    let ran = run(&["test", "--target", &server.url(), "rate.ingestion"]).await.ended_with(4);
    assert!(ran.out.contains("set TRENCHCHECK_KEY_INGESTION"), "{}", ran.out);
    assert!(ran.out.contains("(exit code 4)"), "{}", ran.out);
}
