//! The pictures of a run, as SVG: lines over time, percentile curves and a heat map.
//!
//! Each is readable in grey: lines differ in their strokes, too, and the page beside it has the numbers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::super::record::LaneRecord;
use super::super::series::{Outcome, Series, Times};
use super::super::timeline::{Coarse, Interval, Timeline};

/// The size of a picture; it scales with the page.
const SIZE: (u32, u32) = (960, 280);

/// Colours that stand out on white and on black.
const BLUE: RGBColor = RGBColor(0x2f, 0x7e, 0xd8);
const GREEN: RGBColor = RGBColor(0x2e, 0x9b, 0x57);
const ORANGE: RGBColor = RGBColor(0xd9, 0x7b, 0x12);
const RED: RGBColor = RGBColor(0xd0, 0x45, 0x3e);
const GREY: RGBColor = RGBColor(0x80, 0x88, 0x90);

pub(super) type Broken = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Copy)]
enum Stroke {
    Thin,
    Thick,
    Dashed,
    Dotted,
}

struct Line {
    name: &'static str,
    colour: RGBColor,
    stroke: Stroke,
    points: Vec<(f64, f64)>,
}

/// Planned, sent, admitted, limited and failed requests a second, against what all keys are granted.
pub(super) fn rates(timeline: &Timeline, limit: Option<f64>) -> Result<String, Broken> {
    let every = timeline.every.as_secs_f64();
    let line = |name, colour, stroke, count: fn(&Interval) -> u64| {
        let points = timeline
            .intervals
            .iter()
            .enumerate()
            .map(|(at, one)| (at as f64 * every, count(one) as f64 / every));
        Line { name, colour, stroke, points: points.collect() }
    };
    let mut lines = vec![
        line("planned", GREY, Stroke::Dashed, |one| one.planned),
        line("sent", BLUE, Stroke::Thin, |one| one.sent),
        line("admitted", GREEN, Stroke::Thick, |one| one.admitted),
        line("limited", ORANGE, Stroke::Thin, |one| one.limited),
        line("errors", RED, Stroke::Thick, |one| one.errors),
    ];
    lines.retain(|line| line.name == "planned" || line.points.iter().any(|(_, y)| *y > 0.0));
    let end = every * timeline.intervals.len() as f64;
    if let Some(limit) = limit {
        let points = vec![(0.0, limit), (end, limit)];
        lines.push(Line { name: "limit", colour: RED, stroke: Stroke::Dotted, points });
    }
    let top = highest(&lines) * 1.1 + f64::MIN_POSITIVE;
    drawn("requests a second, by when they were due", |area| {
        lines_on(area, &lines, (0.0..end.max(1.0), 0.0..top), &clock)
    })
}

/// The median and higher percentiles of the response times of what was admitted, over time.
pub(super) fn latency(timeline: &Timeline) -> Result<String, Broken> {
    over_time(
        "response times of admitted requests over time, in ms",
        timeline,
        |one| &one.response,
        &[
            ("p50", 0.5, GREEN, Stroke::Thick),
            ("p90", 0.9, BLUE, Stroke::Thin),
            ("p99", 0.99, ORANGE, Stroke::Dashed),
            ("max", 1.0, RED, Stroke::Dotted),
        ],
    )
}

pub(super) fn send_lag(timeline: &Timeline) -> Result<String, Broken> {
    over_time(
        "how late requests were sent over time, in ms",
        timeline,
        |one| &one.send_lag,
        &[
            ("p50", 0.5, GREEN, Stroke::Thick),
            ("p99", 0.99, ORANGE, Stroke::Dashed),
            ("max", 1.0, RED, Stroke::Dotted),
        ],
    )
}

