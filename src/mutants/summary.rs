//! A hunt in numbers, and for people: whatever is not as it should be, and how it ends.

use std::io::{self, Write};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::hunt::Hunt;
use super::judge::{Examined, MutantStatus};
use crate::amounts::{count, time};
use crate::mock::Group;
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};
use crate::scenario::Suite;
use crate::scenario::model::Level;

/// Checks that no mutant can break, and why. They are shown failing elsewhere.
const BEYOND_THE_MOCK: &[(&str, &str)] = &[(
    "auth.header-name-case",
    "the mock's HTTP library shows header names in small letters only; tests/contract shows it failing",
)];

/// A group of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "GroupView")]
pub struct GroupCount {
    /// Its name.
    pub group: String,
    /// Deviations played against.
    pub deviations: usize,
    /// Of these, caught by a check that is about what they break.
    pub caught: usize,
    /// Of these, caught as well, with checks failing that they do not declare.
    pub foreign: usize,
    /// Of these, caught by checks about something else only.
    pub weak: usize,
    /// Of these, not caught.
    pub survived: usize,
    /// Limiters and legal variants played against.
    pub conforming: usize,
    /// Of these, passed.
    pub passed: usize,
    /// Of both, those without a verdict.
    pub undecided: usize,
}

impl GroupCount {
    fn of(group: Group, examined: &[Examined]) -> Self {
        let group = group.to_string();
        let of_group = || examined.iter().filter(|one| one.mutant.group.as_deref() == Some(&group));
        let wrong = of_group().filter(|one| one.mutant.is_wrong()).count();
        let came_to = |wanted: MutantStatus| of_group().filter(|one| one.outcome == wanted).count();
        Self {
            deviations: wrong,
            caught: came_to(MutantStatus::Caught),
            foreign: came_to(MutantStatus::Foreign),
            weak: came_to(MutantStatus::Weak),
            survived: came_to(MutantStatus::Survived),
            conforming: of_group().count() - wrong,
            passed: came_to(MutantStatus::Passed),
            undecided: came_to(MutantStatus::Undecided),
            group,
        }
    }
}

/// A gating check that caught nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "IdleView")]
pub struct IdleCheck {
    /// Its id.
    pub check: String,
    /// Why no mutant can break it, where that is so.
    pub why: Option<&'static str>,
}

/// How many checks fail because of one deviation, or one server with several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "FailingView")]
pub struct Failing {
    /// On average.
    pub mean: f64,
    /// In the middle.
    pub median: f64,
    /// At most.
    pub most: usize,
}

impl Failing {
    /// Counts; none where there is nothing to count.
    fn of(numbers: impl Iterator<Item = usize>) -> Option<Self> {
        let mut sorted: Vec<usize> = numbers.collect();
        sorted.sort_unstable();
        let most = *sorted.last()?;
        let middles = &sorted[(sorted.len() - 1) / 2..=sorted.len() / 2];
        let mean = |numbers: &[usize]| numbers.iter().sum::<usize>() as f64 / numbers.len() as f64;
        Some(Self { mean: mean(&sorted), median: mean(middles), most })
    }
}

/// A hunt in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// The number the process exits with.
    #[serde(rename = "exit_code", serialize_with = "number")]
    #[schemars(with = "u8")]
    pub exit: ExitCode,
    /// The catalogue's groups, in numbers.
    // Only those of which something was played against.
    pub groups: Vec<GroupCount>,
    /// How many checks failed because of one of them; null unless the whole suite was played against all of them.
    pub failing: Option<Failing>,
    /// Gating checks that caught nothing; null unless every mutant was played against.
    #[serde(rename = "idle_checks")]
    pub idle: Option<Vec<IdleCheck>>,
    /// The deviations that the servers have together.
    #[serde(skip)]
    pub constituents: usize,
    /// Of these, named by a check that is about what it breaks.
    #[serde(skip)]
    pub named: usize,
    /// Checks that failed at a server that does not declare them.
    #[serde(skip)]
    pub foreign: usize,
    /// Servers at which as many checks fail as there are deviations.
    #[serde(skip)]
    pub causes_agree: usize,
}

fn number<S: Serializer>(exit: &ExitCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.code())
}

