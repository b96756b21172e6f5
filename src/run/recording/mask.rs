//! Keeps keys out of evidence. Each type is taken apart in full, so that a new field cannot be forgotten here. What stays as
//! it is are our own words: names of experiments, rows, requests, rules, and of the variables that hold keys.

use std::collections::{BTreeMap, HashMap};

use crate::report::Redactor;
use crate::run::admissions::Most;
use crate::run::evidence::{
    Burst, Deployment, Evidence, Gap, Look, NotPlayed, Observation, Paced, Play, Polled, Request, Sent,
};
use crate::run::judge::{Finding, compared};
use crate::run::learned::Learned;
use crate::run::trace::RunWide;

/// Masks every secret that the redactor knows in all that was sent and seen.
pub(super) fn mask(evidence: &mut Evidence, redactor: &Redactor) {
    let Evidence { deployment, looks, plays, not_played, run, learned } = evidence;
    let mut mask = Mask { redactor, known: HashMap::new() };
    let Deployment { base_url, extra_members_allowed: _, virtual_time: _, built_in: _ } = deployment;
    mask.text(base_url);
    mask.looks(looks);
    for play in plays {
        mask.play(play);
    }
    for NotPlayed { experiment: _, row: _, why } in not_played {
        mask.gap(why);
    }
    mask.run(run);
    mask.learned(learned);
}

struct Mask<'a> {
    redactor: &'a Redactor,
    /// What became of texts that came up before: most of them come up again and again.
    known: HashMap<String, String>,
}

impl Mask<'_> {
    fn text(&mut self, text: &mut String) {
        match self.known.get(text) {
            Some(masked) => text.clone_from(masked),
            None => {
                let masked = self.redactor.scrub(text);
                let before = std::mem::replace(text, masked.clone());
                self.known.insert(before, masked);
            }
        }
    }

    fn fields(&mut self, fields: &mut [(String, String)]) {
        for (name, value) in fields {
            self.text(name);
            self.text(value);
        }
    }

    fn looks(&mut self, looks: &mut [Look]) {
        let before: Vec<Look> = looks.to_vec();
        for look in looks.iter_mut() {
            let Look { status: _, headers, body, garbled: _, compressed: _, alike: _ } = look;
            self.fields(headers);
            self.text(body);
        }
        if looks.iter().zip(&before).all(|(after, before)| after.body == before.body) {
            return;
        }
        // Bodies that had to be the same and were not must not become so.
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (look, before) in looks.iter_mut().zip(&before) {
            let told = |look: &Look| compared(look).to_string();
            let group = groups.entry(told(look)).or_default();
            let own = told(before);
            let place = group.iter().position(|other| *other == own).unwrap_or_else(|| {
                group.push(own);
                group.len() - 1
            });
            look.alike = u32::try_from(place).unwrap_or(u32::MAX);
        }
    }

    fn play(&mut self, play: &mut Play) {
        let Play { experiment: _, row: _, keys: _, silence: _, seen, requests: _, took: _ } = play;
        for seen in seen {
            match seen {
                Observation::Nothing | Observation::UsedUp(_) => {}
                Observation::Missing(gap) => self.gap(gap),
                Observation::Answer(sent) => self.sent(sent),
                Observation::Burst(burst) => self.burst(burst),
                Observation::Paced(paced) => {
                    let Paced { key: _, answers: _, before: _, private: _ } = &**paced;
                }
                Observation::Polled(polled) => {
                    let Polled { key: _, over: _, began: _, early: _, refusals: _, last: _ } = &**polled;
                }
                Observation::Listed { session, found: _ } => self.text(session),
                Observation::Limiter(what) => self.text(what),
            }
        }
    }

    fn sent(&mut self, sent: &mut Sent) {
        let Sent {
            request,
            name: _,
            outcome,
            key: _,
            counted: _,
            on_promise: _,
            silence: _,
            since: _,
            let_in_while_used_up: _,
            gives_back: _,
        } = sent;
        let Request { method, url, headers, curl } = request;
        for text in [method, url, curl] {
            self.text(text);
        }
        self.fields(headers);
        if let Err(why) = outcome {
            self.text(why);
        }
    }

    fn burst(&mut self, burst: &mut Burst) {
        let Burst {
            key: _,
            answers: _,
            faults,
            batches: _,
            from: _,
            to: _,
            left_within: _,
            counted: _,
            together: _,
            in_flight: _,
            fresh: _,
            since: _,
            spent: _,
            silence: _,
            trickles: _,
            private: _,
            notes,
        } = burst;
        faults.iter_mut().chain(notes).for_each(|text| self.text(text));
    }

    fn gap(&mut self, gap: &mut Gap) {
        let (Gap::Blocked(why)
        | Gap::NotAdmitted(why)
        | Gap::Skipped(why)
        | Gap::Inconclusive(why)
        | Gap::Noise(why)
        | Gap::NeverLimited(why)) = gap;
        self.text(why);
    }

    fn run(&mut self, run: &mut RunWide) {
        let RunWide { breaches, limited: _, answers: _, most } = run;
        for Finding { what, expected, actual } in breaches.values_mut().flat_map(|(_, findings)| findings) {
            for text in [what, expected, actual] {
                self.text(text);
            }
        }
        for most in most {
            let Most { variable: _, admitted: _, limit: _, tier: _, from: _ } = most;
        }
    }

    fn learned(&mut self, learned: &mut Learned) {
        let Learned {
            envelope: _,
            http2: _,
            offers: _,
            keys: _,
            requests: _,
            refusal: _,
            sharing: _,
            slides: _,
            compressed: _,
            unreachable,
        } = learned;
        if let Some(why) = unreachable {
            self.text(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::ApiKey;
    use crate::run::clock::Instant;
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
