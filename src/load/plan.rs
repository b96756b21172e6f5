//! A profile on a target: lanes, each with its key, its schedule and its limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::LoadError;
use super::findings::Exact;
use super::pacer::{Pacer, Phase, Segment};
use super::profile::{
    Align, Lane, MOST_KEYS, OnLimited, Payload, Profile, Rate, Request, Shelved, Template, problem,
};
use super::record::{LaneRecord, Shard};
use crate::amounts::{count, grouped, parse_time};
use crate::contract::Limits;
use crate::deployment::{Role, Target};
use crate::scenario::words::Span;
use crate::system;
use crate::yaml::{At, Problem, Problems, Spanned};

/// How many slots a lane has at most that does not ask for more.
const MOST_IN_FLIGHT: u32 = 512;

/// What flags change in every lane of a profile.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Overrides {
    /// Requests a minute in every lane: 90, `3 x limit`.
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,

    /// How long requests are sent, such as 30s or 10m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub duration: Option<Duration>,

    /// How many keys each lane has.
    #[arg(id = "key_count", long = "key-count", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_KEYS)))]
    pub keys: Option<u32>,

    /// How many events or scores a request carries.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,

    /// Does not wait until keys have fresh windows.
    #[arg(long)]
    pub no_align: bool,
}

/// One lane, ready to be played.
#[derive(Debug, Clone)]
pub struct LanePlan {
    /// The record it will leave behind, with everything that is known beforehand; no window has been played.
    pub record: LaneRecord,
    /// The place of its key among all keys of the run.
    pub key: u32,
    /// How many keys of the same role come before it in the run.
    pub nth_of_role: u32,
    /// The role of its key.
    pub role: Role,
    /// What is requested.
    pub request: Request,
    /// How many events or scores a request carries; 0 for a request that carries none.
    pub batch: u32,
    /// Which events.
    pub payload: Payload,
    /// Those of a file, where the payload is one.
    pub template: Option<Arc<Template>>,
    /// When.
    pub pacer: Pacer,
    /// When its first window begins.
    pub start: Duration,
    /// Whether it waits what a 429 tells it to.
    pub waits: bool,
    /// Whether times are kept for each window by itself.
    pub by_window: bool,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The profile.
    pub profile: Profile,
    /// What tells this profile, with everything flags have changed in it, from any other.
    pub hash: String,
    /// The lanes of this shard.
    pub lanes: Vec<LanePlan>,
    /// The shard.
    pub shard: Option<Shard>,
}

impl Profile {
    /// How long requests are due.
    pub(crate) fn run_length(&self) -> Duration {
        match (&self.windows, &self.duration) {
            (Some(windows), _) => self.window.length().saturating_mul(windows.value),
            (None, Some(duration)) => duration.duration(),
            (None, None) => Duration::ZERO,
        }
    }

    fn apply(&mut self, overrides: &Overrides) {
        // A place of its own would point at what is no longer so.
        fn flag<T>(value: T) -> Spanned<T> {
            Spanned { value, at: At::default() }
        }
        if let Some(duration) = overrides.duration {
            // In a run that is shorter than the windows it needs, windows are shorter, or nothing could be judged.
            let last_begins = self.lanes.iter().map(|lane| lane.after.value).max().unwrap_or(0);
            let steps = if self.stop_at_first_miss { self.windows_in_all() } else { 1 };
            let needed = steps.max(1 + last_begins);
            self.windows = None;
            self.duration = Some(flag(Span(duration)));
            if duration < self.window.length() * needed {
                self.window.value.send = Span(duration / needed);
                self.window.value.rest = Span(Duration::ZERO);
                self.warm_up = Spanned::default();
            }
        }
        if overrides.no_align {
            self.align = Align::Anywhere;
        }
        for lane in &mut self.lanes {
            let lane = &mut lane.value;
            if let Some(rate) = overrides.rate {
                (lane.events, lane.ramp, lane.steps) = (None, None, None);
                lane.rate = Some(flag(rate));
            }
            if let Some(keys) = overrides.keys.filter(|_| lane.key.is_some()) {
                lane.keys = Some(flag(keys));
            }
            if let Some(batch) = overrides.batch.filter(|_| lane.request.has_batch()) {
                lane.batch = Some(flag(batch));
            }
        }
    }
}