impl Summary {
    /// Counts a hunt.
    pub fn of(hunt: &Hunt, suite: &Suite) -> Self {
        let examined = || hunt.examined.iter();
        let wrong = || examined().filter(|one| one.mutant.is_wrong());
        let groups = Group::ALL.into_iter().map(|group| GroupCount::of(group, &hunt.examined));
        let idle = hunt.complete.then(|| idle(hunt, suite));
        Self {
            groups: groups.filter(|count| count.deviations + count.conforming > 0).collect(),
            constituents: wrong().map(|one| one.mutant.changes.len()).sum(),
            named: examined().map(|one| one.named.len()).sum(),
            foreign: examined().map(|one| one.foreign.len()).sum(),
            causes_agree: wrong().filter(|one| one.failing == one.mutant.changes.len()).count(),
            failing: Failing::of(wrong().map(|one| one.failing))
                .filter(|_| wrong().all(|one| one.whole_suite)),
            exit: exit(hunt, idle.as_deref().unwrap_or_default()),
            idle,
        }
    }
}

fn idle(hunt: &Hunt, suite: &Suite) -> Vec<IdleCheck> {
    // What another check explains was noticed all the same.
    let noticed = |one: &Examined, id: &str| {
        one.caught_by.iter().any(|by| by == id)
            || one.held.iter().any(|held| held.check == id && held.verdict == "explained")
    };
    let is_idle = |id: &str| !hunt.examined.iter().any(|one| noticed(one, id));
    let gating = suite.checks.iter().filter(|check| check.level != Level::Observe && is_idle(&check.id));
    let idle = gating.map(|check| IdleCheck {
        check: check.id.clone(),
        why: BEYOND_THE_MOCK.iter().find(|(id, _)| *id == check.id).map(|(_, why)| *why),
    });
    idle.collect()
}

fn exit(hunt: &Hunt, idle: &[IdleCheck]) -> ExitCode {
    let wrong = |one: &Examined| {
        !one.outcome.is_in_order() && !matches!(one.outcome, MutantStatus::Undecided)
            || !one.missed_by.is_empty()
            || !one.foreign.is_empty()
    };
    match () {
        () if hunt.interrupted => ExitCode::Interrupted,
        () if hunt.examined.iter().any(wrong) || idle.iter().any(|idle| idle.why.is_none()) => {
            ExitCode::Failed
        }
        () if hunt.examined.is_empty() || hunt.examined.iter().any(|one| !one.outcome.is_in_order()) => {
            ExitCode::Inconclusive
        }
        () => ExitCode::Conforms,
    }
}

/// Writes the table. `every` gives each mutant its row.
///
/// # Errors
/// Those of `out`.
pub fn print(
    hunt: &Hunt,
    summary: &Summary,
    every: bool,
    colour: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::default();
    let shown = |one: &&Examined| every || !one.outcome.is_in_order() || !one.missed_by.is_empty();
    let shown: Vec<&Examined> = hunt.examined.iter().filter(shown).collect();
    let width = shown.iter().map(|one| one.mutant.name.len()).max().unwrap_or(0);
    shown.iter().for_each(|one| row(&mut page, one, width));
    if !page.is_empty() {
        page.gap();
    }
    if hunt.composed {
        numbers(&mut page, hunt, summary);
    } else {
        groups(&mut page, hunt, summary);
    }
    last_lines(&mut page, hunt, summary);
    page.write(out, colour)
}

fn row(page: &mut Page, one: &Examined, width: usize) {
    let tone = match &one.outcome {
        MutantStatus::Passed | MutantStatus::Caught | MutantStatus::Named => Tone::Good,
        MutantStatus::Foreign | MutantStatus::Weak | MutantStatus::Undecided => Tone::Warn,
        MutantStatus::Accused | MutantStatus::Survived | MutantStatus::Missed => Tone::Bad,
    };
    let (word, name) = (one.outcome.word(), &one.mutant.name);
    if one.mutant.is_composed() {
        page.line(0, &[(tone, &format!("{word:11}")), (Tone::Plain, name)]);
        if !one.outcome.is_in_order() {
            constituents(page, one);
        }
        return;
    }
    let name = format!("  {name:width$}  ");
    page.line(
        0,
        &[(tone, &format!("{word:9}")), (Tone::Plain, &name), (Tone::Dim, &one.caught_by.join(", "))],
    );
    if !one.outcome.is_in_order() {
        page.line(11, &[(Tone::Dim, one.mutant.about)]);
    }
    if let Some(why) = &one.reason {
        page.line(11, &[(Tone::Plain, why)]);
    }
    if !one.missed_by.is_empty() {
        page.line(11, &[(Tone::Warn, "not caught by "), (Tone::Plain, &one.missed_by.join(", "))]);
    }
    for held in one.foreign.iter().chain(&one.held) {
        if !matches!(held.verdict, "advisory" | "explained") {
            page.line(11, &[(Tone::Dim, &format!("{} {}: {}", held.check, held.verdict, held.says))]);
        }
    }
}

