//! The control protocol that the judge asks for workspaces, keys and time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::server::{Ask, House};
use crate::site::{Key, Site};

pub(crate) const PREFIX: &str = "/_mock/";

#[derive(Deserialize)]
struct NewKey {
    scopes: Vec<String>,
    #[serde(default)]
    plan: String,
}

#[derive(Deserialize)]
struct Advance {
    ms: u64,
}

pub(crate) fn answer(house: &House, ask: &Ask) -> Answer {
    let steps: Vec<&str> = ask.path.trim_start_matches(PREFIX).split('/').collect();
    let site = |id: &str| house.sites.lock().unwrap().get(id).cloned();
    match (ask.method.as_str(), steps.as_slice()) {
        // The judge asks whether it may advance clocks here, and takes this for yes.
        ("GET", ["health"]) => data(200, json!({"status": "ok", "name": "trenchcheck-mock", "version": "0"})),
        ("POST", ["workspaces"]) => {
            let id = format!("o{}", house.made.fetch_add(1, Ordering::Relaxed));
            house
                .sites
                .lock()
                .unwrap()
                .insert(id.clone(), Arc::new(Site::new(house.nature, &house.known, house.started)));
            data(201, json!({"id": id, "base_url": format!("/w/{id}")}))
        }
        ("DELETE", ["workspaces", id]) => {
            house.sites.lock().unwrap().remove(*id);
            Answer::empty(204)
        }
        ("POST", ["workspaces", id, "keys"]) => {
            let (Some(site), Ok(wanted)) = (site(id), serde_json::from_slice::<NewKey>(&ask.body)) else {
                return Answer::empty(400);
            };
            let key = make_key(house, wanted);
            let answer = data(201, json!({"id": key.id, "key": key.text}));
            site.keys.lock().unwrap().push(key);
            answer
        }
        ("DELETE", ["workspaces", id, "keys", key]) => {
            let Some(site) = site(id) else { return Answer::empty(404) };
            let now = site.now();
            for one in site.keys.lock().unwrap().iter_mut().filter(|one| one.id == *key) {
                one.revoked_at = Some(now);
            }
            Answer::empty(204)
        }
        ("POST", ["workspaces", id, "clock", "advance"]) => {
            let (Some(site), Ok(advance)) = (site(id), serde_json::from_slice::<Advance>(&ask.body)) else {
                return Answer::empty(400);
            };
            site.advance(advance.ms);
            data(200, json!({"now_ms": site.now()}))
        }
        _ => Answer::empty(404),
    }
}

fn make_key(house: &House, wanted: NewKey) -> Key {
    let number = house.made.fetch_add(1, Ordering::Relaxed);
    Key {
        id: format!("k{number}"),
        text: key_text(number),
        scopes: wanted.scopes,
        premium: wanted.plan == "premium",
        revoked_at: None,
    }
}

/// The text of the `number`th key: 32 letters and digits that look like chance and are all different.
pub(crate) fn key_text(number: u64) -> String {
    const MARKS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x0dd5_ba11_5eed_5eed;
    let mut text = String::from("ct_live_");
    for _ in 0..32 {
        // The step of xorshift64*, a published generator: the keys need not be hard to guess.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let mark = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        text.push(MARKS[usize::try_from(mark % 62).unwrap()] as char);
    }
    text
}

fn data(status: u16, data: Value) -> Answer {
    Answer::json(status, json!({ "data": data }).to_string())
}
