//! Which failure explains which: one cause, one failure.
//!
//! A check says which others name the cause where they fail (`needs`). What is broken, or could not be judged, because of
//! such a one is explained by it; what is left are the causes.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{self, Broken, Doubt, Judged, Measured};
use super::limiters::Suspicion;
use super::options::Options;
use crate::amounts::{count, grouped};
use crate::contract::Scope;
use crate::report::{Cause, CheckResult, Failure, KnownDeviation, Verdict, Way, plays_again};
use crate::scenario::Suite;
use crate::scenario::model::{Fact, Level};

/// What the checks of a run come to: a result for each, and what is wrong, each cause once, the gravest first. `again` is the
/// command line that plays them again.
pub(crate) fn attribute(
    suite: &Suite,
    judged: Vec<Judged>,
    options: &Options,
    again: &str,
) -> (Vec<CheckResult>, Vec<Cause>) {
    let judged = the_same_of_every_tier(suite, beside_unsettled_limits(suite, judged));
    let roots = Search::new(suite, &judged, options).roots();
    let mut causes: BTreeMap<String, Cause> = BTreeMap::new();
    for judged in judged.iter().filter(|judged| !judged.failures.is_empty()) {
        let check = &suite.checks[judged.check];
        if !roots.contains_key(&check.id) {
            causes.insert(check.id.clone(), cause(suite, judged, options, again));
        }
    }
    for (explained, root) in &roots {
        if let Some(cause) = causes.get_mut(root) {
            cause.explains.push(explained.clone());
        }
    }
    let results = judged
        .into_iter()
        .map(|judged| {
            let root = roots.get(&suite.checks[judged.check].id).and_then(|root| causes.get(root));
            result(suite, judged, root, options)
        })
        .collect();
    let mut causes: Vec<Cause> = causes.into_values().collect();
    causes.sort_by_key(|cause| (!cause.gates, std::cmp::Reverse(cause.explains.len()), cause.check.clone()));
    (results, causes)
}

/// The checks that name what a tier gets.
fn owners_of_limits(suite: &Suite) -> BTreeSet<usize> {
    let readings = suite.experiments.iter().flat_map(|one| &one.cases).flat_map(|case| &case.readings);
    readings.filter(|reading| reading.learns == Some(Fact::Requests)).map(|reading| reading.check).collect()
}

/// Says what is wrong with the numbers of all tiers in the same words, where they are wrong in the same way: it has one cause.
fn the_same_of_every_tier(suite: &Suite, mut judged: Vec<Judged>) -> Vec<Judged> {
    let owners = owners_of_limits(suite);
    let is_judged =
        |one: &&mut Judged| owners.contains(&one.check) && (one.held > 0 || !one.failures.is_empty());
    let mut of_tiers: Vec<&mut Judged> = judged.iter_mut().filter(is_judged).collect();
    let mut numbers: Vec<Measured> = of_tiers.iter().filter_map(|one| one.measured).collect();
    numbers.sort_by_key(|measured| measured.documented);
    if let Some(words) = told_of_all(&numbers).filter(|_| numbers.len() == of_tiers.len()) {
        for one in &mut of_tiers {
            let told = one.measured.map(|measured| judge::gets(measured.number, measured.documented));
            let number = one.failures.iter_mut().filter(|broken| Some(&broken.failure.what) == told.as_ref());
            number.for_each(|broken| broken.failure.what.clone_from(&words));
        }
    }
    judged
}

/// What all these numbers have in common, if they are off by as many requests, or by the same share.
fn told_of_all(numbers: &[Measured]) -> Option<String> {
    let (first, others) = numbers.split_first().filter(|(_, others)| !others.is_empty())?;
    let off = |one: &Measured| i64::from(one.number) - i64::from(one.documented);
    let product = |one: u32, other: u32| u64::from(one) * u64::from(other);
    let all: Vec<String> = numbers.iter().map(|one| grouped(one.number.into())).collect();
    let all = all.join(", ");
    if others.iter().all(|other| off(other) == off(first)) {
        let (requests, way) = (off(first).unsigned_abs(), if off(first) > 0 { "more" } else { "fewer" });
        let requests = count(requests, "request");
        return Some(format!("each tier gets {requests} {way} in a window than it is due: {all}"));
    }
    let is_same_share =
        |other: &Measured| product(other.number, first.documented) == product(first.number, other.documented);
    let share = product(first.number, 100) / u64::from(first.documented);
    others
        .iter()
        .all(is_same_share)
        .then(|| format!("each tier gets {share} % of its quota in a window: {all}"))
}

