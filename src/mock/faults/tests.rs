use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::contract::{ApiKey, Scope, Tier};
use crate::mock::behaviour::Behaviour;
use crate::mock::engine::Engine;
use crate::mock::keys::KeySpec;

const KEYS: [&str; 2] =
    ["ct_live_Aq3fT8mZr1LkW6xYc0PdVb5NsHj2GuEe", "ct_live_Zx5cVb8nMq2wEr4tYu6iOp1aSd3fGh7j"];
const PATHS: [&str; 3] = ["/api/v1/sessions", "/api/v1/events", "/w/default/api/v1/sessions"];

fn engine() -> Engine {
    let engine = Engine::new(Behaviour::default(), 0);
    for (name, key) in ["one", "two"].into_iter().zip(KEYS) {
        let spec =
            KeySpec { name: name.to_owned(), scopes: vec![Scope::ReadAnalytics], plan: Tier::Standard };
        let workspace = engine.default_workspace();
        engine.create_key(&workspace, format!("key_{name}"), spec, &ApiKey::new(key).unwrap(), 0).unwrap();
    }
    engine
}

fn plan(engine: &Engine, faults: &Faults, path: &str, key: &str, now: u64) -> FaultPlan {
    let headers: &[(&str, &[u8])] = &[("x-api-key", key.as_bytes())];
    let request = Request { method: "GET", path, headers, ..Request::default() };
    faults.plan(engine.locate(&request).key.as_deref(), &request, || now)
}

fn specs() -> impl Strategy<Value = FaultSpec> {
    let key = prop::option::of(prop::sample::select(vec!["one", "key_two"]));
    let path = prop::option::of(prop::sample::select(vec!["/api/v1/sessions", "/api/v1/*", "/w/default/*"]));
    let numbers = (prop::option::of(0_u64..6), prop::option::of(1_u64..5), prop::option::of(0_u64..50));
    (key, path, numbers, 0..4).prop_map(|(key, path, (first, every, for_ms), effect)| FaultSpec {
        key: key.map(str::to_owned),
        path: path.map(str::to_owned),
        first,
        every,
        for_ms,
        latency_ms: (effect == 0).then_some(7),
        status: (effect == 1).then_some(503),
        truncate: (effect == 2).then_some(3),
        reset: (effect == 3).then_some(ResetWhen::Before),
        ..FaultSpec::default()
    })
}

/// Which faults meet a request, in the most obvious way.
fn oracle(specs: &[FaultSpec], asked: &[(usize, usize, u64)]) -> Vec<Vec<usize>> {
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    let mut all = Vec::new();
    for &(path, key, now) in asked {
        let (mut met, mut decided) = (Vec::new(), false);
        for (number, spec) in specs.iter().enumerate() {
            let right_key = match spec.key.as_deref() {
                None => true,
                Some("one") => key == 0,
                Some(_) => key == 1,
            };
            let right_path = match spec.path.as_deref() {
                None | Some("/api/v1/*") => true,
                Some("/api/v1/sessions") => path != 1,
                Some(_) => path == 2,
            };
            if !right_key || !right_path || spec.for_ms.is_some_and(|ms| now >= ms) {
                continue;
            }
            let count = counts.entry(number).or_default();
            *count += 1;
            let on_turn = spec.first.is_none_or(|first| *count <= first)
                && spec.every.is_none_or(|every| count.is_multiple_of(every));
            if on_turn && (spec.latency_ms.is_some() || !decided) {
                decided |= spec.latency_ms.is_none();
                met.push(number);
            }
        }
        all.push(met);
    }
    all
}

proptest! {
    #[test]
    fn every_request_meets_the_faults_that_are_meant_for_it(
        specs in prop::collection::vec(specs(), 0..6),
        mut asked in prop::collection::vec((0..PATHS.len(), 0..KEYS.len(), 0_u64..60), 0..60),
    ) {
        asked.sort_by_key(|(_, _, now)| *now);
        let (engine, faults) = (engine(), Faults::default());
        for spec in &specs {
            faults.add(spec.clone(), 0).unwrap();
        }
        let expected = oracle(&specs, &asked);
        for (&(path, key, now), expected) in asked.iter().zip(&expected) {
            let plan = plan(&engine, &faults, PATHS[path], KEYS[key], now);
            let expected: Vec<String> = expected.iter().map(|number| format!("fault_{}", number + 1)).collect();
            let met: Vec<String> = plan.faults.iter().map(ToString::to_string).collect();
            prop_assert_eq!(met, expected);
        }
        for fault in faults.list.read().iter() {
            let named = |number: &usize| *fault.id == *format!("fault_{}", number + 1);
            let met = expected.iter().flatten().filter(|number| named(number)).count() as u64;
            prop_assert_eq!(fault.met.load(Ordering::Relaxed), met);
        }
    }
}

