//! How a run stands while it goes on: a few lines that change on a terminal, a plain line now and then in a
//! pipe.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::ledger::LaneLedger;
use super::record::{Outcome, WindowCounts, histogram};

/// How often a pipe gets a line.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The width of the bar that shows a window against its limit.
const BAR: usize = 12;

/// The view.
pub(crate) struct Live {
    screen: Screen,
    groups: BTreeMap<String, Seen>,
    seen_at: Duration,
}

/// Where it is shown.
pub(crate) enum Screen {
    /// A terminal.
    Terminal(MultiProgress),
    /// A pipe.
    Pipe(Box<dyn Write + Send>),
    /// Nowhere.
    Nowhere,
}

#[derive(Default)]
struct Seen {
    counts: WindowCounts,
    bar: Option<ProgressBar>,
}

/// The lanes of one group together.
struct Group {
    name: String,
    lanes: usize,
    totals: WindowCounts,
    window_number: usize,
    in_window: u64,
    limit: Option<u64>,
    response: Histogram<u64>,
    send_lag: Histogram<u64>,
}

impl Live {
    /// A view on a screen.
    pub(crate) fn new(screen: Screen) -> Self {
        Self { screen, groups: BTreeMap::new(), seen_at: Duration::ZERO }
    }

    /// Shows how the ledgers stand at a time of the run.
    pub(crate) fn show(&mut self, ledgers: &[LaneLedger], now: Duration) {
        let due = match &self.screen {
            Screen::Nowhere => return,
            Screen::Terminal(_) => Duration::from_secs(1),
            Screen::Pipe(_) => LINE_EVERY,
        };
        let since = now.saturating_sub(self.seen_at);
        if since < due {
            return;
        }
        self.seen_at = now;
        for group in groups(ledgers, now) {
            let seen = self.groups.entry(group.name.clone()).or_default();
            let line = line(&group, &seen.counts, since, now);
            seen.counts = group.totals;
            match &mut self.screen {
                Screen::Terminal(screen) => {
                    let bar = seen.bar.get_or_insert_with(|| {
                        let style = ProgressStyle::with_template("{msg}")
                            .unwrap_or_else(|_| ProgressStyle::default_spinner());
                        screen.add(ProgressBar::new_spinner().with_style(style))
                    });
                    bar.set_message(line);
                    bar.tick();
                }
                // A closed pipe is no reason to end a run.
                Screen::Pipe(pipe) => drop(writeln!(pipe, "{line}")),
                Screen::Nowhere => {}
            }
        }
    }

    /// Takes the view away.
    pub(crate) fn end(&mut self) {
        for seen in self.groups.values() {
            if let Some(bar) = &seen.bar {
                bar.finish_and_clear();
            }
        }
    }
}

/// The ledgers by group, in the order of the profile.
fn groups(ledgers: &[LaneLedger], now: Duration) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for ledger in ledgers {
        let plan = ledger.plan();
        let at = groups.iter().position(|group| group.name == plan.group).unwrap_or_else(|| {
            groups.push(Group {
                name: plan.group.clone(),
                lanes: 0,
                totals: WindowCounts::default(),
                window_number: 0,
                in_window: 0,
                limit: plan.tier.map(|_| 0),
                response: histogram(),
                send_lag: histogram(),
            });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(at) else { continue };
        let totals = ledger.totals();
        group.lanes += 1;
        group.totals.planned += ledger.planned_by(now);
        group.totals.sent += totals.sent;
        group.totals.admitted += totals.admitted;
        group.totals.limited += totals.limited;
        group.totals.errors += totals.errors;
        group.window_number = ledger.window_of(now);
        group.in_window += ledger.counts(group.window_number).admitted;
        group.limit = group.limit.map(|limit| limit + u64::from(plan.limits.requests));
        if let Some(latencies) = ledger.latencies(Outcome::Admitted) {
            // Histograms of ours grow, so that any two can be added.
            let _ = group.response.add(&latencies.response);
        }
        let _ = group.send_lag.add(ledger.send_lag());
    }
    groups
}

fn line(group: &Group, before: &WindowCounts, since: Duration, now: Duration) -> String {
    let rate = |count: u64, before: u64| count.saturating_sub(before) as f64 / since.as_secs_f64().max(1e-9);
    let totals = &group.totals;
    let seconds = now.as_secs();
    let keys = if group.lanes == 1 { String::new() } else { format!(" ({} keys)", group.lanes) };
    let window = match group.limit {
        Some(limit) if limit > 0 => {
            let filled =
                (group.in_window.min(limit) as usize * BAR) / usize::try_from(limit).unwrap_or(usize::MAX);
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
            format!("window {} {bar} {}/{limit}", group.window_number + 1, group.in_window)
        }
        _ => format!("window {} {}", group.window_number + 1, group.in_window),
    };
    let ms =
        |histogram: &Histogram<u64>, quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    format!(
        "{:02}:{:02} {}{keys}: planned {:.1}/s, sent {:.1}/s, admitted {:.1}/s, limited {:.1}/s, errors {:.1}/s | {window} | \
         response p50 {:.1} ms, p99 {:.1} ms | send lag p99 {:.2} ms",
        seconds / 60,
        seconds % 60,
        group.name,
        rate(totals.planned, before.planned),
        rate(totals.sent, before.sent),
        rate(totals.admitted, before.admitted),
        rate(totals.limited, before.limited),
        rate(totals.errors, before.errors),
        ms(&group.response, 0.5),
        ms(&group.response, 0.99),
        ms(&group.send_lag, 0.99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_fast_and_how_far() {
        let counts = |planned, sent, admitted, limited| WindowCounts {
            planned,
            sent,
            admitted,
            limited,
            ..WindowCounts::default()
        };
        let mut response = histogram();
        response.record(1_500).unwrap();
        let group = Group {
            name: "standard".to_owned(),
            lanes: 1,
            totals: counts(30, 29, 20, 9),
            window_number: 1,
            in_window: 15,
            limit: Some(60),
            response,
            send_lag: histogram(),
        };
        let line = line(&group, &counts(10, 10, 10, 0), Duration::from_secs(10), Duration::from_secs(75));
        assert_eq!(
            line,
            "01:15 standard: planned 2.0/s, sent 1.9/s, admitted 1.0/s, limited 0.9/s, errors 0.0/s | \
             window 2 ███░░░░░░░░░ 15/60 | response p50 1.5 ms, p99 1.5 ms | send lag p99 0.00 ms"
        );
    }
}