/// Takes back what is refused to a key whose limit could not be told: nobody knows what it was due.
fn beside_unsettled_limits(suite: &Suite, judged: Vec<Judged>) -> Vec<Judged> {
    let owners = owners_of_limits(suite);
    let unsettled: BTreeMap<String, String> = judged
        .iter()
        .filter(|judged| owners.contains(&judged.check) && judged.failures.is_empty())
        .filter_map(|judged| Some((suite.checks[judged.check].id.clone(), judged.unsure.first()?.clone())))
        .collect();
    let settled = |mut judged: Judged| {
        for Broken { failure, needs } in std::mem::take(&mut judged.failures) {
            let unsettled = needs.iter().find_map(|need| unsettled.get_key_value(need));
            match unsettled.filter(|_| !matches!(failure.way, Way::LetsIn | Way::Opens)) {
                Some((owner, why)) => {
                    judged.unsure.push(format!("{owner} may be the cause, and is open: {why}"))
                }
                None => judged.failures.push(Broken { failure, needs }),
            }
        }
        judged
    };
    judged.into_iter().map(settled).collect()
}

/// The search for causes.
pub(crate) struct Search<'a> {
    by_id: BTreeMap<&'a str, &'a Judged>,
    suite: &'a Suite,
    options: &'a Options,
}

impl<'a> Search<'a> {
    pub(crate) fn new(suite: &'a Suite, judged: &'a [Judged], options: &'a Options) -> Self {
        let by_id = judged.iter().map(|judged| (suite.checks[judged.check].id.as_str(), judged)).collect();
        Self { by_id, suite, options }
    }

    /// The checks that others explain, each with the one that names the cause.
    fn roots(&self) -> BTreeMap<String, String> {
        let open = self.by_id.iter().filter(|(_, judged)| is_open(judged));
        let found = open.filter_map(|(id, _)| Some((*id, self.root(id, &mut BTreeSet::new())?)));
        found.filter(|(id, root)| id != root).map(|(id, root)| (id.to_owned(), root.to_owned())).collect()
    }

    /// Whether another check names the cause of what a case of this one left open.
    pub(crate) fn explains(&self, judged: &'a Judged, doubt: &'a Doubt) -> bool {
        let seen = BTreeSet::from([self.suite.checks[judged.check].id.as_str()]);
        let last = doubt.suspicions.last();
        let came_back = matches!(last, Some(Suspicion::CameBack { .. }));
        // That too many were let in is explained by that alone which lets somebody in.
        let is_too_many = matches!(last, Some(Suspicion::TooMany { .. }));
        let lets_in = |judged: &Judged| {
            judged.failures.iter().any(|broken| matches!(broken.failure.way, Way::LetsIn | Way::Opens))
        };
        // What was judged by a measured number is not explained by it.
        let mut needed =
            self.needed(judged, &doubt.needs, &seen).filter(|(_, needed)| needed.measured.is_none());
        needed.any(|(id, needed)| {
            let root = self.speaks_of(id, needed, (&doubt.row, doubt.way), &seen);
            let Some(root) = root.and_then(|root| self.by_id.get(root)) else { return false };
            // Nor is quota that comes back explained by what came back.
            !(came_back && root.is_all_refilled()) && (!is_too_many || lets_in(needed) || lets_in(root))
        })
    }

