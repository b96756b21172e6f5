//! Reading documents: what is read is what YAML says, and no text whatever is a reason to panic.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use trenchcheck::scenario::{Source, Suite};
use trenchcheck::yaml::{At, Problem, Problems, Spanned, mask_key_literals, read_document};

#[derive(Debug, Deserialize)]
struct Target {
    base_url: Spanned<String>,
    #[serde(default)]
    keys: BTreeMap<String, KeySource>,
    timeout: Option<u16>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeySource {
    Mock,
    Env(String),
    Pool { names: Vec<String> },
}

#[test]
fn a_document_of_another_kind_is_read_with_its_places() {
    let text = "# a target\nbase_url: http://localhost\nkeys: {a: mock, b: {env: KEY_B}, c: {pool: {names: [X, 7]}}}\n";
    let target: Target = read_document("target.yaml", text).unwrap();
    assert_eq!(*target.base_url, "http://localhost");
    assert_eq!(target.base_url.at, At { line: 2, column: 11 });
    assert_eq!(target.timeout, None);
    assert_eq!(target.keys["a"], KeySource::Mock);
    assert_eq!(target.keys["b"], KeySource::Env("KEY_B".to_owned()));
    assert_eq!(target.keys["c"], KeySource::Pool { names: vec!["X".to_owned(), "7".to_owned()] });
}

#[test]
fn everything_wrong_in_it_is_said_at_once() {
    let text = "base_ulr: http://localhost\nkeys:\n  a: mokc\n  b: env\n  c: {pool: {nams: []}}\n  d: {mock: 1}\n  e: {env: 1, mock: 2}\ntimeout: 70000\n";
    insta::assert_snapshot!(read_document::<Target>("target.yaml", text).unwrap_err());
}

#[test]
fn what_a_type_refuses_by_itself_has_the_place_of_the_value() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Even;

    impl TryFrom<String> for Even {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            if text.len().is_multiple_of(2) { Ok(Self) } else { Err(format!("`{text}` is odd")) }
        }
    }

    type Words = BTreeMap<String, Vec<Spanned<Even>>>;
    let problems = read_document::<Words>("words.yaml", "a: [ab, abc]\nb: [x, xy,\n  xyz]\n").unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| (problem.at.line, problem.at.column)).collect();
    assert_eq!(places, [(1, 9), (2, 5), (3, 3)]);
}

#[test]
fn a_caller_adds_problems_at_places() {
    let text = "base_url: ftp://localhost\n";
    let target: Target = read_document("target.yaml", text).unwrap();
    let problem = Problem::at("target.yaml", text, target.base_url.at, "`ftp` is no scheme for this")
        .help("write `http://` or `https://`")
        .nearest(Some("http"));
    insta::assert_snapshot!(Problems::from(problem));
}

#[test]
fn a_key_in_a_target_file_is_refused() {
    let text = "base_url: http://x\nkeys: {a: {env: ct_live_0123456789abcdef}}\n";
    let said = read_document::<Target>("target.yaml", text).unwrap_err().render(true);
    assert!(said.contains("environment variable") && !said.contains("0123"), "{said}");
}

fn both_ways(text: &str) -> (Result<Value, Problems>, Result<Value, serde_yaml::Error>) {
    (read_document("x.yaml", text), serde_yaml::from_str(text))
}

#[test]
fn serde_yaml_reads_the_same_from_every_shipped_file() {
    fn walk(root: &Path, seen: &mut usize) {
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let (ours, theirs) = both_ways(&fs::read_to_string(&path).unwrap());
                assert_eq!(ours.unwrap(), theirs.unwrap(), "{}", path.display());
                *seen += 1;
            }
        }
    }
    let mut seen = 0;
    for root in ["scenarios", "fixtures", "tests/good"] {
        walk(Path::new(root), &mut seen);
    }
    assert!(seen >= 4);
}