impl LoadPlan {
    /// The lanes of a profile with the limits of a target.
    ///
    /// # Errors
    /// [`Problems`] where flags make the profile wrong.
    pub fn new(
        shelved: &Shelved,
        overrides: &Overrides,
        target: &Target,
        shard: Option<Shard>,
    ) -> Result<Self, Problems> {
        let mut profile = shelved.profile.clone();
        profile.apply(overrides);
        profile.check(&shelved.file, &shelved.text)?;
        let templates = profile.lanes.iter().filter_map(|lane| lane.template.as_ref());
        let misfits = templates.filter_map(|template| template.suits(target.envelope).err()).collect();
        if let Some(problems) = Problems::new(misfits) {
            return Err(problems);
        }
        let hash = system::hex(&Sha256::digest(format!("{profile:?}").as_bytes()));

        let (mut lanes, mut place, mut keys_so_far) = (Vec::new(), 0, 0);
        let mut keys_of: BTreeMap<&str, Keys> = BTreeMap::new();
        let mut of_role: BTreeMap<Role, u32> = BTreeMap::new();
        for lane in &profile.lanes {
            let owner = lane.same_key_as.as_ref().unwrap_or(&lane.name);
            let keys = *keys_of.entry(&owner.value).or_insert_with(|| {
                let count = lane.keys.as_ref().map_or(1, |keys| keys.value);
                let before = of_role.entry(profile.role(lane).unwrap_or(Role::Any)).or_default();
                let keys = Keys { first: keys_so_far, of_role: *before, count };
                keys_so_far += count;
                *before += count;
                keys
            });
            for nth in 0..keys.count {
                if shard.is_none_or(|shard| shard.owns(keys.first + nth)) {
                    lanes.push(lane_plan(&profile, lane, target, place, keys, nth));
                }
                place += 1;
            }
        }
        let plan = Self { profile, hash, lanes, shard };
        match plan.too_many_in_flight(shelved, most()) {
            Some(problem) => Err(problem.into()),
            None => Ok(plan),
        }
    }

    /// Where more is asked for than so many requests under way at once.
    fn too_many_in_flight(&self, shelved: &Shelved, most: u64) -> Option<Problem> {
        let in_flight = self.in_flight();
        if in_flight <= most {
            return None;
        }
        let of = |lane: &Lane| -> u64 {
            let group = self.lanes.iter().filter(|plan| plan.record.group == lane.name.value);
            group.map(|plan| u64::from(plan.record.in_flight)).sum()
        };
        let widest = self.profile.lanes.iter().max_by_key(|lane| of(lane))?;
        let at = widest.slots.as_ref().or(widest.keys.as_ref()).map_or(widest.name.at, |given| given.at);
        let what = format!(
            "{in_flight} requests may be under way at once, and this process may open {most} connections"
        );
        let problem = problem(&shelved.file, &shelved.text, at, what);
        Some(problem.help("lower `slots` or `keys`, raise the limit with `ulimit -n`, or use shards"))
    }

    /// Refuses a shard that has nothing to do.
    ///
    /// # Errors
    /// [`LoadError::EmptyShard`].
    pub(crate) fn has_lanes(&self) -> Result<(), LoadError> {
        if self.lanes.is_empty() { Err(LoadError::EmptyShard) } else { Ok(()) }
    }