    /// The check that names the cause of what `id` came to: itself, where it is broken and no other one explains all of
    /// that.
    fn root(&self, id: &'a str, seen: &mut BTreeSet<&'a str>) -> Option<&'a str> {
        seen.insert(id);
        let judged = self.by_id.get(id)?;
        if judged.failures.is_empty() {
            return self
                .needed(judged, &judged.needs, seen)
                .find_map(|(need, _)| self.root(need, &mut seen.clone()));
        }
        if judged.is_all_refilled()
            && let Some((id, _)) = self.by_id.iter().find(|(id, other)| other.refills && !seen.contains(*id))
        {
            return self.root(id, &mut seen.clone());
        }
        let explains = |Broken { failure, needs }: &'a Broken| {
            let alike =
                judged.like.iter().filter_map(|like| self.other(like, judged, seen)).find(|(_, other)| {
                    other.failures.iter().any(|other| is_said_of_both(&other.failure.what, &failure.what))
                });
            match alike {
                Some((id, _)) => self.root(id, &mut seen.clone()),
                // A number that was the same each time has no other cause.
                None if judged.measured.is_some() => None,
                None => self.cause_of(judged, needs, (&failure.case, failure.way), seen),
            }
        };
        let roots: Option<Vec<&str>> = judged.failures.iter().map(explains).collect();
        match roots.and_then(|roots| roots.first().copied()) {
            Some(root) => Some(root),
            None => Some(id),
        }
    }

    /// The check that names the cause of what came of a case: one of those it needs, or what explains that one. What is
    /// broken is explained by what is broken alone.
    fn cause_of(
        &self,
        judged: &'a Judged,
        needs: &'a BTreeSet<String>,
        (case, way): (&str, Way),
        seen: &BTreeSet<&'a str>,
    ) -> Option<&'a str> {
        let broken = |(_, needed): &(&str, &Judged)| !needed.failures.is_empty() && needed.measured.is_none();
        let mut broken = self.needed(judged, needs, seen).filter(broken);
        broken.find_map(|(id, needed)| self.speaks_of(id, needed, (case, way), seen))
    }

    /// The check that names the cause of what a needed one came to, where it may be about this case.
    fn speaks_of(
        &self,
        id: &'a str,
        needed: &'a Judged,
        (case, way): (&str, Way),
        seen: &BTreeSet<&'a str>,
    ) -> Option<&'a str> {
        let root = self.root(id, &mut seen.clone())?;
        // What was not judged speaks through that which names why.
        let speaks = if needed.failures.is_empty() { self.by_id.get(root)? } else { needed };
        let may_be = |Broken { failure: other, .. }: &Broken| {
            are_of_one_case(case, &other.case) && may_explain(other.way, way)
        };
        speaks.failures.iter().any(may_be).then_some(root)
    }

    /// Those of the checks that it needs which are open.
    fn needed(
        &self,
        judged: &'a Judged,
        needs: &'a BTreeSet<String>,
        seen: &BTreeSet<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a Judged)> {
        let open = needs.iter().filter_map(|need| self.other(need, judged, seen));
        open.filter(|(need, needed)| {
            !needed.failures.is_empty() || self.root(need, &mut seen.clone()).is_some()
        })
        .collect::<Vec<_>>()
        .into_iter()
    }

    /// Another check that is open and may explain this one: what does not gate must not hide what does.
    fn other(&self, id: &str, judged: &Judged, seen: &BTreeSet<&'a str>) -> Option<(&'a str, &'a Judged)> {
        let (id, other) = self.by_id.get_key_value(id)?;
        let weight = |judged: &Judged| gates(self.suite.checks[judged.check].level, self.options);
        let hides = !judged.failures.is_empty() && weight(judged) && !weight(other);
        // What is itself explained by quota coming back explains nothing of that.
        let follows = judged.refills && other.is_all_refilled();
        (is_open(other) && !hides && !follows && !seen.contains(id)).then_some((*id, *other))
    }
}

/// Whether two failures are told in the same words, whichever scope each is about.
fn is_said_of_both(one: &str, other: &str) -> bool {
    let of_any_scope = |text: &str| {
        let scopes = [Scope::ReadAnalytics, Scope::WriteEvents];
        scopes.iter().fold(text.to_owned(), |text, scope| text.replace(scope.as_str(), "{scope}"))
    };
    of_any_scope(one) == of_any_scope(other)
}

/// Whether what errs one way may be why something else errs another way: no refusal lets anybody in, no refusal in other
/// words opens a door, a quota is not the smaller for what is said of it, no promise has to be broken because a quota is small,
/// and what goes one way alone, or wrong now and then, says nothing of what goes another way.
fn may_explain(one: Way, other: Way) -> bool {
    match other {
        _ if one == Way::Aside => matches!(other, Way::Aside | Way::Other),
        _ if one == Way::Falters => {
            matches!(other, Way::Falters | Way::Refuses | Way::Short | Way::Other)
        }
        Way::Opens => one == Way::Opens,
        Way::LetsIn | Way::Aside => !matches!(one, Way::Refuses | Way::Says | Way::Unkept),
        Way::Short => one != Way::Says,
        Way::Unkept => one != Way::Short,
        Way::Refuses | Way::Falters | Way::Says | Way::Other => true,
    }
}

