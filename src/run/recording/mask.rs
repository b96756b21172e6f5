//! Keeps keys out of evidence: whatever came from outside is masked.

use std::collections::BTreeMap;

use crate::report::Redactor;
use crate::run::evidence::{Evidence, Look};
use crate::run::judge::compared;

/// Masks every secret that the redactor knows in all that was sent and seen.
pub(super) fn mask(evidence: &mut Evidence, redactor: &Redactor) {
    let before = evidence.looks.clone();
    *evidence = redactor
        .masked(evidence)
        .unwrap_or_else(|error| unreachable!("evidence is read as it was written: {error}"));
    keep_apart(&mut evidence.looks, &before);
}

/// Bodies that had to be the same and were not must not become so.
fn keep_apart(looks: &mut [Look], before: &[Look]) {
    if looks.iter().zip(before).all(|(after, before)| after.body == before.body) {
        return;
    }
    let told = |look: &Look| compared(look).to_string();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (look, before) in looks.iter_mut().zip(before) {
        let group = groups.entry(told(look)).or_default();
        let own = told(before);
        let place = group.iter().position(|other| *other == own).unwrap_or_else(|| {
            group.push(own);
            group.len() - 1
        });
        look.alike = u32::try_from(place).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::{ApiKey, Tier};
    use crate::run::evidence::RunWide;
    use crate::run::evidence::{Burst, Deployment, Fresh, Gap, NotPlayed, Observation, Play, Request, Sent};
    use crate::run::finding::Finding;
    use crate::run::instant::Instant;
    use crate::run::learned::{Learned, Quota};
    use crate::scenario::model::Rule;

    const KEYS: [&str; 2] =
        ["ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "ct_live_z9y8x7w6v5u4t3s2r1q0p9o8n7m6l5k4"];

    fn look(body: &str) -> Look {
        let headers = vec![(KEYS[0].to_owned(), KEYS[1].to_owned())];
        Look { status: 401, headers, body: body.to_owned(), garbled: false, compressed: false, alike: 0 }
    }

    fn key() -> String {
        KEYS[0].to_owned()
    }

    fn sent() -> Sent {
        Sent {
            request: Request { method: key(), url: key(), headers: vec![(key(), key())], curl: key() },
            name: "list-sessions".to_owned(),
            outcome: Err(key()),
            key: "own".to_owned(),
            counted: true,
            on_promise: false,
            silence: Duration::ZERO,
            since: Instant::default(),
            let_in_while_used_up: 0,
            gives_back: false,
        }
    }

    #[test]
    fn a_key_in_any_text_of_the_target_is_masked() {
        let redactor = Redactor::default();
        redactor.learn(&ApiKey::new(KEYS[0]).unwrap());
        let burst = Burst { faults: vec![key()], notes: vec![key()], ..Burst::default() };
        let play = Play {
            experiment: "auth.missing".to_owned(),
            row: Vec::new(),
            keys: BTreeMap::new(),
            silence: None,
            seen: vec![
                Observation::Answer(Box::new(sent())),
                Observation::Burst(Box::new(burst)),
                Observation::Missing(Gap::Noise(key())),
                Observation::Listed { session: key(), found: true },
                Observation::Limiter(key()),
            ],
            requests: 1,
            took: Duration::ZERO,
        };
        let finding = Finding { what: key(), expected: key(), actual: key() };
        let left = NotPlayed { experiment: String::new(), row: Vec::new(), why: Gap::Skipped(key()) };
        let mut evidence = Evidence {
            deployment: Deployment { base_url: key(), ..Deployment::default() },
            looks: vec![look(&key())],
            plays: vec![play],
            not_played: vec![left],
            run: RunWide { breaches: [(Rule::NoKeyEchoed, (1, vec![finding]))].into(), ..RunWide::default() },
            learned: Learned { unreachable: Some(key()), ..Learned::default() },
        };
        mask(&mut evidence, &redactor);
        let text = serde_json::to_string(&evidence).unwrap();
        assert!(KEYS.iter().all(|key| !text.contains(&key[8..20])), "{text}");
        assert!(text.contains("\"auth.missing\"") && text.contains("ct_live_…"), "{text}");
    }

    /// Whose random part is a word that evidence is written in.
    #[test]
    fn a_key_that_is_one_of_our_words_spoils_nothing() {
        let burst = Burst { key: "own".to_owned(), fresh: Some(Fresh::Unused), ..Burst::default() };
        let play = Play {
            experiment: "rate.standard".to_owned(),
            row: vec![("tier".to_owned(), "standard".to_owned())],
            keys: BTreeMap::new(),
            silence: None,
            seen: vec![Observation::Nothing, Observation::Burst(Box::new(burst))],
            requests: 1,
            took: Duration::ZERO,
        };
        let learned = Learned { requests: [(Tier::Standard, Quota::Endless)].into(), ..Learned::default() };
        let before = Evidence { plays: vec![play], learned, ..Evidence::default() };
        for word in ["standard", "unused", "nothing", "endless", "own", "tier"] {
            let redactor = Redactor::default();
            redactor.learn(&ApiKey::new(format!("ct_live_{word}")).unwrap());
            let mut after = before.clone();
            mask(&mut after, &redactor);
            assert_eq!(
                serde_json::to_value(&after).unwrap(),
                serde_json::to_value(&before).unwrap(),
                "{word}"
            );
        }
    }

    #[test]
    fn bodies_that_differed_in_keys_are_told_apart() {
        let body = |key: &str| {
            look(&format!(r#"{{"error":{{"code":"UNAUTHORIZED","message":"no such key: {key}"}}}}"#))
        };
        let looks = vec![body(KEYS[0]), body(KEYS[1]), body("none"), body(KEYS[0])];
        let mut evidence = Evidence { looks, ..Evidence::default() };
        mask(&mut evidence, &Redactor::default());
        let alike: Vec<u32> = evidence.looks.iter().map(|look| look.alike).collect();
        assert_eq!(alike, [0, 1, 0, 0]);
        assert_eq!(evidence.looks[0].body, evidence.looks[1].body);
    }
}
