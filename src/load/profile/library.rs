//! Finding profiles by name: those in the binary, those of a directory, a file of one's own.

use std::path::Path;

use super::Profile;
use crate::scenario::Source;
use crate::yaml::Problems;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A profile's file is wrong.
    #[error("{0}")]
    Bad(#[from] Problems),
    /// Nothing has this name.
    #[error("no profile is called `{name}`; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read the profile {file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        why: std::io::Error,
    },
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
                .map_err(|why| ProfileError::Unreadable { file: name.to_owned(), why })?;
            return Ok(shelve(name.to_owned(), text)?);
        }
        let files = self.0.profiles()?;
        let known: Vec<&str> = files.iter().filter_map(|(file, _)| stem(file)).collect();
        match files.iter().find(|(file, _)| stem(file) == Some(name)) {
            Some((file, text)) => Ok(shelve(file.clone(), text.clone())?),
            None => Err(ProfileError::Unknown { name: name.to_owned(), known: known.join(", ") }),
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