/// Whether two rows may be of one case: where their tables share a variable, it has the same value in both.
fn are_of_one_case(one: &str, other: &str) -> bool {
    let row = |case: &str| -> BTreeMap<String, String> {
        let pairs = case.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let (one, other) = (row(one), row(other));
    one.iter().all(|(name, value)| other.get(name).is_none_or(|same| same == value))
}

/// Whether a check is broken, or could not be judged.
fn is_open(judged: &Judged) -> bool {
    let Judged { failures, blocked, lacking, unsure, .. } = judged;
    !failures.is_empty() || !blocked.is_empty() || !lacking.is_empty() || !unsure.is_empty()
}

fn gates(level: Level, options: &Options) -> bool {
    match level {
        Level::Must => true,
        Level::Should => options.strict,
        Level::Rfc => options.rfc,
        Level::Observe => false,
    }
}

fn cause(suite: &Suite, judged: &Judged, options: &Options, again: &str) -> Cause {
    let check = &suite.checks[judged.check];
    let shown = judged.failures.iter().find(|broken| broken.failure.exchange.is_some());
    let failure = shown.or(judged.failures.first()).map(|broken| broken.failure.clone());
    let failure = failure.unwrap_or_else(|| Failure {
        case: String::new(),
        what: String::new(),
        expected: String::new(),
        actual: String::new(),
        line: check.at.line,
        facts: Vec::new(),
        exchange: None,
        curl: None,
        way: Way::Other,
    });
    Cause {
        check: check.id.clone(),
        clause: check.clause.clone(),
        says: failure.what.clone(),
        more: u32::try_from(judged.failures.len().saturating_sub(1)).unwrap_or(u32::MAX),
        failure,
        again: plays_again(again, &check.id, check.level, options.strict, options.rfc),
        gates: gates(check.level, options) && !options.known.contains_key(&check.id),
        explains: Vec::new(),
    }
}

/// The result of one check. What is broken counts most; then what could not be judged, since a pass would claim more than
/// was seen; cases that do not apply count only if nothing else is left.
fn result(suite: &Suite, judged: Judged, root: Option<&Cause>, options: &Options) -> CheckResult {
    let check = &suite.checks[judged.check];
    let broken = !judged.failures.is_empty();
    let why = |root: &Cause| format!("explained by {}: {}", root.check, root.says);
    let verdict = match root {
        Some(root) if broken => Verdict::Explained(why(root)),
        Some(root) => Verdict::Blocked(why(root)),
        None if broken && gates(check.level, options) => Verdict::Fail,
        None if broken => Verdict::Advisory,
        // What is lacking is no reason to say that the target cannot be reached.
        None => match (judged.blocked.first(), judged.unsure.first().or(judged.lacking.first()), judged.held)
        {
            (Some(why), _, _) => Verdict::Blocked(why.clone()),
            (None, Some(why), _) => Verdict::Inconclusive(why.clone()),
            (None, None, 0) => Verdict::Skipped(
                judged.skipped.first().cloned().unwrap_or_else(|| "it has no case".to_owned()),
            ),
            _ => Verdict::Pass,
        },
    };
    let mut not_played = if matches!(verdict, Verdict::Skipped(_)) { Vec::new() } else { judged.skipped };
    let mut facts = judged.facts;
    for list in [&mut not_played, &mut facts] {
        list.sort();
        list.dedup();
    }
    let known = options.known.get(&check.id).cloned();
    let open = judged.blocked.len() + judged.lacking.len() + judged.unsure.len();
    let cases = usize::try_from(judged.held).unwrap_or(usize::MAX) + open;
    CheckResult {
        id: check.id.clone(),
        clause: check.clause.clone(),
        also: check.also.clone(),
        level: check.level,
        about: check.about.clone(),
        source: check.source.clone(),
        file: check.file.to_string(),
        line: check.at.line,
        cause: root.map(|root| root.check.clone()),
        verdict: in_the_light_of(known.as_ref(), verdict, &not_played),
        known,
        cases: u32::try_from(cases + usize::from(broken)).unwrap_or(u32::MAX),
        failures: judged.failures.into_iter().map(|broken| broken.failure).collect(),
        facts,
        not_played,
        requests: judged.requests,
        took: judged.took,
    }
}

/// The verdict on a check that may be listed as a known deviation. What was not judged, or judged only in part, speaks
/// neither for the entry nor against it.
fn in_the_light_of(known: Option<&KnownDeviation>, verdict: Verdict, not_played: &[String]) -> Verdict {
    match (known, verdict) {
        (Some(_), Verdict::Fail | Verdict::Advisory) => Verdict::KnownDeviation,
        (Some(_), Verdict::Pass) if not_played.is_empty() => Verdict::UnexpectedPass,
        (_, verdict) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Source;

    /// A suite with three checks, the levels of which are given.
    fn suite(levels: [Level; 3]) -> Suite {
        let mut suite = Suite::load(&Source::Builtin).unwrap();
        suite.checks.truncate(3);
        suite.experiments.clear();
        for (check, (id, level)) in suite.checks.iter_mut().zip(["a", "b", "c"].into_iter().zip(levels)) {
            (check.id, check.level) = (id.to_owned(), level);
        }
        suite
    }

    fn broken(needs: &[&str]) -> Vec<Broken> {
        let failure = Failure {
            case: String::new(),
            what: "w".to_owned(),
            expected: String::new(),
            actual: String::new(),
            line: 1,
            facts: Vec::new(),
            exchange: None,
            curl: None,
            way: Way::Other,
        };
        vec![Broken { failure, needs: needs.iter().map(|need| (*need).to_owned()).collect() }]
    }

    fn said(word: &str) -> Vec<String> {
        vec![word.to_owned()]
    }

    /// A check that is broken, and needs others.
    fn failing(check: usize, needs: &[&str]) -> Judged {
        Judged { check, failures: broken(needs), ..passing(check, needs) }
    }

    fn passing(check: usize, needs: &[&str]) -> Judged {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        Judged { check, held: 1, needs, ..Judged::default() }
    }

    const MUSTS: [Level; 3] = [Level::Must; 3];

    /// The verdicts, each with the check that explains it, and the causes with what they explain.
    type Attributed = (Vec<(String, Option<String>)>, Vec<(String, Vec<String>)>);

    fn attributed(levels: [Level; 3], judged: Vec<Judged>, options: &Options) -> Attributed {
        let (results, causes) = attribute(&suite(levels), judged, options, "");
        let verdicts = results.into_iter().map(|result| (result.verdict.word().to_owned(), result.cause));
        (verdicts.collect(), causes.into_iter().map(|cause| (cause.check, cause.explains)).collect())
    }

    fn word(level: Level, judged: Judged, options: &Options) -> String {
        let (verdicts, _) = attributed([level; 3], vec![judged], options);
        verdicts[0].0.clone()
    }

    #[test]
    fn what_is_broken_counts_most() {
        let options = Options::default();
        let of = |judged| word(Level::Must, judged, &options);
        let (blocked, skipped) = (said("b"), said("s"));
        let held = passing(0, &[]);
        assert_eq!(of(Judged { failures: broken(&[]), blocked: blocked.clone(), ..held.clone() }), "fail");
        assert_eq!(of(Judged { blocked, skipped: skipped.clone(), ..held.clone() }), "blocked");
        assert_eq!(of(Judged { unsure: said("u"), ..held.clone() }), "inconclusive");
        assert_eq!(of(Judged { skipped: skipped.clone(), ..held.clone() }), "pass");
        assert_eq!(of(Judged { skipped, held: 0, ..held.clone() }), "skipped");
        assert_eq!(of(Judged { held: 0, ..held }), "skipped");
    }

    #[test]
    fn numbers_that_are_wrong_in_the_same_way_have_one_cause() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let checks: Vec<usize> = ["rate.standard", "rate.premium", "rate.ingestion"]
            .map(|id| suite.checks.iter().position(|check| check.id == id).unwrap())
            .into();
        let causes = |numbers: [u32; 3]| {
            let owner = |(check, (number, documented)): (&usize, (u32, u32))| {
                let mut judged = failing(*check, &[]);
                judged.like = BTreeSet::from(["rate.standard".to_owned()]);
                judged.failures[0].failure.what = judge::gets(number, documented);
                judged.measured = Some(Measured { fact: Fact::Requests, documented, number });
                judged
            };
            let numbers = numbers.into_iter().zip([60, 300, 1_000]);
            let judged = checks.iter().zip(numbers).map(owner).collect();
            let (_, causes) = attribute(&suite, judged, &Options::default(), "");
            causes.into_iter().map(|cause| cause.says).collect::<Vec<_>>()
        };
        let one_more = "each tier gets 1 request more in a window than it is due: 61, 301, 1,001";
        assert_eq!(causes([61, 301, 1_001]), [one_more]);
        assert_eq!(
            causes([66, 330, 1_100]),
            ["each tier gets 110 % of its quota in a window: 66, 330, 1,100"]
        );
        assert_eq!(causes([61, 301, 1_002]).len(), 3);
    }

    #[test]
    fn a_quota_is_not_the_smaller_nor_the_larger_for_what_is_said_of_it() {
        let causes = |one: Way, other: Way| {
            let erring = |check: usize, needs: &[&str], way: Way| {
                let mut judged = failing(check, needs);
                judged.failures[0].failure.way = way;
                judged
            };
            let judged = vec![erring(0, &[], one), erring(1, &["a"], other)];
            attributed(MUSTS, judged, &Options::default()).1.len()
        };
        let not = [
            (Way::Says, Way::Short),
            (Way::Says, Way::LetsIn),
            (Way::Refuses, Way::LetsIn),
            (Way::Short, Way::Unkept),
            (Way::Falters, Way::LetsIn),
            (Way::Falters, Way::Says),
        ];
        for (one, other) in not {
            assert_eq!(causes(one, other), 2, "{one:?} does not explain {other:?}");
        }
        let explained = [
            (Way::Says, Way::Refuses),
            (Way::LetsIn, Way::Short),
            (Way::Opens, Way::LetsIn),
            (Way::Falters, Way::Short),
        ];
        for (one, other) in explained {
            assert_eq!(causes(one, other), 1, "{one:?} explains {other:?}");
        }
    }

    #[test]
    fn what_came_back_meanwhile_is_explained_by_where_that_was_seen() {
        let seen = Judged { refills: true, ..failing(0, &["b"]) };
        let more = Judged { refilled: 1, ..failing(1, &[]) };
        let (_, causes) = attributed([Level::Must; 3], vec![seen.clone(), more], &Options::default());
        assert_eq!(causes, [("a".to_owned(), said("b"))]);
        let (_, causes) = attributed([Level::Must; 3], vec![seen, failing(1, &[])], &Options::default());
        assert_eq!(causes, [("b".to_owned(), said("a"))]);
    }

    #[test]
    fn a_level_gates_only_when_asked_to() {
        let plain = Options::default();
        let strict = Options { strict: true, rfc: true, ..Options::default() };
        for (level, without, with) in [
            (Level::Must, "fail", "fail"),
            (Level::Should, "advisory", "fail"),
            (Level::Rfc, "advisory", "fail"),
            (Level::Observe, "advisory", "advisory"),
        ] {
            assert_eq!(word(level, failing(0, &[]), &plain), without);
            assert_eq!(word(level, failing(0, &[]), &strict), with);
        }
    }

    #[test]
    fn a_list_changes_what_was_judged_and_nothing_else() {
        let known = KnownDeviation {
            reason: "It is so.".to_owned(),
            link: None,
            expires: "2026-12-31".to_owned(),
            expired: false,
        };
        let weighed = |verdict: Verdict, not_played: &[String]| {
            in_the_light_of(Some(&known), verdict, not_played).word()
        };
        assert_eq!(weighed(Verdict::Fail, &[]), "known-deviation");
        assert_eq!(weighed(Verdict::Advisory, &[]), "known-deviation");
        assert_eq!(weighed(Verdict::Pass, &[]), "unexpected-pass");
        assert_eq!(weighed(Verdict::Pass, &["tier=premium: no key".to_owned()]), "pass");
        assert_eq!(weighed(Verdict::Skipped("s".to_owned()), &[]), "skipped");
        assert_eq!(weighed(Verdict::Blocked("b".to_owned()), &[]), "blocked");
        assert_eq!(weighed(Verdict::Explained("e".to_owned()), &[]), "explained");
        assert_eq!(in_the_light_of(None, Verdict::Fail, &[]), Verdict::Fail);
    }

    fn verdicts(words: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        words.iter().map(|(word, cause)| ((*word).to_owned(), cause.map(str::to_owned))).collect()
    }

    #[test]
    fn of_a_chain_the_first_one_broken_is_the_cause_of_all() {
        let options = Options::default();
        let chain = vec![failing(0, &[]), failing(1, &["a"]), failing(2, &["b"])];
        let (words, causes) = attributed(MUSTS, chain, &options);
        let explained = ("explained", Some("a"));
        assert_eq!(words, verdicts(&[("fail", None), explained, explained]));
        assert_eq!(causes, [("a".to_owned(), vec!["b".to_owned(), "c".to_owned()])]);
        // The middle one could not be judged because of the first, and explains nothing that is broken.
        let blocked = Judged { blocked: said("b"), ..passing(1, &["a"]) };
        let (words, _) = attributed(MUSTS, vec![failing(0, &[]), blocked, failing(2, &["b"])], &options);
        assert_eq!(words, verdicts(&[("fail", None), ("blocked", Some("a")), ("fail", None)]));
    }

    #[test]
    fn what_passed_explains_nothing_and_is_not_explained() {
        let options = Options::default();
        let judged = vec![passing(0, &[]), failing(1, &["a"]), passing(2, &["b"])];
        let (words, causes) = attributed(MUSTS, judged, &options);
        assert_eq!(words, verdicts(&[("pass", None), ("fail", None), ("pass", None)]));
        assert_eq!(causes, [("b".to_owned(), Vec::new())]);
        // One that could not be judged names no cause either.
        let blocked = Judged { blocked: said("b"), ..passing(0, &[]) };
        let (words, _) = attributed(MUSTS, vec![blocked, failing(1, &["a"]), passing(2, &[])], &options);
        assert_eq!(words, verdicts(&[("blocked", None), ("fail", None), ("pass", None)]));
    }

    #[test]
    fn what_is_broken_in_one_case_explains_nothing_of_another() {
        let of = |case: &str| {
            let with = |mut judged: Judged, case: &str| {
                case.clone_into(&mut judged.failures[0].failure.case);
                judged
            };
            let judged = vec![with(failing(0, &[]), "tier=standard"), with(failing(1, &["a"]), case)];
            attributed(MUSTS, judged, &Options::default()).1.len()
        };
        assert_eq!((of("tier=standard row=1"), of("tier=premium")), (1, 2));
    }

    #[test]
    fn a_measured_number_explains_nothing_that_was_judged_by_it() {
        let judged = |is_measured: bool| {
            let number = Measured { fact: Fact::Requests, documented: 60, number: 50 };
            let measured = is_measured.then_some(number);
            let judged = vec![Judged { measured, ..failing(0, &[]) }, failing(1, &["a"])];
            attributed(MUSTS, judged, &Options::default()).1.len()
        };
        assert_eq!((judged(false), judged(true)), (1, 2));
    }

    #[test]
    fn a_failure_is_explained_by_what_its_own_reading_needs() {
        let judged = |needs: &[&str]| {
            let mut judged = failing(1, &["a"]);
            judged.failures = broken(needs);
            attributed(MUSTS, vec![failing(0, &[]), judged], &Options::default()).1.len()
        };
        assert_eq!((judged(&["a"]), judged(&[])), (1, 2));
    }

    #[test]
    fn nothing_is_held_against_a_key_whose_limit_could_not_be_told() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let place = |id: &str| suite.checks.iter().position(|check| check.id == id).unwrap();
        let verdict = |way: Way| {
            let mut refused = failing(place("rate.bad-keys-drain-nobody"), &["rate.standard"]);
            refused.failures[0].failure.way = way;
            let owner = Judged { unsure: said("u"), ..passing(place("rate.standard"), &[]) };
            let (results, _) = attribute(&suite, vec![owner, refused], &Options::default(), "");
            results[1].verdict.word()
        };
        assert_eq!((verdict(Way::Refuses), verdict(Way::LetsIn)), ("inconclusive", "fail"));
    }

    #[test]
    fn what_does_not_gate_hides_nothing_that_does() {
        let levels = [Level::Should, Level::Must, Level::Should];
        let judged = || vec![failing(0, &[]), failing(1, &["a"]), failing(2, &["a"])];
        let (words, causes) = attributed(levels, judged(), &Options::default());
        assert_eq!(words, verdicts(&[("advisory", None), ("fail", None), ("explained", Some("a"))]));
        // What gates comes first.
        assert_eq!(causes[0].0, "b");
        let strict = Options { strict: true, ..Options::default() };
        let (words, _) = attributed(levels, judged(), &strict);
        let explained = ("explained", Some("a"));
        assert_eq!(words, verdicts(&[("fail", None), explained, explained]));
    }
}