#[test]
fn delays_add_up_and_the_first_of_all_else_decides() {
    let (engine, faults) = (engine(), Faults::default());
    let fault = |spec: FaultSpec| faults.add(spec, 0).unwrap();
    fault(FaultSpec { latency_ms: Some(5), ..FaultSpec::default() });
    fault(FaultSpec { truncate: Some(1), ..FaultSpec::default() });
    fault(FaultSpec { status: Some(500), ..FaultSpec::default() });
    fault(FaultSpec { latency_ms: Some(6), ..FaultSpec::default() });
    let plan = plan(&engine, &faults, PATHS[0], "nobody's", 0);
    assert_eq!(plan.delay, Duration::from_millis(11));
    assert!(matches!(plan.decisive.unwrap().effect, Effect::Truncate(1)));
    let counted: Vec<u64> = faults.list(0).iter().map(|fault| fault.met.load(Ordering::Relaxed)).collect();
    assert_eq!(counted, [1, 1, 0, 1], "who decides nothing met nothing");
}

#[test]
fn one_request_of_each_flush_is_met_and_other_conditions_count_those_alone() {
    let met = |spec: FaultSpec| {
        let (engine, faults) = (engine(), Faults::default());
        faults.add(FaultSpec { status: Some(429), in_flush: Some(2), ..spec }, 0).unwrap();
        let times = [0, 10, 1_009, 2_100, 2_200, 5_000, 5_999, 6_998];
        let meets = |at: &u64| !plan(&engine, &faults, PATHS[1], KEYS[0], *at).faults.is_empty();
        times.into_iter().filter(meets).collect::<Vec<u64>>()
    };
    assert_eq!(met(FaultSpec::default()), [10, 2_200, 5_999]);
    assert_eq!(met(FaultSpec { first: Some(1), ..FaultSpec::default() }), [10]);
    assert_eq!(met(FaultSpec { every: Some(2), ..FaultSpec::default() }), [2_200]);
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_by_name() {
    let wrong = |text: &str| {
        let spec: FaultSpec = serde_json::from_str(text).unwrap();
        spec.check().unwrap_err().to_string()
    };
    assert!(wrong("{}").contains("needs one of"));
    assert!(wrong(r#"{"status":503,"reset":"after"}"#).contains("`status` and `reset`"));
    assert!(
        wrong(r#"{"reset":"before","retry_after":1}"#)
            .contains("`retry_after` means nothing without `status`")
    );
    for (text, name) in [
        (r#"{"status":99}"#, "`status`"),
        (r#"{"status":500,"share":1.5}"#, "`share`"),
        (r#"{"status":500,"every":0}"#, "`every`"),
        (r#"{"status":500,"in_flush":0}"#, "`in_flush`"),
        (r#"{"latency_ms":600001}"#, "`latency_ms`"),
    ] {
        assert!(wrong(text).starts_with(name), "{}", wrong(text));
    }
    assert!(serde_json::from_str::<FaultSpec>(r#"{"statsu":500}"#).is_err());
}

#[test]
fn there_are_only_so_many_and_those_that_are_over_do_not_count() {
    let faults = Faults::default();
    let fault =
        |now| faults.add(FaultSpec { status: Some(500), for_ms: Some(10), ..FaultSpec::default() }, now);
    for _ in 0..MAX_FAULTS {
        fault(0).unwrap();
    }
    assert_eq!(fault(9).unwrap_err(), BadFault::TooMany);
    assert!(fault(10).is_ok());
    assert_eq!(faults.list(10).len(), 1);
    assert!(faults.remove("fault_101") && faults.list(10).is_empty());
}

#[test]
fn a_configuration_replaces_its_own_faults_and_no_others() {
    let faults = Faults::default();
    let status = |status| FaultSpec { status: Some(status), ..FaultSpec::default() };
    let listed = || faults.list(0).iter().map(|fault| fault.spec.status.unwrap()).collect::<Vec<_>>();
    faults.configure(&[status(501), status(502)], 0);
    faults.add(status(503), 0).unwrap();
    assert_eq!(listed(), [501, 502, 503]);
    faults.configure(&[status(504)], 0);
    assert_eq!(listed(), [504, 503]);
    faults.reset(0);
    assert_eq!(listed(), [504]);
}
