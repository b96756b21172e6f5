//! What can be changed while requests come in: the clock, limits, the limiter, deviations.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Mock, send};

struct Own {
    mock: Mock,
    id: String,
    key: String,
}

impl Own {
    async fn start(body: &str) -> Self {
        let mock = Mock::start().await;
        let id = mock.workspace(body).await;
        let (_, key) = mock.key(&id, r#"{"name":"mine","scopes":["read:analytics"]}"#).await;
        Self { mock, id, key }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let path = format!("workspaces/{}/{path}", self.id);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.mock.control(method, &path, &body).await;
        assert!(answer.status < 300, "{}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json()["data"].clone() }
    }

    async fn status(&self) -> u16 {
        let request = self.mock.request(Method::GET, &format!("/w/{}/api/v1/sessions", self.id));
        send(request.header("X-API-Key", &self.key)).await.status
    }

    /// How many requests are admitted before one is not.
    async fn admitted(&self) -> usize {
        let mut count = 0;
        while count < 100 && self.status().await == 200 {
            count += 1;
        }
        count
    }
}

#[tokio::test]
async fn a_frozen_clock_moves_only_when_it_is_set_forward() {
    let own = Own::start(r#"{"limits":{"standard":"5/10s"}}"#).await;
    let frozen = own.call(Method::POST, "clock/freeze", Value::Null).await;
    assert_eq!((&frozen["frozen"], &frozen["speed"]), (&json!(true), &json!(1.0)));
    assert_eq!(own.admitted().await, 5);
    assert_eq!(own.call(Method::GET, "clock", Value::Null).await["now_ms"], frozen["now_ms"]);
    own.call(Method::POST, "clock/advance", json!({"ms": 9_999})).await;
    assert_eq!(own.status().await, 429);
    own.call(Method::POST, "clock/advance", json!({"ms": 1})).await;
    assert_eq!(own.admitted().await, 5);
    let going = own.call(Method::POST, "clock/unfreeze", Value::Null).await;
    assert_eq!(going["frozen"], false);
}

#[tokio::test]
async fn a_fast_clock_ends_a_minute_soon() {
    let own = Own::start("{}").await;
    assert_eq!(own.admitted().await, 60);
    let fast = own.call(Method::PUT, "clock/speed", json!({"speed": 1_000})).await;
    assert_eq!(fast["speed"], 1_000.0);
    // A minute by this clock is 60 ms.
    let again = async {
        while own.status().await != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.unwrap();
    let path = format!("workspaces/{}/clock/speed", own.id);
    assert_eq!(own.mock.control(Method::PUT, &path, r#"{"speed":0}"#).await.status, 400);
}

#[tokio::test]
async fn limits_limiter_and_deviations_change_while_it_runs() {
    let own = Own::start("{}").await;
    let settings = json!({"limits": {"standard": "3/10s"}, "limiter": "sliding"});
    let now = own.call(Method::PATCH, "settings", settings).await;
    assert_eq!((&now["limiter"], &now["limits"][0]["requests"]), (&json!("sliding"), &json!(3)));
    assert_eq!(own.admitted().await, 3);
    let now = own.call(Method::PATCH, "settings", json!({"deviations": ["standard-limit-61"]})).await;
    assert_eq!((&now["deviations"], &now["limiter"]), (&json!(["standard-limit-61"]), &json!("sliding")));
    assert_eq!(own.admitted().await, 61, "a deviation has the last word");
    let none = json!({"deviations": [], "limits": {"standard": "none"}});
    own.call(Method::PATCH, "settings", none).await;
    assert_eq!(own.admitted().await, 100);
    let limits = own.call(Method::GET, "limits", Value::Null).await;
    assert_eq!((&limits[0]["requests"]["limit"], &limits[0]["window_ms"]), (&Value::Null, &Value::Null));
    let path = format!("workspaces/{}/settings", own.id);
    for (body, words) in [
        (r#"{"limits":{"standard":"5/10"}}"#, "is no limit"),
        (r#"{"limiter":"leaky"}"#, "sliding-counter"),
        (r#"{"deviations":["constant-61"]}"#, "did you mean `constant-60`"),
    ] {
        let refused = own.mock.control(Method::PATCH, &path, body).await;
        assert!(refused.status == 400 && refused.body.contains(words), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_reset_forgets_what_happened_and_keeps_what_was_made() {
    let own = Own::start(r#"{"limits":{"standard":"2/1h"}}"#).await;
    assert_eq!(own.admitted().await, 2);
    own.call(Method::POST, "faults", json!({"status": 500, "first": 0})).await;
    own.call(Method::POST, "reset", Value::Null).await;
    assert_eq!(own.call(Method::GET, "journal/count", Value::Null).await["count"], 0);
    assert_eq!(own.call(Method::GET, "faults", Value::Null).await, json!([]));
    assert_eq!(own.admitted().await, 2, "the key is there and its window is new");
}

#[tokio::test]
async fn prometheus_finds_counts_with_few_labels() {
    let own = Own::start("{}").await;
    own.status().await;
    for path in ["/api/v1/nowhere", "/", "/w/ws_none/x"] {
        own.mock.get(path, None).await;
    }
    let answer = own.mock.control(Method::GET, "metrics", "").await;
    for line in [
        "trenchcheck_mock_requests_total{endpoint=\"sessions\",status=\"200\"} 1",
        "trenchcheck_mock_requests_total{endpoint=\"other\",status=\"401\"} 2",
        "trenchcheck_mock_requests_total{endpoint=\"other\",status=\"404\"} 1",
        "trenchcheck_mock_request_duration_seconds_count 4",
        "trenchcheck_mock_workspaces 2",
    ] {
        assert!(answer.body.lines().any(|said| said == line), "{line}\n{}", answer.body);
    }
    // The text format: comments, or a name, perhaps labels, and a number.
    for line in answer.body.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let bare = name.split('{').next().unwrap();
        assert!(bare.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        assert_eq!(name.contains('{'), name.ends_with("\"}"), "{line}");
    }
}
