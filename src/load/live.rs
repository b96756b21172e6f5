//! How a run stands while it goes on: a few lines that change on a terminal, a plain line now and then in a
//! pipe. Lanes of one group are shown as one, however many keys they are.

use std::collections::BTreeMap;
use std::io::Write;
use std::iter::zip;
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::ledger::LaneLedger;
use super::record::WindowCounts;
use super::series::{Outcome, Series, Times};

/// How often a pipe gets a line.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often a terminal is drawn anew.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// How many groups a terminal has room for.
const MOST_GROUPS: usize = 8;
/// The width of the bar that shows a window against its limit.
const BAR: usize = 12;

pub(crate) struct Live {
    screen: Screen,
    /// The counts of each group when it was last shown.
    before: BTreeMap<String, WindowCounts>,
    bars: Vec<ProgressBar>,
    seen_at: Duration,
}

pub(crate) enum Screen {
    Terminal(MultiProgress),
    Pipe(Box<dyn Write + Send>),
    Nowhere,
}

#[derive(Default)]
struct Group {
    name: String,
    lanes: usize,
    totals: WindowCounts,
    window_number: usize,
    in_window: u64,
    limit: Option<u64>,
    response: Times,
    send_lag: Times,
    slot_waits: u64,
    /// When its first request is due, and when its schedule ends.
    begins: Duration,
    ends: Duration,
}

impl Live {
    pub(crate) fn new(screen: Screen) -> Self {
        Self { screen, before: BTreeMap::new(), bars: Vec::new(), seen_at: Duration::ZERO }
    }

    /// Shows how the ledgers stand at a time of the run.
    pub(crate) fn show(&mut self, ledgers: &[LaneLedger], now: Duration) {
        let due = match &self.screen {
            Screen::Nowhere => return,
            Screen::Terminal(_) => DRAW_EVERY,
            Screen::Pipe(_) => LINE_EVERY,
        };
        let since = now.saturating_sub(self.seen_at);
        if since < due {
            return;
        }
        self.seen_at = now;
        let groups = groups(ledgers, now);
        match &mut self.screen {
            Screen::Terminal(screen) => {
                let width = usize::from(Term::stderr().size().1);
                let lines = frame(&groups, &self.before, since, now, width);
                while self.bars.len() < lines.len() {
                    // Where a terminal is narrower than a fact, the rest of it is cut off.
                    let style = ProgressStyle::with_template("{wide_msg}")
                        .unwrap_or_else(|_| ProgressStyle::default_spinner());
                    self.bars.push(screen.add(ProgressBar::new_spinner().with_style(style)));
                }
                // A group that is over, or a terminal that was made wider, takes fewer lines than before.
                let lines = lines.into_iter().chain(std::iter::repeat(String::new()));
                for (bar, line) in self.bars.iter().zip(lines) {
                    bar.set_message(line);
                }
            }
            Screen::Pipe(pipe) => {
                for group in &groups {
                    // A closed pipe is no reason to end a run.
                    drop(writeln!(pipe, "{}", line(group, self.before.get(&group.name), since, now)));
                }
            }
            Screen::Nowhere => {}
        }
        self.before = groups.into_iter().map(|group| (group.name, group.totals)).collect();
    }

    pub(crate) fn end(&mut self) {
        for bar in &self.bars {
            bar.finish_and_clear();
        }
    }
}

