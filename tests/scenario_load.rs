//! Loading whole suites: what is sound is read, what is not is said where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;

use trenchcheck::scenario::model::{Action, Body, Experiment, Fact, Item};
use trenchcheck::scenario::{Source, Suite};

/// Loads the bad file on top of the good requests and fixtures, and shows what is said about it.
fn said_about(files: &[(&str, &[u8])]) -> String {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("scenarios");
    for sound in ["requests.yaml", "fixtures/errors/401.json", "fixtures/errors/429.json"] {
        write(&dir.join(sound), &fs::read(Path::new("tests/good").join(sound)).unwrap());
    }
    for (name, bytes) in files {
        write(&dir.join(name), bytes);
    }
    let said = Suite::load(&Source::Directory(dir)).expect_err("the file is bad").to_string();
    said.replace(room.path().to_str().unwrap(), "ROOM")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_good_corpus_is_read() {
    let suite =
        Suite::load(&Source::Directory("tests/good".into())).unwrap_or_else(|problems| panic!("{problems}"));
    let ids: Vec<&str> = suite.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(
        ids,
        ["auth.forms", "auth.no-query", "limits.everything", "limits.of-others", "limits.of-standard"]
    );
    // Its own, beside the shipped ones.
    let own = ["page-of-sessions", "undocumented"];
    assert!(own.iter().chain(&["overview"]).all(|name| suite.requests.contains_key(*name)));
    assert!(["errors/401.json", "errors/403.json"].iter().all(|name| suite.fixtures.contains_key(*name)));
    let check = &suite.checks[1];
    assert_eq!(check.tags, ["quick", "auth"]);
    assert_eq!((check.at.line, check.at.column), (1, 8));

    let experiment = experiment(&suite, "auth.no-query");
    assert_eq!(experiment.about, check.about);
    assert_eq!(experiment.cases.len(), 10);
    let second = [("name".to_owned(), "api_key".to_owned()), ("status".to_owned(), "4xx".to_owned())];
    assert_eq!(experiment.cases[1].row, second);
    let send = |case: usize, step: usize| match &experiment.cases[case].steps[step].action {
        Action::Send(send) => send.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(send(2, 0).credentials.unwrap().query.as_deref(), Some("apikey"));
    let body = Body::Text(r#"{"events": {"not": {}} {not json {escaped}"#.to_owned());
    assert_eq!(send(0, 1).body.unwrap(), body);
}

fn experiment<'s>(suite: &'s Suite, name: &str) -> &'s Experiment {
    suite.experiments.iter().find(|experiment| experiment.name == name).unwrap()
}

/// What is read of a case: the check with what it needs, and of each of its items the line and the steps.
fn readings(suite: &Suite, experiment: &str, case: usize) -> Vec<String> {
    let case = &self::experiment(suite, experiment).cases[case];
    let items = |items: &[Item]| -> Vec<String> {
        items.iter().map(|item| format!("{} {:?}", item.line, item.steps)).collect()
    };
    let readings = case.readings.iter().map(|reading| {
        let (id, needs) = (&suite.checks[reading.check].id, reading.needs.join(" "));
        format!("{id} ({needs}): {}", items(&reading.items).join(", "))
    });
    readings.collect()
}

#[test]
fn a_file_of_one_check_is_an_experiment_that_this_check_reads() {
    let suite = Suite::load(&Source::Directory("tests/good".into())).unwrap();
    let read = [
        "limits.everything (auth.forms): 11 [1], 13 [2], 15 [3], 23 [4], 26 [6], 30 [7], 31 [8], 35 [10], 37 [12]",
    ];
    assert_eq!(readings(&suite, "limits.everything", 0), read);
    let steps = &experiment(&suite, "limits.everything").cases[0].steps;
    assert_eq!(steps[8].row, "header=X-Real-IP");
    assert!(steps.iter().all(|step| step.name.is_none()));
}

#[test]
fn a_case_of_an_experiment_is_read_by_the_checks_that_chose_its_row() {
    let suite = Suite::load(&Source::Directory("tests/good".into())).unwrap();
    let of_standard = "limits.of-standard (): 36 [1]";
    let everything = "limits.everything (limits.of-standard): 54 []";
    assert_eq!(readings(&suite, "each-word", 0), [of_standard, everything]);
    let of_others = "limits.of-others (limits.of-standard): 47 [1], 44 [3], 46 [4, 5], 49 [7]";
    assert_eq!(readings(&suite, "each-word", 1), [of_others]);
    assert_eq!(readings(&suite, "each-word", 2), [of_others]);

    let experiment = experiment(&suite, "each-word");
    let case = &experiment.cases[2];
    assert!(case.one_account);
    assert_eq!(case.key.as_ref().unwrap().value, "ingestion");
    assert_eq!(case.readings[0].items[1].observe.as_deref(), Some("<status> for ingestion"));
    assert_eq!(experiment.cases[0].readings[0].learns, Some(Fact::Requests));
    let labels: Vec<_> = case.steps.iter().map(|step| (step.name.as_deref(), step.row.as_str())).collect();
    assert_eq!(
        labels[4..6],
        [(Some("as_another-1"), "header=Forwarded"), (Some("as_another-1"), "header=X-Real-IP")]
    );
    assert_eq!(case.steps[5].at.line, 21);
}

#[test]
fn every_bad_file_is_explained() {
    let mut files: Vec<_> = fs::read_dir("tests/bad").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let said = said_about(&[(&format!("auth/{name}"), &fs::read(&path).unwrap())]);
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), said);
    }
}

