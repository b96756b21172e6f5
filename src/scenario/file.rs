//! The files of the scenario language, as they are written.
//!
//! A file of one check is short for an experiment that nobody else reads: [`Form::experiment`] brings it into that form,
//! every value with its place, and from there on there is one form only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{Expect, Fact, Level};
use super::steps::{Burst, Exhaust, FindSession, Fingerprint, Pace, Poll, RequestDef, Send};
use super::words::{StatusSet, WaitFor};
use crate::yaml::{Kind, Node, Spanned, Text};

/// Something that is done once and read by several checks.
///
/// Tables are filled in before it is read like this: their fields are here for the schema, and to refuse other ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExperimentFile {
    /// Its name, in small letters, digits and hyphens.
    pub(super) experiment: String,
    /// What is done, and why so.
    pub(super) about: String,
    /// The role of the key the steps use unless they name another: `standard`, `premium`, `ingestion`, `read`,
    /// `write`, `both` or `any`.
    pub(super) key: Option<Spanned<String>>,
    /// Further keys by the name the steps use for them, with their roles.
    #[serde(default)]
    pub(super) keys: BTreeMap<String, Spanned<String>>,
    /// Whether all keys belong to one account, as `account` in the target file tells. Skipped where they cannot.
    #[serde(default)]
    pub(super) one_account: bool,
    /// Plays the steps once for each value, with the value in place of `{name}`. With several names, once for
    /// each combination. Written `{{name}}`, the braces stay.
    #[serde(default, rename = "for_each")]
    pub(super) _for_each: BTreeMap<String, Vec<String>>,
    /// Plays the steps once for each row, with the row's values in place of `{name}`; where not every combination
    /// of values makes sense.
    #[serde(default, rename = "rows")]
    pub(super) _rows: Vec<BTreeMap<String, String>>,
    /// What is done, in order. In an experiment, what checks read has a name (`as`).
    pub(super) steps: Vec<StepFile>,
    /// The checks that read what comes to light.
    pub(super) checks: Vec<ReadingFile>,
}

/// A check that reads the evidence of an experiment: with all of its head where it is at home, with its id alone where
/// another file has that.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingFile {
    /// The check's id, `group.name` in lower case. It never changes: reports and known deviations name it.
    pub(super) check: Spanned<String>,
    /// The clause of the contract it enforces; see `trenchcheck explain`. Where several experiments are read, it is given
    /// in one of them, the check's home, with `level` and `about`.
    pub(super) clause: Option<String>,
    /// Further clauses it touches.
    #[serde(default)]
    pub(super) also: Vec<String>,
    /// How much it weighs.
    pub(super) level: Option<Level>,
    /// What it says, in a sentence or two.
    pub(super) about: Option<String>,
    /// Labels for `--tag`; the name of the folder is always one.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// The page it comes from, where that is not the *Authentication* page. Such a check is never at level `must`.
    pub(super) source: Option<String>,
    /// Reads only the rows with these values, such as `{tier: standard}` or `{tier: [premium, ingestion]}`.
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Values>")]
    pub(super) _only: BTreeMap<String, serde_json::Value>,
    /// Checks that name the cause where they fail: then a failure of this one is explained by them.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// Checks of the same promise elsewhere: where they are broken in the same words, it is one cause.
    #[serde(default)]
    pub(super) like: Vec<String>,
    /// What the run learns from it, to be used in all other checks.
    pub(super) learns: Option<Fact>,
    /// By the name of the evidence: the status that is taken for granted; with another one the check is skipped.
    #[serde(default)]
    pub(super) given: BTreeMap<String, StatusSet>,
    /// By the name of the evidence (`run`: every answer of the run): what must be true of it.
    #[serde(default)]
    pub(super) expect: BTreeMap<String, Expect>,
    /// By the name of the evidence: a fact to report. `<status>`, `<admitted>`, `<limited>`, `<other>`, `<limit>`,
    /// `<seconds>`, `<message>` and `<header NAME>` stand for what was seen.
    #[serde(default)]
    pub(super) observe: BTreeMap<String, String>,
    /// The names of evidence of which the step says itself what is to be found: of `find_session` and `fingerprint`.
    #[serde(default, rename = "reads")]
    pub(super) _reads: Vec<String>,
}

/// One value, or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it is there for its schema")]
enum Values {
    One(String),
    Any(Vec<String>),
}

