//! The report to look at: one HTML file with its pictures in it, which needs nothing else, not even scripts.

use std::io;

use serde::Serialize;
use serde_json::json;

use super::super::findings::findings;
use super::super::record::{Group, RunRecord};
use super::super::series::Series;
use super::super::timeline::Timeline;
use super::super::verdict::judge;
use super::json::verdict_of;
use super::pictures::{self, Broken};
use super::tables::{Section, keys, sections};
use crate::contract::WINDOW_SECONDS;
use crate::report::{Tool, rendered};

/// A group of lanes with its pictures.
#[derive(Serialize)]
struct Pictured {
    #[serde(flatten)]
    section: Section,
    pictures: Vec<Picture>,
}

#[derive(Serialize)]
struct Picture {
    svg: String,
    about: &'static str,
}

pub(super) fn text(run: &RunRecord) -> io::Result<String> {
    let verdict = judge(run);
    let groups = sections(run).into_iter().map(|(group, section)| pictured(run, &group, section));
    let groups = groups.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let breaking_point = verdict.breaking_point(run);
    let report = json!({
        "tool": Tool::THIS,
        "verdict": verdict_of(&verdict),
        "tone": verdict.tone().class(),
        "breaking_point": breaking_point.as_ref().map(ToString::to_string),
        "run": run,
        "groups": groups,
        "thresholds": findings(run),
    });
    page("load.html", &report)
}

/// A page made of one of the templates.
pub(super) fn page(name: &str, of: &serde_json::Value) -> io::Result<String> {
    let templates = [
        ("load.html", include_str!("templates/load.html")),
        ("compared.html", include_str!("templates/compared.html")),
        ("table.html", include_str!("templates/table.html")),
    ];
    rendered(&templates, name, of)
}

fn pictured(run: &RunRecord, group: &Group, mut section: Section) -> Result<Pictured, Broken> {
    let sum = &group.sum;
    let timeline = run.timelines.iter().find(|timeline| timeline.group == sum.group);
    let mut pictures = match timeline.filter(|timeline| !timeline.intervals.is_empty()) {
        Some(timeline) => over_time(group, timeline)?,
        None => Vec::new(),
    };
    if Series::ALL.iter().any(|series| !sum.times[*series].is_empty()) {
        let about = "Times by percentile, in ms; from all times of the windows after the warm-up.";
        pictures.push(Picture { svg: pictures::percentiles(sum)?, about });
    }
    section.tables.extend(keys(run, &sum.group));
    Ok(Pictured { section, pictures })
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