#[test]
fn the_builtin_suite_is_sound() {
    Suite::load(&Source::Builtin).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn all_files_are_looked_at_in_one_run() {
    let one = b"check: a.b\nclause: auth.header\nlevel: must\nabout: x\nsteps:\n  - wait: promis\n";
    let two =
        b"check: a.c\nclause: auth.hedaer\nlevel: must\nabout: x\nsteps: [{wait: soon}, {wait: late}]\n";
    let requests = b"requests:\n  bad: {endpoint: sesions}\n  nowhere: {method: GET}\n  both: {endpoint: events, path: x}\n";
    insta::assert_snapshot!(said_about(&[
        ("auth/one.yaml", one),
        ("limits/two.yaml", two),
        ("requests.yaml", requests),
        ("fixtures/errors/broken.json", b"{\"error\": \n  oops}"),
        (
            "auth/three.yaml",
            b"check: a.d\nclause: error.401\nlevel: must\nabout: x\nsteps:\n  - send: {request: bad}\n    expect: {json: {file: errors/broken.json}}\n"
        ),
    ]));
}

#[test]
fn an_id_belongs_to_one_check() {
    let check = b"check: a.b\nclause: auth.header\nlevel: must\nabout: x\nsteps: [{send: {}, expect: {status: 200}}]\n";
    insta::assert_snapshot!(said_about(&[("auth/one.yaml", check), ("limits/two.yaml", check)]));
}

#[test]
fn checks_that_are_named_are_there_once_and_need_no_circle() {
    let reader = |name: &str, checks: &str| {
        format!("experiment: {name}\nabout: x\nkey: read\nsteps: [{{send: {{}}, as: it}}]\nchecks:\n{checks}")
    };
    let home = |id: &str, needs: &str| {
        let head = "clause: auth.header, level: must, about: x";
        format!("  - {{check: {id}, {head}, needs: [{needs}], expect: {{it: {{status: 200}}}}}}\n")
    };
    let away = |id: &str| format!("  - {{check: {id}, expect: {{it: {{status: 200}}}}}}\n");
    let one =
        reader("one", &[home("a.b", "a.c, a.bb"), home("a.c", "a.d"), home("a.d", "a.b, a.d")].concat());
    let two = reader("one", &[home("a.c", ""), away("a.d"), away("a.e"), away("b.bb")].concat());
    let never =
        "check: a.never\nclause: auth.header\nlevel: must\nabout: x\nsteps: [{find_session: {session: s}}]\n";
    let never = never.replace("[{find", "[{send: {session: s}}, {find");
    insta::assert_snapshot!(said_about(&[
        ("auth/one.yaml", one.as_bytes()),
        ("auth/two.yaml", two.as_bytes()),
        ("auth/never.yaml", never.as_bytes())
    ]));
}

#[test]
fn a_key_is_never_repeated() {
    let secret = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6";
    let head = "clause: auth.header\nlevel: must\nabout: x\n";
    let files = [
        // In a value, in a comment beside a fault, as an unknown word, in a text that is no YAML, in an id, in a table.
        format!("check: a.a\n{head}steps: [{{send: {{request: ct_live_{secret}}}}}]\n"),
        format!("check: a.b\n{head}banana: 1 # ct_live_{secret}\nsteps: [{{send: {{}}}}]\n"),
        format!("check: a.c\n{head}steps: [{{sned: ct_live_{secret}}}]\n"),
        format!("check: \"ct_live_{secret}\n"),
        format!("check: ct_live_{secret}\n{head}steps: []\n"),
        format!(
            "check: a.d\n{head}for_each: {{k: [{secret}]}}\nsteps: [{{send: {{request: 'ct_live_{{k}}'}}}}]\n"
        ),
        format!("check: a.e\n{head}key: |\n  ct_live_{secret}\nsteps: []\n"),
        format!("check: a.f\n{head}key: \"ct_\\x6cive_{secret}\"\nsteps: []\n"),
    ];
    for file in &files {
        let said = said_about(&[("auth/x.yaml", file.as_bytes())]);
        assert!(!said.contains(&secret[..4]), "{said}");
        assert!(!said.contains(&secret[28..]), "{said}");
    }
}

#[test]
fn nothing_is_too_deep_or_too_large_for_an_answer() {
    let deep_flow = "[".repeat(200_000);
    let deep_block: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 400))).collect();
    let deep_list = "- ".repeat(100_000);
    let large = " ".repeat((1 << 20) + 1);
    let wide = format!("check: [{}]\n", "a, ".repeat(100_000));
    let anchors = "&a ".repeat(10_000);
    for file in [deep_flow, deep_block, deep_list, large, wide, anchors] {
        let said = said_about(&[("auth/x.yaml", file.as_bytes())]);
        assert!(said.contains("auth/x.yaml:"), "{}", &file[..10]);
    }
}

