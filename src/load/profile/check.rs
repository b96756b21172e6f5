//! What types cannot say about a profile: that its parts belong together and that a rate can be carried.

use std::collections::HashSet;

use super::template::MOST_EVENTS_OF_A_BATCH;
use super::{Lane, OnLimited, Profile, Rate, Request};
use crate::contract::{Limits, Scope};
use crate::deployment::Role;
use crate::load::pacer::{HIGHEST_RATE, LONGEST_SEGMENT};
use crate::nearest::nearest;
use crate::scenario::words::Amount;
use crate::yaml::{At, Problem, Problems, Spanned};

/// The most keys of one lane. A thousand lanes are what this machine is known to carry.
pub const MOST_KEYS: u32 = 10_000;
/// The most windows of a run: a week of minutes.
const MOST_WINDOWS: u32 = 10_080;

struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn say(&mut self, at: At, what: impl AsRef<str>, help: impl AsRef<str>) {
        self.problems.push(problem(self.file, self.text, at, what).help(help));
    }

    /// Where a word stands from a place on; the place itself where it is not found.
    fn find(&self, from: At, word: &str) -> At {
        let lines = self.text.lines().zip(1..).skip((from.line as usize).saturating_sub(1));
        let found = lines.into_iter().find_map(|(line, number)| {
            let column = line.find(word).map(|offset| line[..offset].chars().count() + 1)?;
            Some(At { line: number, column: u32::try_from(column).ok()? })
        });
        found.unwrap_or(from)
    }

    fn positive(&mut self, value: Option<&Spanned<u32>>, most: u32, name: &str) {
        if let Some(value) = value
            && !(1..=most).contains(&value.value)
        {
            let what = format!("`{name}` is {}", value.value);
            self.say(value.at, what, format!("it must be from 1 to {most}"));
        }
    }
}

/// A problem at a place of a file; a value that a flag has replaced has none there.
pub(in crate::load) fn problem(file: &str, text: &str, at: At, what: impl AsRef<str>) -> Problem {
    match at == At::default() {
        true => Problem::in_file("the command line", at, what),
        false => Problem::at(file, text, at, what),
    }
}

impl Profile {
    /// Everything that is wrong with it beyond its types. Limits are the documented ones here; those of a
    /// target are looked at when the plan is made.
    pub fn check(&self, file: &str, text: &str) -> Result<(), Problems> {
        let mut checker = Checker { file, text, problems: Vec::new() };
        self.check_time(&mut checker);
        if self.lanes.is_empty() {
            let what = "there are no lanes";
            checker.say(self.profile.at, what, "give at least one lane: who sends what, how fast");
        }
        let mut names = HashSet::new();
        for lane in &self.lanes {
            if !names.insert(lane.name.value.as_str()) {
                let what = format!("`{}` is the name of two lanes", lane.name.value);
                checker.say(lane.name.at, what, "give each its own");
            }
            self.check_lane(lane, &mut checker);
            self.check_thresholds(lane, &mut checker);
        }
        self.check_shared_thresholds(&mut checker);
        Problems::new(checker.problems).map_or(Ok(()), Err)
    }

    fn check_time(&self, checker: &mut Checker<'_>) {
        match (&self.windows, &self.duration) {
            (None, None) => {
                checker.say(self.profile.at, "it has no end", "say how long: `windows: 3` or `duration: 10m`")
            }
            (Some(_), Some(duration)) => {
                let what = "`windows` and `duration` both say how long";
                checker.say(duration.at, what, "leave one of them out");
            }
            (windows, duration) => {
                checker.positive(windows.as_ref(), MOST_WINDOWS, "windows");
                if let Some(duration) = duration
                    && duration.duration().is_zero()
                {
                    checker.say(duration.at, "`duration` is 0", "give a time, such as `30s`");
                }
            }
        }
        if self.window.send.duration().is_zero() {
            checker.say(self.window.at, "nothing is sent in a window", "`send` is a time, such as `60s`");
        }
        let windows = self.windows_in_all();
        if self.warm_up.value >= windows && windows > 0 && self.windows.is_some() {
            let what = format!("all of {windows} windows are warm-up, and none is judged");
            checker.say(self.warm_up.at, what, format!("`warm_up` can be at most {}", windows - 1));
        }
    }

