use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const KEY: &str = "ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6";

fn knowing(keys: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    for key in keys {
        redactor.learn(&ApiKey::new(*key).unwrap());
    }
    redactor
}

fn percent(text: &str, upper: bool) -> String {
    text.bytes().map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect()
}

/// The dresses a target may echo a secret in.
fn dresses(secret: &str) -> Vec<String> {
    let escaped: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let mut all = vec![
        secret.to_owned(),
        secret.to_ascii_uppercase(),
        percent(secret, true),
        percent(secret, false),
        percent(&percent(secret, true), false),
        secret.replace('_', "%5F").replace('a', "%61").replace('7', "%37"),
        serde_json::to_string(secret).unwrap(),
        serde_json::to_string(&serde_json::to_string(secret).unwrap()).unwrap(),
        escaped,
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        secret.bytes().map(|byte| format!("&#{byte};")).collect(),
        secret.bytes().map(|byte| format!("&#x{byte:x};")).collect(),
        secret.replace('_', "&lowbar;").replace('a', "&#97;"),
    ];
    for credentials in [
        secret.to_owned(),
        format!("{secret}:"),
        format!(":{secret}"),
        format!("{secret}:{secret}"),
        format!("u:{secret}"),
    ] {
        all.push(STANDARD.encode(&credentials));
        all.push(URL_SAFE_NO_PAD.encode(&credentials));
        all.push(percent(&STANDARD.encode(&credentials), true));
    }
    all
}

/// What a patient reader gets out of a text.
fn readings(text: &str) -> Vec<Vec<u8>> {
    let mut layers = vec![Reading::plain(text)];
    layers.extend(layers[0].layers());
    let decoded: Vec<_> = layers.iter().flat_map(|layer| layer.base64(1).chain(layer.hex(1))).collect();
    layers.iter().chain(&decoded).map(Reading::folded).collect()
}

fn gives_away(text: &str, secret: &str, run: usize) -> bool {
    let secret = secret.to_ascii_lowercase();
    readings(text)
        .iter()
        .any(|bytes| secret.as_bytes().windows(run).any(|part| bytes.windows(run).any(|seen| seen == part)))
}

/// The most characters in a row that two texts share.
fn longest_shared(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().collect(), other.chars().collect());
    let mut runs = vec![0; other.len() + 1];
    let mut longest = 0;
    for mark in one {
        for at in (0..other.len()).rev() {
            runs[at + 1] = if other[at] == mark { runs[at] + 1 } else { 0 };
            longest = longest.max(runs[at + 1]);
        }
    }
    longest
}

fn chars() -> impl Strategy<Value = String> {
    "[ -~äß€\n]{0,40}"
}

proptest! {
    #[test]
    fn no_dress_of_a_key_gets_through(
        random in "[A-Za-z0-9]{32}",
        before in chars(),
        after in chars(),
        pick in any::<prop::sample::Index>(),
    ) {
        let key = format!("ct_live_{random}");
        let redactor = knowing(&[&key]);
        let dresses: Vec<_> = dresses(&key).into_iter().chain(dresses(&random)).collect();
        let text = format!("{before}{}{after}", pick.get(&dresses));
        let seen = redactor.scrub(&text);
        prop_assert!(!gives_away(&seen, &random, 12), "{text:?} became {seen:?}");
        prop_assert_eq!(redactor.scrub(&seen), seen.clone(), "masking twice changes nothing");
    }

    /// Knows nothing of how the redactor reads a text: hardly any of the dress itself may be left.
    #[test]
    fn hardly_anything_of_a_dress_is_left(
        random in "[A-Za-z0-9]{32}",
        before in chars(),
        after in chars(),
        pick in any::<prop::sample::Index>(),
    ) {
        let dresses = dresses(&random);
        let dress = pick.get(&dresses);
        let seen = knowing(&[&format!("ct_live_{random}")]).scrub(&format!("{before}{dress}{after}"));
        let left = longest_shared(dress, &seen);
        prop_assert!(left * 32 < dress.len() * 12, "{left} characters of {dress:?} are left in {seen:?}");
    }

    #[test]
    fn no_dress_of_an_undocumented_key_gets_through(
        key in "[!-~]{14,40}",
        before in "[ -~]{0,20}",
        pick in any::<prop::sample::Index>(),
    ) {
        let dresses = dresses(&key);
        let seen = knowing(&[&key]).scrub(&format!("{before} {}", pick.get(&dresses)));
        prop_assert!(!seen.contains(&key) && !gives_away(&seen, &key, 12), "{seen:?}");
    }

    #[test]
    fn twelve_in_a_row_are_enough(random in "[A-Za-z0-9]{32}", from in 0..20usize) {
        let redactor = knowing(&[&format!("ct_live_{random}")]);
        let part = &random[from..from + 12];
        for dress in dresses(part) {
            let seen = redactor.scrub(&format!("<{dress}>"));
            prop_assert!(!gives_away(&seen, part, 12), "{dress:?} became {seen:?}");
        }
    }

    #[test]
    fn a_text_without_secrets_is_unchanged(text in any::<String>(), wordy in "[a-z%\\\\\"{}: ]{0,200}") {
        let redactor = knowing(&[KEY]);
        prop_assert_eq!(redactor.scrub(&text), text);
        prop_assert_eq!(redactor.scrub(&wordy), wordy);
    }
}