#[test]
fn serde_yaml_reads_the_same_from_every_notation() {
    let text = r#"
plain: [a b, 1, -1, +7, 0x1F, 0o17, 007, 1.5, -1e3, .5, true, false, null, ~, "", '', 1_000, 12:30, yes, Off]
quoted: ['it''s', "tab\tline\nunit \u00e9 \x41", "folded
  line"]
literal: |
  two
    lines
folded: >-
  one
  line
anchored: &it {a: [1, 2]}
alias: *it
empty:
? complex key
: value
nested:
- - - deep
- {flow: [in, {flow: x}]}
-
  - x
text with spaces: "a: b"   # a comment
url: http://host:80/path#no-comment
"#;
    let (ours, theirs) = both_ways(text);
    assert_eq!(ours.unwrap_or_else(|problems| panic!("{problems}")), theirs.unwrap());
}

fn value() -> impl Strategy<Value = Value> {
    // The separators of lines and paragraphs are written so that they come back with an indent: a slip of the writer's.
    let text = "[\\PC&&[^\\x{2028}\\x{2029}]]{0,8}";
    let word = prop_oneof!["[ -~]{0,12}", text, "[a-z0-9:{}\\[\\]#&*!|>'\"%@` \n\t-]{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e6..1.0e6).prop_map(|number: f64| Value::from(number)),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A sound file with a few bytes taken out, put in or put twice.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let sound = prop_oneof![
        Just(include_str!("good/auth/no-query.yaml")),
        Just(include_str!("good/auth/forms.yaml")),
        Just(include_str!("good/limits/everything.yaml")),
        Just(include_str!("good/limits/experiment.yaml")),
    ];
    let bit = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("\n".to_owned()),
        Just("\t".to_owned()),
        Just(": ".to_owned()),
        Just("- ".to_owned()),
        Just("&a ".to_owned()),
        Just("*a ".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("{name}".to_owned()),
        Just("? ".to_owned()),
        "\\PC{0,4}",
    ];
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, bit), 1..5);
    (sound, wounds).prop_map(|(sound, wounds)| {
        let mut bytes = sound.as_bytes().to_vec();
        for (index, taken, put) in wounds {
            let start = index.index(bytes.len());
            let end = (start + taken).min(bytes.len() - 1).max(start);
            bytes.splice(start..end, put.into_bytes());
        }
        bytes
    })
}

fn every_problem_has_a_place(bytes: &[u8]) {
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join("x.yaml"), bytes).unwrap();
    fs::copy("tests/good/requests.yaml", room.path().join("requests.yaml")).unwrap();
    if let Err(problems) = Suite::load(&Source::Directory(room.path().into())) {
        assert!(problems.iter().count() > 0);
        assert!(problems.iter().all(|problem| problem.at.line >= 1 && problem.at.column >= 1));
        assert!(problems.to_string().contains("x.yaml:"));
        assert!(!problems.render(true).is_empty());
    }
}

proptest! {
    #[test]
    fn serde_yaml_reads_the_same_from_what_it_wrote(value in value()) {
        let text = serde_yaml::to_string(&value).unwrap();
        let (ours, theirs) = both_ways(&text);
        prop_assert_eq!(ours.map_err(|problems| problems.to_string()), Ok(theirs.unwrap()), "{}", text);
    }

    #[test]
    fn no_text_is_a_reason_to_panic(text in "[ -~\n\t]{0,80}|\\PC{0,60}|([-?:,\\[\\]{}#&*!|>'\"%@`a \n\t]){0,80}") {
        every_problem_has_a_place(text.as_bytes());
    }

    #[test]
    fn no_bytes_are_a_reason_to_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        every_problem_has_a_place(&bytes);
    }

    #[test]
    fn no_damage_is_a_reason_to_panic(bytes in damaged()) {
        every_problem_has_a_place(&bytes);
    }

    #[test]
    fn masking_keeps_columns_and_leaves_no_key(before in "\\PC{0,10}", random in "[A-Za-z0-9]{8,40}", after in "[ .:]\\PC{0,10}") {
        let text = format!("{before}ct_live_{random}{after}");
        let masked = mask_key_literals(&text);
        prop_assert_eq!(masked.chars().count(), text.chars().count());
        prop_assert!(!masked.contains(&random));
    }
}
