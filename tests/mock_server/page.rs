//! The page over HTTP, without a browser: what it is made of, its forms, and the rows it is sent.

use std::time::{Duration, Instant};

use reqwest::Method;
use trenchcheck::mock::{ControlToken, MockOptions};

use crate::support::{Mock, READ, key, send};

#[tokio::test]
async fn it_is_html_with_a_script_and_a_style_of_its_own() {
    let mock = Mock::start().await;
    for (path, kind) in [
        ("/_mock", "text/html"),
        ("/_mock/", "text/html"),
        ("/_mock/page/keys", "text/html"),
        ("/_mock/page/style.css", "text/css"),
        ("/_mock/page/script.js", "text/javascript"),
        ("/_mock/page/icon.svg", "image/svg+xml"),
    ] {
        let answer = mock.get(path, None).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        let head = send(mock.request(Method::HEAD, path)).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    let journal = mock.control(Method::GET, "workspaces/default/journal", "").await.json();
    assert_eq!(journal["data"]["total"], 0, "who looks at requests makes none");
}

#[tokio::test]
async fn a_form_is_sent_and_leads_back() {
    let mock = Mock::start().await;
    let id = mock.workspace("{}").await;
    let post = |body: String| {
        let request = mock.request(Method::POST, "/_mock/page/faults").header("Origin", mock.server.url());
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body)
    };
    let form = format!("workspace={id}&do=add&what=status&status=418");
    // The client follows where it is led, and sees the fault there.
    let seen = send(post(form.clone())).await;
    assert_eq!(seen.status, 200);
    assert!(seen.body.contains("answers 418") && seen.body.contains("The fault is switched on."));
    assert!(
        !mock.get("/_mock/page/faults", None).await.body.contains("answers 418"),
        "in its workspace only"
    );
    let foreign = mock.request(Method::POST, "/_mock/page/faults").header("Origin", "http://evil.example");
    let foreign = foreign.header("Content-Type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(send(foreign).await.status, 403);
}

#[tokio::test]
async fn rows_come_as_requests_do_a_few_times_a_second_at_most_and_end_with_the_server() {
    let mock = Mock::start().await;
    let mut live = mock.request(Method::GET, "/_mock/page/stream").send().await.unwrap();
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    assert!(live.chunk().await.unwrap().unwrap().starts_with(b": "));
    let begun = Instant::now();
    let mut text = String::new();
    for _ in 0..4 {
        for _ in 0..10 {
            mock.get("/api/v1/sessions", Some(READ)).await;
        }
        text.push_str(&String::from_utf8_lossy(&live.chunk().await.unwrap().unwrap()));
    }
    while text.matches("<tr").count() < 40 {
        text.push_str(&String::from_utf8_lossy(&live.chunk().await.unwrap().unwrap()));
    }
    let (events, most) = (text.matches("event: rows").count(), 1 + begun.elapsed().as_millis() / 200);
    assert!(events as u128 <= most, "{events} times in {:?}", begun.elapsed());
    assert!(text.contains("TRENCHCHECK_KEY_READ") && !text.contains(&key(READ)[8..]));
    let stopping = Instant::now();
    mock.server.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(5), "who looks does not hold the server up");
}

#[tokio::test]
async fn where_there_is_a_token_it_is_the_password() {
    let options = MockOptions { control_token: ControlToken::new("open sesame"), ..MockOptions::default() };
    let mock = Mock::with(options).await;
    let asked = mock.get("/_mock/", None).await;
    assert!(asked.status == 401 && asked.header("www-authenticate").starts_with("Basic "));
    let with = |path: &str| mock.request(Method::GET, path).basic_auth("anybody", Some("open sesame"));
    assert_eq!(send(with("/_mock/")).await.status, 200);
    assert_eq!(send(with("/_mock/health")).await.status, 401, "which the control API does not take");
    assert_eq!(with("/_mock/page/stream").send().await.unwrap().status(), 200);
}