    /// How many windows the run begins.
    pub(crate) fn windows_in_all(&self) -> u32 {
        match (&self.windows, &self.duration) {
            (Some(windows), _) => windows.value,
            (None, Some(duration)) => {
                let window = self.window.length().as_nanos().max(1);
                u32::try_from(duration.duration().as_nanos().div_ceil(window)).unwrap_or(u32::MAX)
            }
            (None, None) => 0,
        }
    }

    /// The role of a lane's keys, looked up where they are another lane's.
    pub(crate) fn role(&self, lane: &Lane) -> Option<Role> {
        match (&lane.key, &lane.same_key_as) {
            (Some(role), _) => Some(role.value),
            (None, Some(other)) => {
                let owner = self.lanes.iter().find(|owner| owner.name.value == other.value)?;
                owner.key.as_ref().map(|role| role.value)
            }
            (None, None) => None,
        }
    }

    fn check_lane(&self, lane: &Spanned<Lane>, checker: &mut Checker<'_>) {
        match (&lane.key, &lane.same_key_as) {
            (None, None) => {
                checker.say(lane.at, "this lane has no key", "name a role with `key`, such as `ingestion`")
            }
            (Some(_), Some(other)) => {
                checker.say(other.at, "`key` and `same_key_as` both name a key", "leave one of them out");
            }
            (None, Some(other)) => {
                let before = self.lanes.iter().take_while(|before| before.name.value != lane.name.value);
                let owner = before
                    .filter(|before| before.key.is_some())
                    .find(|owner| owner.name.value == other.value);
                if owner.is_none() {
                    let what = format!("no lane before this one has a key and is called `{}`", other.value);
                    checker.say(other.at, what, "name a lane further up that says `key`");
                }
                if let Some(keys) = &lane.keys {
                    let what = "`keys` beside `same_key_as`";
                    checker.say(keys.at, what, "the other lane says how many keys there are");
                }
            }
            (Some(_), None) => {}
        }
        checker.positive(lane.keys.as_ref(), MOST_KEYS, "keys");
        checker.positive(lane.slots.as_ref(), 100_000, "slots");
        checker.positive(lane.lasts.as_ref(), MOST_WINDOWS, "lasts");
        if lane.on_limited == OnLimited::Wait && lane.slots.as_ref().is_some_and(|slots| slots.value > 1) {
            let at = lane.slots.as_ref().map_or(lane.at, |slots| slots.at);
            checker.say(at, "a lane that waits sends one request after the other", "leave `slots` out");
        }
        if lane.after.value >= self.windows_in_all() && lane.after.value > 0 {
            let what = "this lane begins when the run is over";
            checker.say(lane.after.at, what, "`after` counts windows of the run");
        }
        Self::check_batch(lane, checker);
        if let Some(role) = self.role(lane) {
            let scope = lane.request.endpoint().scope();
            if !role.scopes().contains(&scope) {
                let help = match scope {
                    Scope::WriteEvents => "`ingestion`, `write` and `both` can",
                    Scope::ReadAnalytics => "`standard`, `premium`, `read` and `both` can",
                };
                let what = format!("a `{role}` key has no scope {scope}, which this asks for");
                checker.say(lane.request.at, what, help);
            }
            self.check_rates(lane, role, checker);
        }
    }

