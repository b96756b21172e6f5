//! The files of events that lanes name: found beside the profile or among the shipped fixtures, read, reported on.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::{Lane, Payload, Profile, Template};
use crate::scenario::{shipped_fixture, shipped_fixtures};
use crate::yaml::{Problem, Problems, Spanned, nearest};

/// The most of a file that is read: a thousand events are far below it.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

impl Profile {
    /// Reads the file of every lane that names one, and says what is wrong with them. `file` is the profile's path,
    /// `text` what is in it.
    pub(super) fn read_fixtures(&mut self, file: &str, text: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for lane in &mut self.lanes {
            let lane: &mut Lane = &mut lane.value;
            let Some(Spanned { value: Payload::File(name), at }) = &lane.payload else { continue };
            let read = find(file, name).map_err(|missing| {
                let problem = Problem::at(file, text, *at, missing.what).nearest(missing.nearest);
                Problems::from(
                    problem.help("a path from the profile's folder, or a shipped fixture, is expected"),
                )
            });
            match read.and_then(|(shown, events)| Template::read(&shown, &events)) {
                Ok(template) => lane.template = Some(Arc::new(template)),
                Err(more) => problems.extend(more.into_vec()),
            }
        }
        problems
    }
}

/// Why there is no such file.
struct Missing {
    what: String,
    nearest: Option<String>,
}

/// The file of a name, as it is to be shown, and its text.
fn find(profile: &str, name: &str) -> Result<(String, String), Missing> {
    let path = Path::new(profile).parent().unwrap_or(Path::new("")).join(name);
    let shown = path.display().to_string();
    let because = |what: String| Missing { what, nearest: None };
    match fs::metadata(&path) {
        Ok(about) if about.len() > MOST_BYTES => {
            return Err(because(format!("{shown} is larger than {} MiB", MOST_BYTES >> 20)));
        }
        Ok(_) => {
            let text = fs::read_to_string(&path);
            return text.map(|text| (shown.clone(), text)).map_err(|error| {
                because(match error.kind() {
                    ErrorKind::InvalidData => format!("{shown} is not UTF-8"),
                    _ => format!("{shown} cannot be read: {error}"),
                })
            });
        }
        Err(_) => {}
    }
    if let Some(text) = shipped_fixture(name) {
        return Ok((format!("fixtures/{name}"), text.to_owned()));
    }
    let names = shipped_fixtures();
    let nearest = nearest(name, names.iter().map(String::as_str));
    Err(Missing { what: format!("there is no file {shown}, and no shipped fixture `{name}`"), nearest })
}