#[test]
fn a_key_keeps_its_prefix_so_that_a_reader_knows_what_was_there() {
    assert_eq!(knowing(&[KEY]).scrub(&format!("x-api-key: {KEY}\n")), "x-api-key: ct_live_…\n");
}

#[test]
fn near_misses_are_masked_whole() {
    let redactor = knowing(&[KEY]);
    for near in [
        &KEY[..KEY.len() - 1],
        &format!("{KEY}x"),
        &KEY.replace("n4", "N4"),
        &KEY.replace("p6", "p7"),
        &KEY[..24],
    ] {
        assert_eq!(redactor.scrub(near), "ct_live_…");
    }
    assert_eq!(redactor.scrub(&KEY.replace("ct_live_", "ct_test_")), "ct_test_…");
}

#[test]
fn basic_credentials_are_masked() {
    let redactor = knowing(&[KEY]);
    let basic = |credentials: String| redactor.scrub(&format!("Basic {}", STANDARD.encode(credentials)));
    assert!(basic(format!("{KEY}:")).len() < 12, "{}", basic(format!("{KEY}:")));
    assert_eq!(basic("user:password is no secret".to_owned()), "Basic dXNlcjpwYXNzd29yZCBpcyBubyBzZWNyZXQ=");
}

#[test]
fn what_looks_like_a_key_is_masked_though_nobody_told() {
    let redactor = Redactor::default();
    assert_eq!(redactor.scrub("ct_live_abcd1234!"), "ct_live_…!");
    assert_eq!(redactor.scrub("ct_live_abc and ct_live_…"), "ct_live_abc and ct_live_…");
    assert!(!redactor.scrub(&STANDARD.encode(KEY)).contains("YTFiMmMz"));
}

#[test]
fn short_keys_are_masked_whole_and_very_short_ones_as_words() {
    let redactor = knowing(&["hunter2key", "abc"]);
    assert_eq!(redactor.scrub("hunter2key, HUNTER2KE, hunter2!"), "…, …, hunter2!");
    assert_eq!(redactor.scrub("abc abcd key=ABC"), "… abcd key=…");
    let redactor = knowing(&["ct_live_abc"]);
    assert_eq!(redactor.scrub("ct_live_abc abcd ct_live_abcd"), "… abcd …");
}

#[test]
fn a_mask_beside_an_escape_leaves_the_escape_whole() {
    assert_eq!(knowing(&[KEY]).scrub(&format!("k%3D{}%26x", &KEY[8..])), "k%3D…%26x");
}

#[test]
fn a_key_that_is_not_ascii_is_masked_at_character_boundaries() {
    let redactor = knowing(&["schlüsselgeheimnisß"]);
    assert_eq!(redactor.scrub("äschlüsselgeheimnisßä"), "ä…ä");
}

#[test]
fn own_words_stay_whole_and_what_comes_from_outside_does_not() {
    let redactor = knowing(&["ct_live_standard"]);
    redactor.keep("rate.standard");
    let text = "rate.standard (limit.standard) says: the standard key, xrate.standard";
    assert_eq!(redactor.scrub(text), "rate.standard (limit.standard) says: the … key, xrate.…");
    let event = |text: &str| {
        let result = crate::report::samples::result(
            "rate.standard",
            crate::scenario::model::Level::Must,
            crate::report::Verdict::Blocked(text.to_owned()),
        );
        Event::CheckFinished(Box::new(result))
    };
    let Event::CheckFinished(after) = redactor.event(&event("no standard")).unwrap() else { panic!() };
    assert_eq!(after.id, "rate.standard");
    assert_eq!(after.verdict, crate::report::Verdict::Blocked("no …".to_owned()));
    assert_eq!(after.file, "scenarios/auth/no-query.yaml");
}