    /// How many requests it sends.
    pub fn requests(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.pacer.total()).sum()
    }

    /// How many events it sends.
    pub fn events(&self) -> u64 {
        self.lanes
            .iter()
            .filter(|lane| lane.request == Request::PostEvents)
            .map(|lane| lane.pacer.total() * u64::from(lane.batch))
            .sum()
    }

    /// The first lane of which a threshold on counts asks: what its key was used for before would be held against the target,
    /// were no fresh window waited for.
    pub fn needs_fresh_windows(&self) -> Option<String> {
        let asks = |lane: &&LanePlan| {
            let asked = lane.record.thresholds.over(&self.profile.thresholds);
            asked.admitted.is_some() || asked.events_admitted.is_some() || asked.limited.is_some()
        };
        self.lanes.iter().find(asks).map(|lane| lane.record.name.clone())
    }

    /// Where less is due in a window that is judged than a threshold speaks of: a sentence for each group and threshold.
    pub fn falls_short(&self) -> Vec<String> {
        let mut told = Vec::new();
        for lanes in self.lanes.chunk_by(|one, other| one.record.group == other.record.group) {
            let (lane, record) = (&lanes[0], &lanes[0].record);
            let asked = record.thresholds.over(&self.profile.thresholds);
            let units = [("request", 1), ("event", u64::from(record.events_per_request))];
            for (exact, (unit, each)) in Exact::of(record, &asked).into_iter().zip(units) {
                let Some((wanted, name)) = exact.and_then(|exact| Some((exact.wanted()?, exact.name))) else {
                    continue;
                };
                let judged = record.warm_up_windows..record.whole_windows;
                let due = judged.map(|window| (window + 1, lane.due_in(window as usize) * each));
                if let Some((window, due)) = due.filter(|(_, due)| *due < wanted).min_by_key(|(_, due)| *due)
                {
                    told.push(format!(
                        "{}: {} due in window {window}, fewer than the {} that `{name}` speaks of, so all of them \
                         must be admitted",
                        record.group,
                        if due == 1 { format!("1 {unit} is") } else { format!("{} are", count(due, unit)) },
                        grouped(wanted)
                    ));
                }
            }
        }
        told
    }

    /// From the first request to the end of the last window.
    pub fn length(&self) -> Duration {
        self.lanes.iter().map(|lane| lane.pacer.length()).max().unwrap_or_default()
    }

    /// How many requests may be under way at once.
    pub fn in_flight(&self) -> u64 {
        self.lanes.iter().map(|lane| u64::from(lane.record.in_flight)).sum()
    }
}

impl LanePlan {
    /// When a window, counted from 0, begins, counted from the start of the run.
    pub(crate) fn start_of(&self, window: usize) -> Duration {
        self.start + self.record.window * u32::try_from(window).unwrap_or(u32::MAX)
    }

    /// How many requests are due in a window, counted from 0.
    pub(crate) fn due_in(&self, window: usize) -> u64 {
        let before = |window| self.pacer.planned_before(self.start_of(window));
        before(window + 1) - before(window)
    }
}

/// The keys of a lane: how many, the place of the first among all keys of the run, and among those of the same role.
#[derive(Debug, Clone, Copy)]
struct Keys {
    count: u32,
    first: u32,
    of_role: u32,
}

fn lane_plan(profile: &Profile, lane: &Lane, target: &Target, place: u32, keys: Keys, nth: u32) -> LanePlan {
    let group = lane.name.value.clone();
    let role = profile.role(lane).unwrap_or(Role::Any);
    let tier = role.tier();
    // Without a tier nothing is measured by the limit: the check has refused rates that name it.
    let limits = tier.map_or(Limits { requests: u32::MAX, events: None }, |tier| target.limits(tier));
    let window = profile.window.length();
    let end = profile.run_length();
    let start = window * lane.after.value;
    let last = lane.lasts.as_ref().map_or(end, |lasts| (start + window * lasts.value).min(end));
    let segments = segments(profile, lane, limits, last - start.min(last));
    let whole = segments.iter().filter(|segment| segment.length() == window).count();
    let window_rates = segments.iter().map(|segment| (segment.from, segment.to)).collect();
    // By its place among all lanes, those of other shards included: a shard sends what the whole run would.
    let pacer = Pacer::new(start, Phase::of(place), segments);
    let rate = pacer.highest_rate();
    let waits = lane.on_limited == OnLimited::Wait;
    let in_flight = match &lane.slots {
        _ if waits => 1,
        Some(in_flight) => in_flight.value,
        // What two seconds bring: a target that slow does not hold the schedule back.
        None => (rate.div_ceil(30) + 2).clamp(4, MOST_IN_FLIGHT),
    };
    let batch = lane.carries().map_or(0, |batch| batch.value);
    let record = LaneRecord {
        place,
        name: if keys.count == 1 { group.clone() } else { format!("{group}-{}", nth + 1) },
        group,
        tier,
        requests_limit: limits.requests,
        events_limit: limits.events,
        window,
        rest: profile.window.rest.duration(),
        warm_up_windows: profile.warm_up.value.saturating_sub(lane.after.value),
        whole_windows: u32::try_from(whole).unwrap_or(u32::MAX),
        planned_rate_per_minute: f64::from(rate),
        window_rates,
        events_per_request: if lane.request.value == Request::PostEvents { batch } else { 0 },
        in_flight,
        // One that waits sends nothing before it has its answer, and is meant to.
        in_flight_suffices: waits || in_flight >= rate.div_ceil(120).min(MOST_IN_FLIGHT),
        thresholds: lane.thresholds.value.clone(),
        ..LaneRecord::default()
    };
    LanePlan {
        record,
        key: keys.first + nth,
        nth_of_role: keys.of_role + nth,
        role,
        request: lane.request.value,
        batch,
        payload: lane.payload.as_ref().map_or(Payload::default(), |payload| payload.value.clone()),
        template: lane.template.clone(),
        pacer,
        start,
        waits,
        by_window: profile.stop_at_first_miss,
    }
}