    fn check_batch(lane: &Lane, checker: &mut Checker<'_>) {
        if let (Some(template), Some(batch)) = (&lane.template, &lane.batch) {
            let what = format!("the file of events says how many a request carries: {}", template.events);
            checker.say(batch.at, what, "leave `batch` out");
            return;
        }
        if lane.has_unread_file() {
            return;
        }
        let batch = lane.carries();
        match (lane.request.has_batch(), batch) {
            (true, None) => checker.say(
                lane.request.at,
                "it is not said how much a request carries",
                "add `batch`, from 1 to 1000",
            ),
            (false, Some(batch)) => {
                checker.say(batch.at, "this request carries nothing", "leave `batch` out")
            }
            (true, Some(batch)) if batch.value == 0 => {
                checker.say(batch.at, "a batch of 0 is no request", "`batch` is from 1 to 1000");
            }
            (true, Some(batch)) if batch.value > MOST_EVENTS_OF_A_BATCH => checker.say(
                batch.at,
                format!("a batch of {} is over what the API takes", batch.value),
                format!("at most {MOST_EVENTS_OF_A_BATCH} events go into one request"),
            ),
            _ => {}
        }
        if let Some(payload) = &lane.payload
            && lane.request.value != super::Request::PostEvents
        {
            checker.say(payload.at, "only `post-events` has a payload to choose", "leave `payload` out");
        }
    }

    fn check_rates(&self, lane: &Lane, role: Role, checker: &mut Checker<'_>) {
        let given: Vec<At> = [
            lane.rate.as_ref().map(|rate| rate.at),
            lane.events.as_ref().map(|events| events.at),
            lane.ramp.as_ref().map(|ramp| ramp.at),
            lane.steps.as_ref().map(|steps| steps.at),
        ]
        .into_iter()
        .flatten()
        .collect();
        match given.as_slice() {
            [] => checker.say(
                lane.name.at,
                "this lane has no rate",
                "add one of `rate`, `events`, `ramp` and `steps`",
            ),
            [_] => {}
            [_, second, ..] => checker.say(
                *second,
                "two of `rate`, `events`, `ramp` and `steps` are given",
                "one of them says how fast",
            ),
        }
        let limits = role.tier().map(crate::contract::Tier::limits);
        for (at, rate) in lane.request_rates() {
            check_rate(at, rate, limits, role, checker);
        }
        if lane.steps.as_ref().is_some_and(|steps| steps.is_empty()) {
            checker.say(lane.name.at, "`steps` has no step", "give at least one rate");
        }
        if lane.ramp.is_some() && self.run_length() > LONGEST_SEGMENT {
            checker.say(lane.name.at, "a ramp takes an hour at most", "shorten the run, or use `steps`");
        }
        if let Some(events) = &lane.events {
            check_events(lane, events, limits, role, checker);
        }
    }
}

impl Lane {
    /// Every rate of requests it names, with its place.
    fn request_rates(&self) -> Vec<(At, Rate)> {
        let mut rates: Vec<_> = self.rate.iter().map(|rate| (rate.at, rate.value)).collect();
        // A ramp may begin or end in silence, not both.
        if let Some(ramp) = &self.ramp {
            let ends = [ramp.from, ramp.to].into_iter().filter(|end| *end != Rate::PerMinute(0));
            rates.extend(ends.map(|end| (ramp.at, end)));
            if ramp.from == ramp.to && ramp.from == Rate::PerMinute(0) {
                rates.push((ramp.at, ramp.from));
            }
        }
        if let Some(steps) = &self.steps {
            rates.extend(steps.iter().map(|step| (steps.at, *step)));
        }
        rates
    }
}

fn check_rate(at: At, rate: Rate, limits: Option<Limits>, role: Role, checker: &mut Checker<'_>) {
    if rate.needs_limit() && limits.is_none() {
        checker.say(
            at,
            format!("a `{role}` key may be on any tier, so its limit is not known"),
            "give a number, or a key whose role names a tier: `standard`, `premium`, `ingestion`",
        );
        return;
    }
    let number = rate.resolve(limits.map_or(1, |limits| limits.requests));
    if number == 0 {
        checker.say(at, "a rate of 0 sends nothing", "give a rate of at least 1 a minute");
    } else if number > HIGHEST_RATE {
        let what = format!("{number} a minute is more than can be scheduled");
        checker.say(at, what, format!("at most {HIGHEST_RATE}"));
    }
}