/// What is not as it should be at a server with several deviations.
fn constituents(page: &mut Page, one: &Examined) {
    for change in &one.mutant.changes {
        page.line(11, &[(Tone::Dim, &format!("{}: {}", change.name, change.about))]);
    }
    for missed in &one.missed {
        page.line(11, &[(Tone::Warn, "not named: "), (Tone::Plain, missed.name)]);
        for check in &missed.checks {
            let why = if check.why.is_empty() { String::new() } else { format!(": {}", check.why) };
            page.line(13, &[(Tone::Dim, &format!("{} {}{why}", check.check, check.verdict))]);
        }
    }
    for held in &one.foreign {
        let says = format!("{}: {}", held.check, held.says);
        page.line(11, &[(Tone::Warn, "blamed too: "), (Tone::Plain, &says)]);
    }
    page.line(11, &[(Tone::Dim, &format!("again: trenchcheck mutants '{}'", one.mutant.name))]);
}

fn numbers(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let rows = [
        ("composed servers", hunt.examined.len()),
        ("constituents", summary.constituents),
        ("  named", summary.named),
        ("  missed", summary.constituents - summary.named),
        ("foreign failures", summary.foreign),
        ("as many causes as constituents", summary.causes_agree),
    ];
    for (name, number) in rows {
        page.line(0, &[(Tone::Plain, &format!("{name:32}{number:>4}"))]);
    }
    failing(page, summary, "server");
}

const HEADS: [&str; 8] =
    ["deviations", "caught", "foreign", "weak", "survived", "conforming", "passed", "undecided"];

fn groups(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let numbers = |of: &GroupCount| {
        [of.deviations, of.caught, of.foreign, of.weak, of.survived, of.conforming, of.passed, of.undecided]
    };
    let cells = |numbers: [usize; 8]| {
        let cells = numbers.iter().zip(HEADS).map(|(number, head)| {
            let width = head.len() + 2;
            if *number == 0 { format!("{:>width$}", ".") } else { format!("{number:>width$}") }
        });
        cells.collect::<String>()
    };
    let width = summary.groups.iter().map(|count| count.group.len()).max().unwrap_or(0).max(5);
    let heads: String = HEADS.iter().map(|head| format!("  {head}")).collect();
    page.line(0, &[(Tone::Strong, &format!("{:width$}{heads}", "Group"))]);
    let mut all = [0; 8];
    for group in &summary.groups {
        let numbers = numbers(group);
        for (sum, number) in all.iter_mut().zip(numbers) {
            *sum += number;
        }
        page.line(0, &[(Tone::Plain, &format!("{:width$}{}", group.group, cells(numbers)))]);
    }
    page.line(0, &[(Tone::Strong, &format!("{:width$}{}", "all", cells(all)))]);
    if let Some(reference) = hunt.examined.iter().find(|one| one.mutant.nature == "reference") {
        page.line(0, &[(Tone::Plain, &format!("The reference {}.", reference.outcome.word()))]);
    }
    failing(page, summary, "deviation");
    for check in summary.idle.iter().flatten() {
        let tone = if check.why.is_some() { Tone::Dim } else { Tone::Bad };
        let why = check.why.map(|why| format!(": {why}")).unwrap_or_default();
        page.line(0, &[(tone, &format!("{} catches nothing{why}", check.check))]);
    }
    if summary.idle.as_ref().is_some_and(Vec::is_empty) {
        page.line(0, &[(Tone::Plain, "Every gating check catches something.")]);
    }
}

/// How many checks fail because of one of these.
fn failing(page: &mut Page, summary: &Summary, of: &str) {
    let Some(failing) = &summary.failing else { return };
    let (mean, median, most) = (failing.mean, failing.median, failing.most);
    let line =
        format!("Failing checks a {of}: {mean:.2} on average, {median} in the middle, {most} at most.");
    page.line(0, &[(Tone::Plain, &line)]);
}