/// The ledgers by group, in the order of the profile.
fn groups(ledgers: &[LaneLedger], now: Duration) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for ledger in ledgers {
        let plan = &ledger.plan;
        let at = groups.iter().position(|group| group.name == plan.record.group).unwrap_or_else(|| {
            let (name, limit) = (plan.record.group.clone(), plan.record.tier.map(|_| 0));
            groups.push(Group { name, limit, begins: Duration::MAX, ..Group::default() });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(at) else { continue };
        let totals = ledger.totals();
        group.lanes += 1;
        group.totals += totals;
        group.totals.planned += ledger.planned_by(now);
        group.window_number = ledger.window_of(now);
        group.in_window += ledger.counts(group.window_number).admitted;
        // A window in which fewer are due than the limit allows is full with these.
        let most = u64::from(plan.record.requests_limit).min(ledger.due_in(group.window_number));
        group.limit = group.limit.map(|limit| limit + most);
        group.begins = group.begins.min(plan.start);
        group.ends = group.ends.max(plan.pacer.length());
        for times in ledger.times() {
            group.response += &times[Series::Response(Outcome::Admitted)];
            group.send_lag += &times[Series::SendLag];
            group.slot_waits += times[Series::SlotWait].len();
        }
    }
    groups
}

/// For a terminal of a width: how far the run is, and as many lines a group as what there is to say of it takes.
fn frame(
    groups: &[Group],
    before: &BTreeMap<String, WindowCounts>,
    since: Duration,
    now: Duration,
    width: usize,
) -> Vec<String> {
    let shown = groups.iter().take(MOST_GROUPS);
    let indent = shown.clone().map(|group| group.title().chars().count()).max().unwrap_or(0) + 2;
    let end = groups.iter().map(|group| group.ends).max().unwrap_or_default();
    let mut lines = vec![format!("{} of {}", clock(now), clock(end))];
    for group in shown {
        let mut say = |facts: &[String]| lines.extend(flow(&group.title(), indent, facts, width));
        if now < group.begins {
            say(&[format!("begins at {}", clock(group.begins))]);
            continue;
        }
        let rates = group.rates(before.get(&group.name), since);
        if now > group.ends && rates[0] + rates[1] == 0.0 {
            let totals = zip(KINDS, numbers(&group.totals)).skip(1);
            let totals = totals.map(|(kind, number)| {
                format!("{}{kind} {number}", if kind == "sent" { "over: " } else { "" })
            });
            say(&totals.collect::<Vec<_>>());
            continue;
        }
        let rates = zip(KINDS, rates)
            .map(|(kind, rate)| format!("{kind} {rate:.1}{}", if kind == "planned" { "/s" } else { "" }));
        let times = [
            group.window(),
            format!("response p50 {} p99 {}", ms(&group.response, 0.5), ms(&group.response, 0.99)),
            format!("lag p99 {}", ms(&group.send_lag, 0.99)),
        ];
        say(&rates.chain(times).chain(group.waits()).collect::<Vec<_>>());
    }
    if let more @ 1.. = groups.len().saturating_sub(MOST_GROUPS) {
        lines.push(format!("and {more} more lanes"));
    }
    lines
}

/// Facts behind a title, on as few lines as they take in this width; no fact is broken.
fn flow(title: &str, indent: usize, facts: &[String], width: usize) -> Vec<String> {
    let (first, others) = facts.split_first().map_or(("", [].as_slice()), |(first, others)| (first, others));
    let (mut lines, mut line) = (Vec::new(), format!("{title:indent$}{first}"));
    for fact in others {
        if line.chars().count() + 2 + fact.chars().count() <= width {
            line = format!("{line}  {fact}");
        } else {
            lines.push(std::mem::replace(&mut line, format!("{:indent$}{fact}", "")));
        }
    }
    lines.push(line);
    lines
}

fn line(group: &Group, before: Option<&WindowCounts>, since: Duration, now: Duration) -> String {
    let rates = zip(KINDS, group.rates(before, since)).map(|(kind, rate)| format!("{kind} {rate:.1}/s"));
    format!(
        "{} {}: {} | {} | response p50 {}, p99 {} | send lag p99 {}{}",
        clock(now),
        group.title(),
        rates.collect::<Vec<_>>().join(", "),
        group.window(),
        ms(&group.response, 0.5),
        ms(&group.response, 0.99),
        ms(&group.send_lag, 0.99),
        group.waits().map(|waits| format!(" | {waits}")).unwrap_or_default(),
    )
}

impl Group {
    /// `premium (20 keys)`.
    fn title(&self) -> String {
        if self.lanes == 1 { self.name.clone() } else { format!("{} ({} keys)", self.name, self.lanes) }
    }

    /// How many requests waited for a slot, where any did.
    fn waits(&self) -> Option<String> {
        (self.slot_waits > 0).then(|| format!("{} waited for a slot", self.slot_waits))
    }

    /// The numbers of each kind a second since they were last shown.
    fn rates(&self, before: Option<&WindowCounts>, since: Duration) -> [f64; 5] {
        let before = numbers(&before.copied().unwrap_or_default());
        let mut rates = [0.0; 5];
        for (rate, (now, before)) in zip(&mut rates, zip(numbers(&self.totals), before)) {
            *rate = now.saturating_sub(before) as f64 / since.as_secs_f64().max(1e-9);
        }
        rates
    }

    /// The admitted requests of the running window against the most that all keys can have admitted.
    fn window(&self) -> String {
        let (number, admitted) = (self.window_number + 1, self.in_window);
        match self.limit {
            Some(limit @ 1..) => {
                let filled = usize::try_from(admitted.min(limit) * BAR as u64 / limit).unwrap_or(BAR);
                let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
                format!("window {number} {bar} {admitted}/{limit}")
            }
            _ => format!("window {number} {admitted}"),
        }
    }
}

/// What is counted.
const KINDS: [&str; 5] = ["planned", "sent", "admitted", "limited", "errors"];

/// How many there are of each kind.
fn numbers(counts: &WindowCounts) -> [u64; 5] {
    [counts.planned, counts.sent, counts.admitted, counts.limited, counts.errors]
}

fn clock(time: Duration) -> String {
    format!("{:02}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

fn ms(times: &Times, share: f64) -> String {
    if times.is_empty() {
        return "–".to_owned();
    }
    format!("{:.2} ms", times.value_at_quantile(share) as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);
    const NOW: Duration = Duration::from_secs(75);

    fn counts(planned: u64, sent: u64, admitted: u64, limited: u64) -> WindowCounts {
        WindowCounts { planned, sent, admitted, limited, ..WindowCounts::default() }
    }

    fn group(name: &str, lanes: usize) -> Group {
        Group {
            name: name.to_owned(),
            lanes,
            totals: counts(30, 29, 20, 9),
            window_number: 1,
            in_window: 15,
            limit: Some(60),
            response: [Duration::from_micros(1_500)].into_iter().collect(),
            send_lag: Times::default(),
            slot_waits: 0,
            begins: Duration::ZERO,
            ends: Duration::from_secs(180),
        }
    }

    #[test]
    fn a_line_says_how_fast_and_how_far() {
        assert_eq!(
            line(&group("standard", 1), Some(&counts(10, 10, 10, 0)), TEN, NOW),
            "01:15 standard: planned 2.0/s, sent 1.9/s, admitted 1.0/s, limited 0.9/s, errors 0.0/s | \
             window 2 ███░░░░░░░░░ 15/60 | response p50 1.50 ms, p99 1.50 ms | send lag p99 –"
        );
    }

    #[test]
    fn a_terminal_gets_lines_that_line_up_and_fit_its_width() {
        let groups = [
            group("ingestion", 1),
            Group { limit: None, slot_waits: 7, ..group("premium", 334) },
            Group { begins: Duration::from_secs(120), ..group("late", 1) },
            Group { ends: Duration::from_secs(60), ..group("early", 1) },
        ];
        let before = ["ingestion", "early"].map(|name| (name.to_owned(), counts(10, 10, 10, 0)));
        let mut before = BTreeMap::from(before);
        let early = before.get_mut("early").unwrap();
        (early.planned, early.sent) = (30, 29);
        let at = |width| frame(&groups, &before, TEN, NOW, width);
        assert_eq!(
            at(80),
            [
                "01:15 of 03:00",
                "ingestion           planned 2.0/s  sent 1.9  admitted 1.0  limited 0.9",
                "                    errors 0.0  window 2 ███░░░░░░░░░ 15/60",
                "                    response p50 1.50 ms p99 1.50 ms  lag p99 –",
                "premium (334 keys)  planned 3.0/s  sent 2.9  admitted 2.0  limited 0.9",
                "                    errors 0.0  window 2 15  response p50 1.50 ms p99 1.50 ms",
                "                    lag p99 –  7 waited for a slot",
                "late                begins at 02:00",
                "early               over: sent 29  admitted 20  limited 9  errors 0",
            ]
        );
        for width in [48, 80, 120, 200] {
            let widest = at(width).iter().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.max(60), "{width}: {widest}");
        }
        assert_eq!(at(200).len(), 5);
    }

    #[test]
    fn many_groups_are_folded() {
        let groups: Vec<Group> = (0..100).map(|number| group(&format!("lane-{number}"), 1)).collect();
        let lines = frame(&groups, &BTreeMap::new(), TEN, NOW, 120);
        assert_eq!(lines.len(), 2 * MOST_GROUPS + 2);
        assert_eq!(lines.last().unwrap(), "and 92 more lanes");
    }

    #[test]
    fn a_window_beyond_its_limit_fills_the_bar_and_no_more() {
        let over = Group { in_window: 61, ..group("standard", 1) };
        assert_eq!(over.window(), "window 2 ████████████ 61/60");
    }
}