#[test]
fn a_directory_without_checks_is_an_error_that_names_it() {
    let said = Suite::load(&Source::Directory("tests/nowhere".into())).unwrap_err().to_string();
    assert!(said.contains("tests/nowhere:1:1") && said.contains("cannot be read"), "{said}");
    let room = tempfile::tempdir().unwrap();
    let said = Suite::load(&Source::Directory(room.path().into())).unwrap_err().to_string();
    assert!(said.contains("there are no checks in here"), "{said}");
}

#[test]
fn fixtures_may_lie_beside_the_scenarios_and_profiles_and_hidden_folders_are_no_checks() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("scenarios");
    let check = "check: a.b\nclause: error.401\nlevel: must\nabout: x\nsteps:\n  - send: {request: r}\n    expect: {json: {file: mine.json}}\n";
    write(&dir.join("auth/one.yaml"), check.as_bytes());
    write(&dir.join("..2026/one.yaml"), check.as_bytes());
    write(&dir.join("load/profile.yaml"), b"profile: x\n");
    write(&dir.join("requests.yaml"), b"requests: {r: {endpoint: sessions}}\n");
    write(&room.path().join("fixtures/mine.json"), b"{}");
    let suite = Suite::load(&Source::Directory(dir)).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(suite.checks.len(), 1);
    assert!(suite.fixtures.contains_key("mine.json"));
}

#[test]
fn line_ends_and_byte_order_marks_of_other_systems_change_nothing() {
    let sound = fs::read_to_string("tests/good/auth/forms.yaml").unwrap();
    let room = tempfile::tempdir().unwrap();
    write(
        &room.path().join("auth/forms.yaml"),
        format!("\u{feff}{}", sound.replace('\n', "\r\n")).as_bytes(),
    );
    write(&room.path().join("requests.yaml"), &fs::read("tests/good/requests.yaml").unwrap());
    let theirs =
        Suite::load(&Source::Directory(room.path().into())).unwrap_or_else(|problems| panic!("{problems}"));
    let ours = Suite::load(&Source::Directory("tests/good".into())).unwrap();
    assert_eq!(theirs.checks[0].at, ours.checks[0].at);
    assert_eq!(theirs.checks[0].about, ours.checks[0].about);
    assert_eq!(theirs.experiments[0].cases[7].steps[1].at, ours.experiments[0].cases[7].steps[1].at);
}
