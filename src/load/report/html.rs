//! The report to look at: one HTML file with its pictures in it, which needs nothing else, not even scripts.

use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, Error};
use serde::Serialize;
use serde_json::json;

use super::super::findings::findings;
use super::super::record::{Group, RunRecord, groups};
use super::super::series::{Outcome, Series};
use super::super::timeline::Timeline;
use super::super::verdict::{LoadVerdict, judge};
use super::json::verdict_of;
use super::pictures::{self, Broken};
use super::tables::{self, Table};
use crate::contract::WINDOW_SECONDS;
use crate::report::{Tool, environment};

/// A group of lanes, as the page shows it.
#[derive(Serialize)]
struct Section {
    name: String,
    told: String,
    pictures: Vec<Picture>,
    tables: Vec<Table>,
    faults: Vec<(String, u64)>,
}

/// A picture and what it shows.
#[derive(Serialize)]
struct Picture {
    svg: String,
    about: &'static str,
}

/// The report as a text.
pub(super) fn text(run: &RunRecord) -> io::Result<String> {
    let verdict = judge(run);
    let groups = groups(&run.lanes);
    let broken = tables::broken_windows(run);
    let section = |group: &Group| section(run, group, broken.get(&group.sum.group));
    let sections = groups.iter().map(section).collect::<Result<Vec<_>, _>>();
    let climb = verdict.climb(run);
    let report = json!({
        "tool": Tool::THIS,
        "verdict": verdict_of(&verdict),
        "tone": match verdict {
            LoadVerdict::Met => "good",
            LoadVerdict::NotJudged(_) => "warn",
            LoadVerdict::Missed { .. } | LoadVerdict::Invalid { .. } => "bad",
        },
        "climb": climb,
        "climb_told": climb.as_ref().map(ToString::to_string),
        "run": run,
        "groups": sections.map_err(io::Error::other)?,
        "thresholds": findings(run),
    });
    rendered("load.html", &report)
}

/// A page made of one of the templates.
pub(super) fn rendered(name: &str, of: &serde_json::Value) -> io::Result<String> {
    static ALL: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(|| {
        let mut all = environment()?;
        for (name, text) in [
            ("load.html", include_str!("templates/load.html")),
            ("compared.html", include_str!("templates/compared.html")),
            ("table.html", include_str!("templates/table.html")),
        ] {
            all.add_template(name, text)?;
        }
        Ok(all)
    });
    let all = ALL.as_ref().map_err(|error| io::Error::other(format!("{error:#}")))?;
    let rendered = all.get_template(name).and_then(|template| template.render(Serde(of)));
    rendered.map_err(|error| io::Error::other(format!("{error:#}")))
}

fn section(run: &RunRecord, group: &Group, broken: Option<&BTreeSet<usize>>) -> Result<Section, Broken> {
    let sum = &group.sum;
    let (told, window) = tables::told(group);
    let timeline = run.timelines.iter().find(|timeline| timeline.group == sum.group);
    let mut pictures = match timeline.filter(|timeline| !timeline.intervals.is_empty()) {
        Some(timeline) => over_time(group, timeline)?,
        None => Vec::new(),
    };
    if Series::ALL.iter().any(|series| !sum.times[*series].is_empty()) {
        let about = "Times by percentile, in ms; from all times of the windows after the warm-up.";
        pictures.push(Picture { svg: pictures::percentiles(sum)?, about });
    }
    let admitted = &sum.times[Series::Response(Outcome::Admitted)];
    let tables = [
        Some(tables::windows(run, group, broken)),
        Some(tables::times(sum)),
        tables::histogram(admitted),
        tables::keys(run, &sum.group),
    ];
    Ok(Section {
        name: sum.group.clone(),
        told: window.map_or(told.clone(), |window| format!("{told}; {window}")),
        pictures,
        tables: tables.into_iter().flatten().collect(),
        faults: sum.faults.clone().into_iter().collect(),
    })
}

fn over_time(group: &Group, timeline: &Timeline) -> Result<Vec<Picture>, Broken> {
    let limit = Some(group.sum.requests_limit).filter(|limit| *limit < u32::MAX);
    let limit = limit.map(|limit| f64::from(limit) * f64::from(group.keys) / WINDOW_SECONDS as f64);
    let mut pictures = vec![Picture {
        svg: pictures::rates(timeline, limit)?,
        about: "Requests a second, by when they were due; the limit is what all keys are granted in a minute, by the second.",
    }];
    if timeline.intervals.iter().any(|one| one.admitted > 0) {
        pictures.push(Picture {
            svg: pictures::latency(timeline)?,
            about: "From when an admitted request was due to the end of its answer, in ms; known to an eighth.",
        });
        pictures.push(Picture {
            svg: pictures::heat(timeline)?,
            about: "How many admitted requests took how long: the darker, the more.",
        });
    }
    pictures.push(Picture {
        svg: pictures::send_lag(timeline)?,
        about: "How late requests were sent by our own doing, in ms; known to an eighth.",
    });
    Ok(pictures)
}