/// One segment for each window of a lane that goes on for `length`; the last one may be cut short.
fn segments(profile: &Profile, lane: &Lane, limits: Limits, length: Duration) -> Vec<Segment> {
    let window = profile.window.length();
    let count = u32::try_from(length.as_nanos().div_ceil(window.as_nanos().max(1))).unwrap_or(u32::MAX);
    (0..count)
        .map(|nth| {
            let (from, to) = rates(lane, limits, nth, count);
            let left = length - window * nth;
            let send = profile.window.send.duration().min(left);
            Segment { from, to, send, rest: profile.window.rest.duration().min(left - send) }
        })
        .collect()
}

/// The rates at the beginning and at the end of a lane's window.
fn rates(lane: &Lane, limits: Limits, nth: u32, count: u32) -> (u32, u32) {
    let requests = |rate: Rate| rate.resolve(limits.requests);
    if let Some(events) = &lane.events {
        let batch = lane.carries().map_or(1, |batch| batch.value.max(1));
        let rate = events.resolve(limits.events.unwrap_or_default()) / batch;
        return (rate, rate);
    }
    if let Some(ramp) = &lane.ramp {
        let (from, to) = (i64::from(requests(ramp.from)), i64::from(requests(ramp.to)));
        let at = |nth: u32| {
            let rate = from + (to - from) * i64::from(nth) / i64::from(count.max(1));
            u32::try_from(rate).unwrap_or_default()
        };
        return (at(nth), at(nth + 1));
    }
    let steps = lane.steps.as_ref().map(|steps| steps.value.as_slice()).unwrap_or_default();
    let step = (u64::from(nth) * steps.len() as u64 / u64::from(count.max(1))) as usize;
    let rate = steps.get(step).copied().or(lane.rate.as_ref().map(|rate| rate.value));
    let rate = rate.map_or(0, requests);
    (rate, rate)
}

/// What else is open: files, pipes, the runtime.
const OTHERS: u64 = 64;

/// Makes room for so many connections.
pub(crate) fn make_room(connections: u64) -> Result<(), LoadError> {
    fits(connections, system::raise_descriptors(connections + OTHERS))
}

fn fits(connections: u64, allowed: u64) -> Result<(), LoadError> {
    if connections + OTHERS <= allowed {
        return Ok(());
    }
    Err(LoadError::Descriptors(connections, allowed))
}

/// How many connections this process may have open at most, its limit raised as far as the system allows.
pub(crate) fn most() -> u64 {
    system::most_descriptors().saturating_sub(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::virtual_time::target;

    #[test]
    fn more_slots_than_files_are_refused_where_they_are_asked_for() {
        let text = "profile: wide\nabout: x\nwindows: 1\nlanes:\n  - name: few\n    key: premium\n    \
                    request: list-sessions\n    rate: 10\n  - name: many\n    key: standard\n    keys: 3\n    \
                    request: list-sessions\n    rate: 10\n    slots: 40\n";
        let profile = Profile::read("wide.yaml", text).unwrap();
        let shelved = Shelved { profile, file: "wide.yaml".to_owned(), text: text.to_owned() };
        let plan = LoadPlan::new(&shelved, &Overrides::default(), &target(), None).unwrap();
        assert_eq!((plan.in_flight(), plan.too_many_in_flight(&shelved, 124)), (124, None));
        let problem = plan.too_many_in_flight(&shelved, 123).unwrap();
        assert_eq!((problem.at.line, problem.at.column), (14, 12));
        assert_eq!(
            problem.what,
            "124 requests may be under way at once, and this process may open 123 connections"
        );
    }

    #[test]
    fn more_slots_than_files_are_refused() {
        assert!(fits(100, 164).is_ok());
        let error = fits(101, 164).unwrap_err().to_string();
        assert!(error.contains("101 requests") && error.contains("164 files"), "{error}");
    }
}