fn over_time(
    about: &str,
    timeline: &Timeline,
    times: fn(&Interval) -> &Coarse,
    shares: &[(&'static str, f64, RGBColor, Stroke)],
) -> Result<String, Broken> {
    let every = timeline.every.as_secs_f64();
    let lines: Vec<Line> = shares
        .iter()
        .map(|&(name, share, colour, stroke)| {
            let points = timeline.intervals.iter().enumerate().filter_map(|(at, one)| {
                Some((at as f64 * every, times(one).quantile(share)? as f64 / 1_000.0))
            });
            Line { name, colour, stroke, points: points.collect() }
        })
        .collect();
    let end = every * timeline.intervals.len() as f64;
    let (low, high) = span(&lines);
    drawn(about, |area| lines_on(area, &lines, (0.0..end.max(1.0), (low..high).log_scale()), &clock))
}

/// Percentile curves: response and service times, of what was admitted and of what was limited, from exact histograms.
pub(super) fn percentiles(lane: &LaneRecord) -> Result<String, Broken> {
    let of = |series: Series| &lane.times[series];
    curves(&[
        ("admitted, response", of(Series::Response(Outcome::Admitted)), GREEN, Stroke::Thick),
        ("admitted, service", of(Series::Service(Outcome::Admitted)), BLUE, Stroke::Thin),
        ("limited, response", of(Series::Response(Outcome::Limited)), ORANGE, Stroke::Dashed),
        ("send lag", of(Series::SendLag), GREY, Stroke::Dotted),
    ])
}

/// The response times of a run beside those of the one it is compared with.
pub(super) fn beside(base: &Times, new: &Times) -> Result<String, Broken> {
    curves(&[("base", base, GREY, Stroke::Dashed), ("new", new, BLUE, Stroke::Thick)])
}

fn curves(all: &[(&'static str, &Times, RGBColor, Stroke)]) -> Result<String, Broken> {
    let lines = all.iter().filter(|(_, times, ..)| !times.is_empty());
    let lines: Vec<Line> = lines
        .map(|&(name, times, colour, stroke)| Line { name, colour, stroke, points: curve(times) })
        .collect();
    let end = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).fold(1.0, f64::max);
    let (low, high) = span(&lines);
    drawn("times in ms by percentile", |area| {
        lines_on(area, &lines, (0.0..end, (low..high).log_scale()), &percentile)
    })
}

/// A curve over the number of nines, as far as there are times for it.
fn curve(times: &Times) -> Vec<(f64, f64)> {
    const STEPS: u32 = 40;
    let nines = (times.len().max(10) as f64).log10();
    let at = |step: u32| {
        let x = nines * f64::from(step) / f64::from(STEPS);
        (x, times.value_at_quantile(1.0 - 10_f64.powf(-x)).max(1) as f64 / 1_000.0)
    };
    (0..=STEPS).map(at).collect()
}

/// How many columns a heat map has at most.
const MOST_COLUMNS: usize = 150;

/// How many requests took how long, over time: the darker, the more.
pub(super) fn heat(timeline: &Timeline) -> Result<String, Broken> {
    // As fine as an eye tells apart: a rectangle for each interval and eighth would make a page of megabytes.
    let together = timeline.intervals.len().div_ceil(MOST_COLUMNS).max(1);
    let every = timeline.every.as_secs_f64() * together as f64;
    let end = timeline.every.as_secs_f64() * timeline.intervals.len() as f64;
    let ms = |micros: u64| micros.max(1) as f64 / 1_000.0;
    let mut cells = Vec::new();
    for (at, intervals) in timeline.intervals.chunks(together).enumerate() {
        let mut counts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (from, to, count) in intervals.iter().flat_map(|one| one.response.buckets()) {
            // Two eighths of a power of two.
            let quarter = from - from % ((to - from) * 2);
            let (highest, sum) = counts.entry(quarter).or_default();
            (*highest, *sum) = (to.max(*highest), *sum + count);
        }
        cells.extend(
            counts.into_iter().map(|(from, (to, count))| (at as f64 * every, ms(from), ms(to), count)),
        );
    }
    let low = cells.iter().map(|cell| cell.1).fold(f64::MAX, f64::min).min(1.0);
    let high = cells.iter().map(|cell| cell.2).fold(low * 10.0, f64::max);
    let most = cells.iter().map(|cell| cell.3).max().unwrap_or(1) as f64;
    drawn("how many admitted requests took how long, in ms: the darker, the more", |area| {
        let mut chart = chart(area, 0.0..end.max(1.0), (low..high).log_scale(), &clock)?;
        chart.draw_series(cells.iter().map(|&(x, from, to, count)| {
            let share = 0.15 + 0.85 * (1.0 + count as f64).ln() / (1.0 + most).ln();
            Rectangle::new([(x, from), (x + every, to)], BLUE.mix(share.min(1.0)).filled())
        }))?;
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a picture and fits it into a page: it takes the page's colours and width.
fn drawn(about: &str, draw: impl FnOnce(&Area<'_>) -> Result<(), Broken>) -> Result<String, Broken> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    let (width, height) = SIZE;
    let sized = format!(r#"<svg width="{width}" height="{height}""#);
    let named = format!(r#"<svg role="img" aria-label="{about}""#);
    Ok(svg.replacen(&sized, &named, 1).replace("#000000", "currentColor"))
}

/// Lines, with the names of what they are.
fn lines_on<Y>(
    area: &Area<'_>,
    lines: &[Line],
    (x, y): (Range<f64>, Y),
    x_text: &dyn Fn(&f64) -> String,
) -> Result<(), Broken>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = chart(area, x, y, x_text)?;
    for line in lines {
        let points = || line.points.iter().copied();
        let width = if matches!(line.stroke, Stroke::Thick) { 3 } else { 2 };
        let style = ShapeStyle { color: line.colour.to_rgba(), filled: false, stroke_width: width };
        let drawn = match line.stroke {
            Stroke::Thin | Stroke::Thick => chart.draw_series(LineSeries::new(points(), style))?,
            Stroke::Dashed => chart.draw_series(DashedLineSeries::new(points(), 8, 5, style))?,
            Stroke::Dotted => chart.draw_series(DashedLineSeries::new(points(), 2, 4, style))?,
        };
        let stroke = line.stroke;
        drawn.label(line.name).legend(move |(x, y)| match stroke {
            Stroke::Thin | Stroke::Thick => PathElement::new(vec![(x, y), (x + 18, y)], style),
            Stroke::Dashed => PathElement::new(vec![(x, y), (x + 8, y)], style),
            Stroke::Dotted => PathElement::new(vec![(x, y), (x + 3, y)], style),
        });
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(())
}

/// An empty chart with its axes.
fn chart<'a, Y>(
    area: &Area<'a>,
    x: Range<f64>,
    y: Y,
    x_text: &dyn Fn(&f64) -> String,
) -> Result<ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, Y::CoordDescType>>, Broken>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut builder = ChartBuilder::on(area);
    builder.margin(8).margin_right(32).x_label_area_size(28).y_label_area_size(60);
    let mut chart = builder.build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .label_style(("sans-serif", 13))
        .bold_line_style(GREY.mix(0.35))
        .light_line_style(GREY.mix(0.0))
        .axis_style(GREY)
        .x_labels(9)
        .y_labels(6)
        .x_label_formatter(&x_text)
        .y_label_formatter(&|y: &f64| digits(*y))
        .draw()?;
    Ok(chart)
}

fn highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(0.0, f64::max)
}

/// From the lowest to the highest value, for a scale that goes by powers of ten.
fn span(lines: &[Line]) -> (f64, f64) {
    let values = || lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y);
    let low = values().fold(f64::MAX, f64::min).clamp(0.001, 1.0);
    (low, values().fold(low * 10.0, f64::max) * 1.1)
}

/// `1:05` after so many seconds.
fn clock(seconds: &f64) -> String {
    let time = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    format!("{}:{:02}", time / 60, time % 60)
}

/// `99.9 %` for three nines.
fn percentile(nines: &f64) -> String {
    let share = 100.0 - 100.0 * 10_f64.powf(-nines);
    let places = nines.ceil().max(0.0) as usize;
    let text = format!("{share:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// As many digits as a scale needs.
fn digits(value: f64) -> String {
    match value {
        large if large >= 10.0 => format!("{large:.0}"),
        middle if middle >= 1.0 => format!("{middle:.1}"),
        0.0 => "0".to_owned(),
        small if small >= 0.1 => format!("{small:.2}"),
        small => format!("{small:.3}"),
    }
}