/// Everything a step can do: the field it is written in, and what is read there.
macro_rules! actions {
    ($($(#[$doc:meta])* $field:ident: $action:ident($of:ty),)*) => {
        /// What a step does.
        #[derive(Debug, Clone)]
        pub enum Action {
            $($(#[$doc])* $action($of),)*
        }

        /// The fields of a step that say what it does.
        pub(super) const ACTIONS: &[&str] = &[$(stringify!($field)),*];

        // What a file of one check expects of a step is brought to its check, as tables are filled in.
        /// A step as it is written. Exactly one of the actions is given.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct StepFile {
            $($(#[$doc])* $field: Option<$of>,)*
            /// The name of what comes to light, under which `checks` read it.
            #[serde(rename = "as")]
            pub(super) name: Option<String>,
            /// Does the step once for each row, with the row's values in place of `{name}`; all of it is read under one name.
            #[serde(default, rename = "rows")]
            pub(super) _rows: Vec<BTreeMap<String, String>>,
            /// In a file of one check: the status that the rest takes for granted; with another one the check is skipped. For
            /// what the page leaves open.
            #[serde(rename = "given")]
            pub(super) _given: Option<StatusSet>,
            /// In a file of one check: what must be true of the answer, or of the answers.
            #[serde(rename = "expect")]
            pub(super) _expect: Option<Expect>,
            /// In a file of one check: a fact to report. `<status>`, `<admitted>`, `<limited>`, `<other>`, `<limit>`, `<seconds>`,
            /// `<message>` and `<header NAME>` stand for what was seen.
            #[serde(rename = "observe")]
            pub(super) _observe: Option<String>,
        }

        impl StepFile {
            /// The one thing it does.
            pub(super) fn action(self) -> Option<Action> {
                None$(.or(self.$field.map(Action::$action)))*
            }
        }
    };
}

actions! {
    /// Sends one request.
    send: Send(Send),
    /// Sends many requests, a few at once unless `in_flight` says otherwise.
    burst: Burst(Burst),
    /// Sends requests evenly over a time.
    pace: Pace(Pace),
    /// Asks a used-up key again and again.
    poll: Poll(Poll),
    /// Sends until the key is used up and some 429s have been collected.
    exhaust: Exhaust(Exhaust),
    /// Finds out how the limiter counts.
    fingerprint: Fingerprint(Fingerprint),
    /// Waits: `fresh-window` (until the key has a whole window in front of it), `promise` (the instant from which on the
    /// 429s seen so far promise to let the key in: the earliest of them, or the last one where each asking was answered
    /// with a later one), `first-promise` (the earliest in any case), `settled` (after a promise: until all that the burst
    /// before used is due back), or `silent-window` (a whole window in which the key sends nothing).
    wait: Wait(WaitFor),
    /// Revokes a key: `own`, or a name from `keys`. Skipped where the target cannot revoke.
    revoke: Revoke(Spanned<String>),
    /// Looks for the session of an earlier batch in the session list.
    find_session: FindSession(FindSession),
}

/// The requests that checks share, in `requests.yaml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsFile {
    /// Each by its name.
    pub(super) requests: BTreeMap<String, Spanned<RequestDef>>,
}

/// What a file of one check says of its check, as a check of an experiment does.
pub(super) const HEAD: [&str; 9] =
    ["check", "clause", "also", "level", "about", "tags", "source", "needs", "like"];
/// What it says of the experiment.
pub(super) const BODY: [&str; 5] = ["key", "keys", "for_each", "rows", "steps"];
/// What stands at a step there, and by the name of the evidence at a check of an experiment.
pub(super) const READ: [&str; 3] = ["expect", "given", "observe"];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One check, which has its steps to itself.
    Check,
    /// Steps, and checks that read what comes to light.
    Experiment,
}

impl Form {
    /// A file with `checks` and without `check` is an experiment that lacks its name.
    pub(super) fn of(root: &Node) -> Self {
        let is_experiment = root.has("experiment") || root.has("checks") && !root.has("check");
        if is_experiment { Self::Experiment } else { Self::Check }
    }

    /// The file as an experiment. Its steps are named by their places, where something is read of them.
    pub(super) fn experiment(self, text: &Text, root: Node) -> Node {
        if self == Self::Experiment {
            return root;
        }
        if !matches!(root.kind, Kind::Mapping(_)) {
            let some = "a mapping with fields such as `check`, `clause` or `about`";
            text.report(text.problem(root.at, format!("found {}, expected {some}", root.found())));
        }
        let fields = [&HEAD[..], &BODY].concat();
        for (key, _) in root.pairs().iter().filter(|(key, _)| !key.is_one_of(&fields)) {
            text.unknown_field(key, &fields);
        }
        let taken =
            |fields: &[&str]| root.pairs().iter().filter(|(key, _)| key.is_one_of(fields)).cloned().collect();
        let (mut check, mut all): (Vec<_>, Vec<_>) = (taken(&HEAD), taken(&BODY));
        for (_, steps) in all.iter_mut().filter(|(key, _)| key.text() == Some("steps")) {
            check.append(&mut by_name(steps));
        }
        all.extend(root.pair("about").cloned());
        all.extend(root.get("check").map(|id| (Node::word(id.at, "experiment"), id.clone())));
        let node = |kind| Node { at: root.at, kind };
        all.push((Node::word(root.at, "checks"), node(Kind::Sequence(vec![node(Kind::Mapping(check))]))));
        node(Kind::Mapping(all))
    }
}

/// Takes from each step what is read of it, and names the step; gives the fields of a check that reads the same.
fn by_name(steps: &mut Node) -> Vec<(Node, Node)> {
    let at = steps.at;
    let Kind::Sequence(steps) = &mut steps.kind else { return Vec::new() };
    let mut fields: BTreeMap<String, Vec<(Node, Node)>> = BTreeMap::new();
    let mut finding = Vec::new();
    for (place, step) in steps.iter_mut().enumerate() {
        let name = Node::word(step.at, place.to_string());
        let finds = step.has("find_session") || step.has("fingerprint");
        let Kind::Mapping(pairs) = &mut step.kind else { continue };
        let read: Vec<_> = pairs.extract_if(.., |(key, _)| key.is_one_of(&READ)).collect();
        pairs.retain(|(key, _)| key.text() != Some("as"));
        if finds || !read.is_empty() {
            pairs.push((Node::word(step.at, "as"), name.clone()));
        }
        for (key, value) in read {
            let field = fields.entry(key.written().to_owned()).or_default();
            field.push((Node { at: key.at, ..name.clone() }, value));
        }
        finding.extend(finds.then_some(name));
    }
    let read = fields.into_iter().map(|(field, named)| (field, Kind::Mapping(named)));
    let found = ("reads".to_owned(), Kind::Sequence(finding));
    read.chain([found]).map(|(field, kind)| (Node::word(at, field), Node { at, kind })).collect()
}

/// Reports what belongs to the other form, and words that are no longer there. What is said first of a place is what is
/// shown, so no other stage complains about them.
pub(super) fn misplaced_words(text: &Text, root: &Node, form: Form) {
    let begin = "begin with `experiment: NAME`, and put";
    if form == Form::Check {
        let help = format!("{begin} the check with what it expects below `checks`");
        refuse(text, root, "one_account", "is a word of experiments", &help);
        refuse(text, root, "checks", "stands beside `check`", &format!("{begin} this check below `checks`"));
    }
    for step in root.list("steps") {
        if form == Form::Check {
            let what = "names evidence for `checks`, and in a file of one check are none";
            refuse(text, step, "as", what, "leave it out; what must be true stands at the step itself");
        } else {
            for field in READ {
                let help =
                    format!("name the step with `as: NAME`, and write `{field}: {{NAME: …}}` at a check");
                refuse(text, step, field, "stands at a step, and this file has `checks` for it", &help);
            }
        }
        old_step(text, step);
        step.get("expect").into_iter().for_each(|expect| old_expect(text, expect));
    }
    let expected = root.list("checks").iter().flat_map(|check| check.pairs_at("expect"));
    expected.for_each(|(_, expect)| old_expect(text, expect));
}

fn refuse(text: &Text, node: &Node, field: &str, what: &str, help: &str) {
    if let Some((key, _)) = node.pair(field) {
        text.odd(key, what, help);
    }
}

fn old_step(text: &Text, step: &Node) {
    let expect = match step.part("review").text() {
        Some("every-429") => "each_429: …".to_owned(),
        rule => format!("holds: [{}]", rule.unwrap_or_default()),
    };
    let help = format!("in an experiment, a check says `expect: {{run: {{{expect}}}}}`");
    refuse(text, step, "review", "is no step any more", &help);
    refuse(text, step, "align", "is no step any more", "write `wait: fresh-window`");
    let help = "to use events up, write `burst: {request: …, events: left, batch: 1000}`";
    let exhaust = step.get("exhaust").into_iter();
    exhaust.for_each(|exhaust| refuse(text, exhaust, "batch", "is no word of `exhaust` any more", help));
    let wait = step.part("wait");
    if wait.written().starts_with("promise - ") {
        let help = "write `wait: promise`; `poll` asks before that instant, too";
        text.wrong(wait.at, "nothing waits for the time before a promise any more", help);
    } else if wait.written().starts_with(|mark: char| mark.is_ascii_digit()) {
        let help =
            "write `wait: silent-window` for a whole window, or `wait: promise` for as long as a 429 says";
        text.wrong(wait.at, "nothing waits for a number of seconds any more", help);
    }
}

fn old_expect(text: &Text, expect: &Node) {
    let gone = "is no word any more";
    refuse(text, expect, "accepted_at_most", gone, "write `accepted`: exactly so many");
    for (_, header) in expect.pairs_at("headers") {
        for field in ["equals", "matches"] {
            let help = "write `integer` for a number, or `lacks` for what must not be there";
            refuse(text, header, field, gone, help);
        }
    }
    expect.get("each_429").into_iter().for_each(|each| old_expect(text, each));
}
