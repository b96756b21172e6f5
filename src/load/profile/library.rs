//! Finding profiles by name: those in the binary, those of a directory, a file of one's own.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::{Lane, Payload, Profile, Template};
use crate::nearest::{nearest, no_such};
use crate::scenario::{Source, shipped_fixture, shipped_fixtures};
use crate::yaml::Spanned;
use crate::yaml::{Problem, Problems};

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A profile's file is wrong.
    #[error("{0}")]
    Bad(#[from] Problems),
    /// Nothing has this name, and this says so.
    #[error("{0}")]
    Unknown(String),
    /// The file cannot be read.
    #[error("cannot read the profile {0}: {1}")]
    Unreadable(String, std::io::Error),
}

/// A profile with its file's name and text, which problems quote.
#[derive(Debug, Clone)]
pub struct Shelved {
    /// The profile.
    pub profile: Profile,
    /// The file.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// The profiles of a source.
#[derive(Debug, Clone, Copy)]
pub struct Library<'a>(pub &'a Source);

impl Library<'_> {
    /// Every profile, by name.
    ///
    /// # Errors
    /// [`ProfileError`], with everything that is wrong in any of them.
    pub fn all(&self) -> Result<Vec<Shelved>, ProfileError> {
        let mut problems = Vec::new();
        let mut profiles = Vec::new();
        for (file, text) in self.0.profiles()? {
            match shelve(file, text) {
                Ok(shelved) => profiles.push(shelved),
                Err(wrong) => problems.extend(wrong.into_vec()),
            }
        }
        match Problems::new(problems) {
            Some(problems) => Err(problems.into()),
            None => Ok(profiles),
        }
    }

    /// The profile of a name, or of a path that ends in `.yaml`.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn find(&self, name: &str) -> Result<Shelved, ProfileError> {
        if Path::new(name).extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(name)
                .map_err(|why| ProfileError::Unreadable(name.to_owned(), why))?;
            return Ok(shelve(name.to_owned(), text)?);
        }
        let files = self.0.profiles()?;
        match files.iter().find(|(file, _)| stem(file) == Some(name)) {
            Some((file, text)) => Ok(shelve(file.clone(), text.clone())?),
            None => {
                let known: Vec<&str> = files.iter().filter_map(|(file, _)| stem(file)).collect();
                let all = format!("there are {}", known.join(", "));
                Err(ProfileError::Unknown(no_such("profile", name, known, &all)))
            }
        }
    }
}

fn shelve(file: String, text: String) -> Result<Shelved, Problems> {
    let profile = Profile::read(&file, &text)?;
    Ok(Shelved { profile, file, text })
}

fn stem(file: &str) -> Option<&str> {
    Path::new(file).file_stem()?.to_str()
}

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
                let problem = Problem::at(file, text, *at, missing.what).nearest(missing.nearest.as_deref());
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
    let nearest = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    Err(Missing { what: format!("there is no file {shown}, and no shipped fixture `{name}`"), nearest })
}
