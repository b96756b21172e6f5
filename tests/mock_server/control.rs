//! The control API: workspaces, keys, clocks, and who may use it.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Mock, READ, key, send};

const KEY: &str = r#"{"name":"mine","scopes":["read:analytics"]}"#;

async fn sessions(mock: &Mock, base: &str, key: &str) -> Answer {
    send(mock.request(Method::GET, &format!("{base}/api/v1/sessions")).header("X-API-Key", key)).await
}

#[tokio::test]
async fn health_says_who_answers() {
    let mock = Mock::start().await;
    let health = mock.control(Method::GET, "health", "").await;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        health.body,
        format!(r#"{{"data":{{"status":"ok","name":"trenchcheck-mock","version":"{version}"}}}}"#)
    );
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_revoked() {
    let mock = Mock::start().await;
    let id = mock.workspace("{}").await;
    let made = mock.control(Method::POST, &format!("workspaces/{id}/keys"), KEY).await;
    let data = &made.json()["data"];
    let plaintext = data["key"].as_str().unwrap();
    assert!(plaintext.starts_with("ct_live_") && plaintext.len() == 40);
    assert_eq!(data["tier"], "standard");
    assert_eq!(data["scopes"], json!(["read:analytics"]));

    let list = format!("workspaces/{id}/keys");
    let before = mock.control(Method::GET, &list, "").await;
    assert!(!before.body.contains(&plaintext[8..]), "shown once");
    assert_eq!(before.json()["data"][0]["last_used_at"], json!(null));
    assert_eq!(before.json()["data"][0]["active"], true);
    assert_eq!(sessions(&mock, &format!("/w/{id}"), plaintext).await.status, 200);
    assert_eq!(sessions(&mock, "", plaintext).await.status, 200, "a key leads to its workspace");
    let after = mock.control(Method::GET, &list, "").await;
    assert!(after.json()["data"][0]["last_used_at"].is_string());

    let path = format!("{list}/{}", data["id"].as_str().unwrap());
    assert_eq!(mock.control(Method::DELETE, &path, "").await.status, 204);
    assert_eq!(sessions(&mock, &format!("/w/{id}"), plaintext).await.status, 401);
    assert_eq!(mock.control(Method::GET, &list, "").await.json()["data"][0]["active"], false);
}

#[tokio::test]
async fn tiers_follow_scopes_and_plan() {
    let mock = Mock::start().await;
    let id = mock.workspace("").await;
    for (body, tier) in [
        (r#"{"scopes":["read:analytics"],"plan":"premium"}"#, "premium"),
        (r#"{"scopes":["read:analytics","write:events"],"plan":"standard"}"#, "ingestion"),
        (r#"{"scopes":["read:analytics"],"plan":"standard"}"#, "standard"),
    ] {
        let made = mock.control(Method::POST, &format!("workspaces/{id}/keys"), body).await;
        assert_eq!(made.json()["data"]["tier"], tier);
    }
}

#[tokio::test]
async fn workspaces_are_isolated_and_have_their_own_clocks() {
    let mock = Mock::start().await;
    let (one, two) = (mock.workspace("{}").await, mock.workspace("{}").await);
    let ((_, key_one), (_, key_two)) = (mock.key(&one, KEY).await, mock.key(&two, KEY).await);
    let (base_one, base_two) = (format!("/w/{one}"), format!("/w/{two}"));
    assert_eq!(sessions(&mock, &base_two, &key_one).await.status, 401);
    assert_eq!(sessions(&mock, &base_one, key(READ)).await.status, 401);
    for _ in 0..60 {
        assert_eq!(sessions(&mock, &base_one, &key_one).await.status, 200);
        assert_eq!(sessions(&mock, &base_two, &key_two).await.status, 200);
    }
    assert_eq!(sessions(&mock, &base_one, &key_one).await.status, 429);
    let advanced =
        mock.control(Method::POST, &format!("workspaces/{one}/clock/advance"), r#"{"ms":60000}"#).await;
    assert_eq!(advanced.status, 200);
    assert!(advanced.json()["data"]["now_ms"].as_u64().unwrap() >= 60_000);
    assert_eq!(sessions(&mock, &base_one, &key_one).await.status, 200);
    assert_eq!(sessions(&mock, &base_two, &key_two).await.status, 429);

    assert_eq!(mock.control(Method::DELETE, &format!("workspaces/{one}"), "").await.status, 204);
    assert_eq!(sessions(&mock, &base_one, &key_one).await.status, 404);
    assert_eq!(sessions(&mock, "", &key_one).await.status, 401);
}

#[tokio::test]
async fn a_workspace_takes_deviations_and_a_limiter() {
    let mock = Mock::start().await;
    let id = mock.workspace(r#"{"deviations":["retry-after-missing"],"limiter":"sliding"}"#).await;
    let (_, plaintext) = mock.key(&id, KEY).await;
    for _ in 0..60 {
        sessions(&mock, &format!("/w/{id}"), &plaintext).await;
    }
    let refused = sessions(&mock, &format!("/w/{id}"), &plaintext).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, ""));
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let mock = Mock::start().await;
    let id = mock.workspace("{}").await;
    let keys = format!("workspaces/{id}/keys");
    for (method, path, body, status, words) in [
        (Method::POST, "workspaces", r#"{"deviations":["acept-bearer"]}"#, 400, "`accept-bearer`"),
        (Method::POST, "workspaces", r#"{"limiter":"leaky"}"#, 400, "sliding-counter"),
        (Method::POST, "workspaces", r#"{"deviation":[]}"#, 400, "unknown field"),
        (Method::POST, &keys, r#"{"scopes":[]}"#, 400, "one or more scopes"),
        (Method::POST, &keys, r#"{"scopes":["admin"]}"#, 400, "admin"),
        (Method::POST, &keys, r#"{"scopes":["read:analytics"],"plan":"gold"}"#, 400, "premium"),
        (Method::POST, "workspaces/ws_none/keys", KEY, 404, "workspace"),
        (Method::DELETE, "workspaces/default", "", 404, "workspace"),
        (Method::PUT, "workspaces", "", 405, "method"),
        (Method::GET, "nowhere", "", 404, "endpoint"),
    ] {
        let answer = mock.control(method, path, body).await;
        assert_eq!(answer.status, status, "{path} {body}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn another_name_in_host_is_refused() {
    let mock = Mock::start().await;
    let request = mock.request(Method::POST, "/_mock/workspaces").header("Host", "evil.example");
    assert_eq!(send(request).await.status, 403);
    let request = mock.request(Method::POST, "/_mock/workspaces").header("Host", "localhost:1234");
    assert_eq!(send(request).await.status, 201);
}

#[tokio::test]
async fn lists_are_given_whole_or_part_by_part() {
    let mock = Mock::start().await;
    let id = mock.workspace("{}").await;
    let mut plaintexts = Vec::new();
    for name in ["a", "b", "c"] {
        let body = json!({"name": name, "scopes": ["read:analytics"]}).to_string();
        plaintexts.push(mock.key(&id, &body).await.1);
    }
    sessions(&mock, "", &plaintexts[1]).await;
    for (path, names) in [
        ("keys", vec!["a", "b", "c"]),
        ("keys?limit=2", vec!["a", "b"]),
        ("keys?offset=2&limit=2", vec!["c"]),
        ("keys?offset=9", vec![]),
        ("limits?offset=1", vec!["b", "c"]),
        ("limits?used=true", vec!["b"]),
        ("limits?used=true&offset=1", vec![]),
        ("limits?used=false&limit=1", vec!["a"]),
    ] {
        let list = mock.control(Method::GET, &format!("workspaces/{id}/{path}"), "").await.json();
        let got: Vec<&str> =
            list["data"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(got, names, "{path}");
    }
    let one = mock.control(Method::GET, "workspaces?limit=1", "").await.json();
    assert_eq!((&one["data"][0]["id"], one["data"].as_array().unwrap().len()), (&json!("default"), 1));
    for wrong in ["keys?limit=0", "limits?used=perhaps", "limits?offset=-1"] {
        let refused = mock.control(Method::GET, &format!("workspaces/{id}/{wrong}"), "").await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
}
