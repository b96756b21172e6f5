//! HdrHistogram V2 interval logs: one file for each series, one tagged interval for each lane, or one for each of its
//! windows where windows are told apart.
//!
//! The usual tools read them; `HistogramLogProcessor -alltags` adds up the lanes.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use super::record::{LaneRecord, RunRecord};
use super::series::Series;
use super::times::Times;

/// Writes one series of every lane that has it.
pub(super) fn write(run: &RunRecord, series: Series) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("trenchcheck load, {}: microseconds; a tag is PLACE:LANE", series.name()))
        .with_start_time(run.started_at.into())
        .with_base_time(run.started_at.into())
        .begin_log_with(&mut out, &mut serializer)?;
    let failed = |error| match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
    };
    for lane in &run.lanes {
        let tag = tag(lane);
        let windows =
            (0..lane.window_latencies.len()).filter_map(|at| Some((at, series.of_window(lane, at)?)));
        let windows: Vec<_> = windows.filter(|(_, times)| !times.is_empty()).collect();
        for (at, times) in &windows {
            let begins = lane.window * u32::try_from(*at).unwrap_or(u32::MAX);
            log.write_histogram(&times.to_histogram(), begins, lane.window, Tag::new(&tag))
                .map_err(failed)?;
        }
        let Some(times) = series.of(lane).filter(|times| !times.is_empty()) else { continue };
        if windows.is_empty() {
            log.write_histogram(&times.to_histogram(), Duration::ZERO, run.took, Tag::new(&tag))
                .map_err(failed)?;
        }
    }
    Ok(out)
}

/// The lane's place, and its name as far as a tag can hold it.
fn tag(lane: &LaneRecord) -> String {
    let name = lane.name.replace(|mark: char| mark == ',' || mark.is_whitespace() || mark.is_control(), "_");
    format!("{}:{name}", lane.place)
}

/// An interval of a log.
pub(super) struct Interval {
    /// The place of its lane.
    pub(super) place: u32,
    /// When it begins, counted from the beginning of the lane.
    pub(super) begins: Duration,
    /// The times.
    pub(super) times: Times,
}

/// Reads one series. The error says what is wrong with the text.
pub(super) fn read(text: &[u8]) -> Result<Vec<Interval>, String> {
    let mut found = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(text) {
        let interval = match entry {
            Ok(LogEntry::Interval(interval)) => interval,
            Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => continue,
            Err(_) => return Err("a line is no interval".to_owned()),
        };
        let tag = interval.tag().map(|tag| tag.as_str()).unwrap_or_default();
        let place = tag.split(':').next().and_then(|place| place.parse().ok());
        let place = place.ok_or_else(|| format!("the tag `{tag}` names no lane"))?;
        let broken =
            |error: &dyn std::fmt::Display| format!("the histogram tagged `{tag}` is broken: {error}");
        let bytes = STANDARD.decode(interval.encoded_histogram()).map_err(|error| broken(&error))?;
        let histogram: Histogram<u64> =
            deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| broken(&error))?;
        found.push(Interval { place, begins: interval.start_timestamp(), times: Times::from(&histogram) });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Outcome;
    use crate::load::samples::{GOOD, buckets, lane, run};
    use crate::load::series::Clock;

    const ADMITTED: Series = Series::Times(Outcome::Admitted, Clock::Response);

    #[test]
    fn every_bucket_comes_back() {
        let mut strange = lane(7, &[GOOD, GOOD]);
        strange.name = "a lane, with\nstrange marks".to_owned();
        let record = run(vec![lane(0, &[GOOD]), strange], "{}");
        for series in Series::all() {
            let read = read(&write(&record, series).unwrap()).unwrap();
            let lanes = record.lanes.iter().filter_map(|lane| Some((lane.place, series.of(lane)?)));
            let lanes = lanes.filter(|(_, histogram)| !histogram.is_empty());
            let before: Vec<_> = lanes.map(|(place, histogram)| (place, buckets(histogram))).collect();
            let after: Vec<_> =
                read.iter().map(|interval| (interval.place, buckets(&interval.times))).collect();
            assert_eq!(before, after, "{}", series.name());
        }
    }

    #[test]
    fn the_head_says_what_it_is_and_since_when() {
        let text = String::from_utf8(write(&run(vec![lane(3, &[GOOD])], "{}"), ADMITTED).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "#[Histogram log format version 1.3]",
                "#trenchcheck load, admitted.response: microseconds; a tag is PLACE:LANE",
                "#[StartTime: 1790000000.000 (seconds since epoch)]",
                "#[BaseTime: 1790000000.000 (seconds since epoch)]"
            ]
        );
        // The compressed V2 encoding, by its cookie.
        assert!(lines[4].starts_with("Tag=3:standard-4,0.000,180.250,60063.000,HISTFAAA"), "{}", lines[4]);
    }

    #[test]
    fn a_broken_log_says_what_is_wrong() {
        let whole = String::from_utf8(write(&run(vec![lane(0, &[GOOD])], "{}"), ADMITTED).unwrap()).unwrap();
        let error = |text: &str| read(text.as_bytes()).err().unwrap();
        let cut = error(&whole[..whole.find("HISTFAAA").unwrap() + 40]);
        assert_eq!(cut, "a line is no interval");
        let spoilt = error(&whole.replace("HISTFAAA", "AAAAAAAA"));
        assert!(spoilt.contains("`0:standard-1` is broken"), "{spoilt}");
        assert_eq!(error(&whole.replace("Tag=0:standard-1,", "")), "the tag `` names no lane");
    }
}
