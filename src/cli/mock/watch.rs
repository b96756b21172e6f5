//! Reading the configuration, and reading it again when it changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{MadeKey, MadeUp, MockFile};
use crate::mock::{Configuration, Settings};

/// How often the file is looked at. It is small, and comparing texts sees changes that times of files miss.
const PERIOD: Duration = Duration::from_millis(250);

/// A configuration file.
pub(super) struct Watched {
    path: PathBuf,
    text: String,
    made_up: MadeUp,
}

impl Watched {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let text = read(path)?;
        Ok(Self { path: path.to_owned(), text, made_up: MadeUp::new() })
    }

    /// Its name, as it was given.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads what it says, or everything that is wrong with it.
    pub(super) fn read(&self) -> Result<MockFile, String> {
        MockFile::read(&self.name(), &self.text).map_err(|problems| problems.to_string())
    }

    /// What it says, as the mock takes it, with settings changed by `change`.
    pub(super) fn configuration(
        &mut self,
        file: &MockFile,
        change: impl FnOnce(Settings) -> Result<Settings, String>,
    ) -> Result<(Configuration, Vec<MadeKey>), String> {
        let variable = |name: &str| std::env::var(name).ok();
        let (mut configuration, keys) = file.configuration(variable, &mut self.made_up)?;
        configuration.settings = change(configuration.settings)?;
        Ok((configuration, keys))
    }

    /// Waits until it says something else.
    pub(super) async fn changed(&mut self) -> Result<MockFile, String> {
        loop {
            tokio::time::sleep(PERIOD).await;
            // Editors replace files, so that for a moment there may be none.
            if let Ok(text) = read(&self.path)
                && text != self.text
            {
                self.text = text;
                return self.read();
            }
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