/// What was played, and how it ends.
fn last_lines(page: &mut Page, hunt: &Hunt, summary: &Summary) {
    let seed = hunt.seed.map(|seed| format!(" of seed {seed}")).unwrap_or_default();
    let played = count(hunt.examined.len() as u64, if hunt.composed { "composed server" } else { "mutant" });
    let requests = count(hunt.examined.iter().map(|one| one.requests).sum(), "request");
    let clock = if hunt.virtual_time { "virtual time" } else { "real time" };
    page.gap();
    page.line(
        0,
        &[(
            Tone::Plain,
            &format!("{played}{seed}, {requests} in {}, {clock}", time(Duration::from_millis(hunt.took_ms))),
        )],
    );
    let (tone, words) = match (summary.exit, hunt.composed) {
        (ExitCode::Interrupted, _) => (Tone::Warn, "interrupted before the end"),
        (ExitCode::Conforms, false) => (Tone::Good, "nothing wrong passes, and nothing conforming fails"),
        (ExitCode::Conforms, true) => (Tone::Good, "everything wrong is named, and nobody else is blamed"),
        (ExitCode::Inconclusive, false) => (Tone::Warn, "some mutants came to no verdict"),
        (ExitCode::Inconclusive, true) => (Tone::Warn, "some servers came to no verdict"),
        (_, false) => (Tone::Bad, "the suite has a gap"),
        (_, true) => (Tone::Bad, "something wrong is not named, or somebody else is blamed"),
    };
    page.line(0, &[(tone, words), (Tone::Plain, &format!(" (exit code {})", summary.exit.code()))]);
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::mutants::samples::{composed, composed_hunt, examined, hunt, mixed};
    use crate::report::Verdict;
    use crate::scenario::{Source, Suite};

    fn suite() -> Suite {
        Suite::load(&Source::Builtin).unwrap()
    }

    #[test]
    fn groups_are_counted_and_those_not_played_left_out() {
        let summary = Summary::of(&mixed(), &suite());
        let groups: Vec<&str> = summary.groups.iter().map(|count| count.group.as_str()).collect();
        assert_eq!(groups, ["authentication", "scopes", "limits"]);
        let first = &summary.groups[0];
        assert_eq!((first.deviations, first.caught, first.foreign, first.survived), (3, 1, 1, 1));
        assert_eq!((first.conforming, first.passed), (2, 1));
        assert_eq!((summary.groups[1].weak, summary.groups[2].undecided), (1, 1));
        assert_eq!((summary.exit, summary.idle), (ExitCode::Failed, None));
    }

    #[test]
    fn each_gap_fails_the_hunt_and_no_verdict_is_no_pass() {
        let exit = |one: Examined| Summary::of(&hunt(vec![one]), &suite()).exit;
        let bearer = |verdict| examined("accept-bearer", &[("auth.no-bearer", Level::Must, verdict)]);
        assert_eq!(exit(bearer(Verdict::Fail)), ExitCode::Conforms);
        assert_eq!(exit(bearer(Verdict::Pass)), ExitCode::Failed);
        // The check that is named beside the one that failed is not there: the catalogue promises too much.
        let one_of_two = examined("straddle-admitted", &[("events.straddle", Level::Must, Verdict::Fail)]);
        assert_eq!(exit(one_of_two), ExitCode::Failed);
        let accused = examined("jitter", &[("rate.standard", Level::Must, Verdict::Fail)]);
        assert_eq!(exit(accused), ExitCode::Failed);
        let unsure = Verdict::Inconclusive("slow".to_owned());
        assert_eq!(
            exit(examined("jitter", &[("rate.standard", Level::Must, unsure)])),
            ExitCode::Inconclusive
        );
        assert_eq!(Summary::of(&hunt(Vec::new()), &suite()).exit, ExitCode::Inconclusive);
    }

    #[test]
    fn a_check_that_caught_nothing_is_told_when_all_were_played() {
        let mut whole =
            hunt(vec![examined("accept-bearer", &[("auth.no-bearer", Level::Must, Verdict::Fail)])]);
        whole.complete = true;
        let summary = Summary::of(&whole, &suite());
        let idle = summary.idle.unwrap();
        assert!(!idle.iter().any(|idle| idle.check == "auth.no-bearer"));
        assert!(idle.iter().any(|idle| idle.check == "auth.missing" && idle.why.is_none()));
        assert!(idle.iter().any(|idle| idle.check == "auth.header-name-case" && idle.why.is_some()));
        assert!(
            !idle.iter().any(|idle| idle.check == "auth.options"),
            "what only observes need not catch anything"
        );
        assert_eq!(summary.exit, ExitCode::Failed);
        whole.interrupted = true;
        assert_eq!(Summary::of(&whole, &suite()).exit, ExitCode::Interrupted);
    }

    #[test]
    fn what_is_beyond_the_mock_is_a_check_of_the_suite_that_no_mutant_names() {
        let named: Vec<&str> = crate::mutants::mutants().iter().flat_map(|mutant| mutant.checks()).collect();
        for (id, _) in BEYOND_THE_MOCK {
            assert!(suite().checks.iter().any(|check| check.id == *id), "{id}");
            assert!(!named.contains(id), "{id}");
        }
    }

    #[test]
    fn who_else_is_blamed_fails_the_hunt_and_the_failing_checks_are_counted() {
        let blamed = examined(
            "accept-bearer",
            &[("auth.no-bearer", Level::Must, Verdict::Fail), ("auth.revoked", Level::Must, Verdict::Fail)],
        );
        let caught = examined("accept-basic", &[("auth.no-basic", Level::Must, Verdict::Fail)]);
        let summary = Summary::of(&hunt(vec![caught.clone(), blamed.clone()]), &suite());
        assert_eq!(
            (summary.groups[0].caught, summary.groups[0].foreign, summary.exit),
            (1, 1, ExitCode::Failed)
        );
        assert_eq!(summary.failing, Some(Failing { mean: 1.5, median: 1.5, most: 2 }));
        let in_part = Examined { whole_suite: false, ..caught };
        assert_eq!(Summary::of(&hunt(vec![in_part, blamed]), &suite()).failing, None);
        assert_eq!(Failing::of([7, 1, 3].into_iter()).map(|failing| failing.median), Some(3.0));
    }

    #[test]
    fn constituents_and_foreign_failures_are_counted() {
        let hunt = composed_hunt();
        let summary = Summary::of(&hunt, &suite());
        assert_eq!((hunt.examined.len(), summary.constituents, summary.named), (4, 9, 7));
        assert_eq!((summary.foreign, summary.causes_agree, summary.exit), (2, 2, ExitCode::Failed));
        assert_eq!(summary.failing.map(|failing| failing.most), Some(3));
    }

    #[test]
    fn misses_and_foreign_failures_fail_it_and_no_verdict_is_no_pass() {
        let exit = |results: &[(&str, Verdict)]| {
            let examined = vec![composed("accept-bearer+accept-cookie", results)];
            Summary::of(&Hunt { examined, ..composed_hunt() }, &suite()).exit
        };
        let bearer = ("auth.no-bearer", Verdict::Fail);
        let cookie = |verdict| ("auth.no-cookie", verdict);
        let open = || Verdict::Inconclusive("slow".to_owned());
        assert_eq!(exit(&[bearer.clone(), cookie(Verdict::Fail)]), ExitCode::Conforms);
        assert_eq!(exit(&[bearer.clone(), cookie(Verdict::Pass)]), ExitCode::Failed);
        assert_eq!(exit(&[bearer.clone(), cookie(open())]), ExitCode::Inconclusive);
        assert_eq!(exit(&[bearer.clone(), cookie(open()), ("auth.body", Verdict::Fail)]), ExitCode::Failed);
        assert_eq!(exit(&[bearer, cookie(Verdict::Fail), ("auth.body", Verdict::Fail)]), ExitCode::Failed);
        let none = Hunt { examined: Vec::new(), ..composed_hunt() };
        assert_eq!(Summary::of(&none, &suite()).exit, ExitCode::Inconclusive);
        let stopped = Hunt { interrupted: true, ..composed_hunt() };
        assert_eq!(Summary::of(&stopped, &suite()).exit, ExitCode::Interrupted);
    }

    fn printed(every: bool) -> String {
        let hunt = mixed();
        let summary = Summary::of(&hunt, &Suite::load(&Source::Builtin).unwrap());
        let mut out = Vec::new();
        print(&hunt, &summary, every, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_misjudged_comes_first_and_then_the_numbers() {
        assert_snapshot!(printed(false));
    }

    #[test]
    fn every_mutant_has_a_row_where_that_is_asked_for() {
        let (some, all) = (printed(false), printed(true));
        assert!(!some.contains("accept-bearer") && all.contains("caught     accept-bearer"), "{all}");
        assert!(all.contains("passed     json-indented"), "{all}");
    }

    fn printed_composed(every: bool) -> String {
        let hunt = composed_hunt();
        let mut out = Vec::new();
        print(&hunt, &Summary::of(&hunt, &Suite::default()), every, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_missed_comes_first_with_what_repeats_it() {
        assert_snapshot!(printed_composed(false));
    }

    #[test]
    fn every_server_has_a_row_where_that_is_asked_for() {
        let named = "named      accept-basic+window-30s";
        assert!(
            printed_composed(true).contains(named) && !printed_composed(false).contains(named),
            "{}",
            printed_composed(true)
        );
    }
}
