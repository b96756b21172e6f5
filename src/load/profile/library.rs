//! Finding profiles by name: those in the binary, those of a directory, a file of one's own.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::{Lane, Payload, Profile, Template};
use crate::nearest::{nearest, no_such};
use crate::scenario::{Source, shipped_fixture, shipped_fixtures};
use crate::yaml::{Problem, Problems, Spanned};

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A profile's file is wrong.
    #[error("{0}")]
    Bad(#[from] Problems),
    /// No profile has this name, and these are all there are.
    #[error(
        "{}",
        no_such("profile", .0, .1.iter().map(String::as_str), &format!("there are {}", .1.join(", ")))
    )]
    Unknown(String, Vec<String>),
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
    /// [`Problems`], with everything that is wrong in any of them.
    pub fn all(&self) -> Result<Vec<Shelved>, Problems> {
        let (mut profiles, mut problems) = (Vec::new(), Vec::new());
        for (file, text) in self.0.profiles()? {
            match shelve(file, text) {
                Ok(shelved) => profiles.push(shelved),
                Err(wrong) => problems.extend(wrong.into_vec()),
            }
        }
        Problems::new(problems).map_or(Ok(profiles), Err)
    }

    /// The profile of a name, or of a path that ends in `.yaml`.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn find(&self, name: &str) -> Result<Shelved, ProfileError> {
        let (file, text) = if Path::new(name).extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(name);
            (name.to_owned(), text.map_err(|why| ProfileError::Unreadable(name.to_owned(), why))?)
        } else {
            let files = self.0.profiles()?;
            let known = || files.iter().filter_map(|(file, _)| stem(file)).map(str::to_owned).collect();
            let found = files.iter().find(|(file, _)| stem(file) == Some(name));
            found.cloned().ok_or_else(|| ProfileError::Unknown(name.to_owned(), known()))?
        };
        Ok(shelve(file, text)?)
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
            let read = find(file, name).map_err(|(what, nearest)| {
                let problem = Problem::at(file, text, *at, what).nearest(nearest.as_deref());
                let expected = "a path from the profile's folder, or a shipped fixture, is expected";
                Problems::from(problem.help(expected))
            });
            match read.and_then(|(shown, events)| Template::read(&shown, &events)) {
                Ok(template) => lane.template = Some(Arc::new(template)),
                Err(more) => problems.extend(more.into_vec()),
            }
        }
        problems
    }
}

/// The file of a name, as it is to be shown, and its text; or why there is none, and what may have been meant.
fn find(profile: &str, name: &str) -> Result<(String, String), (String, Option<String>)> {
    let path = Path::new(profile).parent().unwrap_or(Path::new("")).join(name);
    let shown = path.display().to_string();
    if let Ok(about) = fs::metadata(&path) {
        if about.len() > MOST_BYTES {
            return Err((format!("{shown} is larger than {} MiB", MOST_BYTES >> 20), None));
        }
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => (format!("{shown} is not UTF-8"), None),
            _ => (format!("{shown} cannot be read: {error}"), None),
        });
        return Ok((shown.clone(), text?));
    }
    if let Some(text) = shipped_fixture(name) {
        return Ok((format!("fixtures/{name}"), text.to_owned()));
    }
    let names = shipped_fixtures();
    let nearest = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    Err((format!("there is no file {shown}, and no shipped fixture `{name}`"), nearest))
}
