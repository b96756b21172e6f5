//! Load profiles as files: the shipped ones are sound, and bad ones are refused at the place, with the mend.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use trenchcheck::load::profile::{Library, Profile};
use trenchcheck::scenario::Source;

fn refused(name: &str) -> String {
    let file = format!("tests/bad-load/{name}.yaml");
    Profile::read(&file, &std::fs::read_to_string(&file).unwrap()).unwrap_err().to_string()
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    insta::assert_snapshot!(refused("semantics"));
}

#[test]
fn a_slip_is_told_with_what_was_meant() {
    insta::assert_snapshot!(refused("words"));
}

#[test]
fn thresholds_that_say_nothing_are_refused() {
    insta::assert_snapshot!(refused("thresholds"));
    insta::assert_snapshot!(refused("comparisons"));
}

#[test]
fn shipped_profiles_are_called_like_their_files() {
    let profiles = Library(&Source::Builtin).all().unwrap();
    assert_eq!(profiles.len(), 13);
    for shelved in profiles {
        assert_eq!(shelved.file, format!("scenarios/load/{}.yaml", shelved.profile.profile.value));
    }
}

#[test]
fn an_unknown_name_is_told_with_those_there_are() {
    let error = Library(&Source::Builtin).find("sustain").unwrap_err().to_string();
    assert!(
        error.contains("`sustain`; did you mean `sustain-premium`? there are ceiling-events, "),
        "{error}"
    );
}

#[test]
fn shipped_profiles_keep_to_the_schema() {
    let validator = jsonschema::validator_for(&Profile::schema()).unwrap();
    for shelved in Library(&Source::Builtin).all().unwrap() {
        let profile: serde_json::Value = serde_yaml::from_str(&shelved.text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&profile).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", shelved.file);
    }
}