/// A rate of events must come out in whole requests, and no more of them than the tier grants.
fn check_events(
    lane: &Lane,
    events: &Spanned<Rate>,
    limits: Option<Limits>,
    role: Role,
    checker: &mut Checker<'_>,
) {
    let Some(batch) = lane.carries().filter(|batch| batch.value > 0) else {
        if lane.batch.is_none() && !lane.request.has_batch() {
            let what = "only a request with a batch carries events";
            checker.say(events.at, what, "give `rate`: requests a minute");
        }
        return;
    };
    let limit = limits.and_then(|limits| limits.events);
    if events.needs_limit() && limit.is_none() {
        let what = format!("the page states no limit of events for a `{role}` key");
        checker.say(events.at, what, "give a number");
        return;
    }
    let number = events.resolve(limit.unwrap_or(0));
    if number == 0 {
        checker.say(events.at, "a rate of 0 sends nothing", "give at least one batch a minute");
        return;
    }
    if !number.is_multiple_of(batch.value) {
        let what = format!("{number} events a minute are no whole number of batches of {}", batch.value);
        checker.say(batch.at, what, "choose a batch that divides them");
        return;
    }
    let Some(limits) = limits else { return };
    let needed = number.div_ceil(limits.requests);
    if limit.is_some_and(|limit| number <= limit) && batch.value < needed {
        checker.say(
            batch.at,
            format!(
                "{number} events a minute in batches of {} take {} requests, and the tier grants {}",
                batch.value,
                number / batch.value,
                limits.requests
            ),
            format!("use batches of at least {needed}"),
        );
    }
}

impl Profile {
    /// What is asked of every lane.
    fn check_shared_thresholds(&self, checker: &mut Checker<'_>) {
        if let Some(limit) = self.thresholds.compared().next() {
            let at = checker.find(self.thresholds.at, &limit.to_string());
            let what = "a time beside another lane's, asked of every lane";
            checker.say(at, what, "ask it in the `thresholds` of the lane that is compared");
        }
    }

    /// What is asked of a lane, by itself or by the profile.
    fn check_thresholds(&self, lane: &Lane, checker: &mut Checker<'_>) {
        let asked = lane.thresholds.over(&self.thresholds);
        let place = |own: bool| if own { lane.thresholds.at } else { self.thresholds.at };
        let tier = self.role(lane).and_then(Role::tier);
        if let Some(role) = self.role(lane).filter(|role| role.tier().is_none())
            && matches!(asked.admitted, Some(Amount::Limit(_)))
        {
            checker.say(
                place(lane.thresholds.admitted.is_some()),
                format!("`admitted` names the limit, and a `{role}` key may be on any tier"),
                "give a number, `all`, or a key whose role names a tier",
            );
        }
        let has_events = lane.request.value == Request::PostEvents
            && tier.is_some_and(|tier| tier.limits().events.is_some());
        if matches!(asked.events_admitted, Some(Amount::Limit(_))) && !has_events {
            checker.say(
                place(lane.thresholds.events_admitted.is_some()),
                format!("`events_admitted` names a limit that the lane `{}` does not have", lane.name.value),
                "give `all` or a number, or ask it of a lane with an `ingestion` key alone",
            );
        }
        for limit in lane.thresholds.compared() {
            let other = limit.beside.as_ref().map_or("", |beside| beside.lane.as_str());
            let at = checker.find(lane.thresholds.at, &limit.to_string());
            let known = |name: &str| self.lanes.iter().any(|lane| lane.name.value == name);
            if other == lane.name.value {
                checker.say(at, "a lane cannot be compared with itself", "name another lane");
            } else if !known(other) {
                let names = self.lanes.iter().map(|lane| lane.name.value.as_str());
                let problem =
                    Problem::at(checker.file, checker.text, at, format!("no lane is called `{other}`"))
                        .nearest(nearest(other, names))
                        .help("name a lane of this profile, such as in `3 x alone`");
                checker.problems.push(problem);
            }
        }
    }
}
