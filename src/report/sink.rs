//! Where events enter the reports: redaction once, then every reporter.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::event::Event;
use super::redact::Redactor;

/// Shows or writes a run. It sees redacted events only.
pub trait Reporter: Send {
    /// Takes the next event.
    ///
    /// # Errors
    /// Where the report could not be written. The reporter gets no further events then.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Whether single exchanges are of any use to it; there may be very many.
    fn wants_exchanges(&self) -> bool {
        false
    }
}

/// All reports of a run.
///
/// A reporter that fails (a full disk, a closed pipe) does not stop the others, nor the run: its
/// error is kept for [`Reports::finish`].
///
/// ```
/// use std::{io, sync::Arc};
/// use trenchcheck::report::{Event, Redactor, Reporter, Reports};
///
/// struct Full;
/// impl Reporter for Full {
///     fn event(&mut self, _: &Event) -> io::Result<()> {
///         Err(io::Error::other("the disk is full"))
///     }
/// }
///
/// let mut reports = Reports::new(Arc::new(Redactor::default()));
/// reports.add(Full);
/// reports.event(&Event::CheckStarted { id: "auth.missing".to_owned() });
/// assert_eq!(reports.finish()[0].to_string(), "the disk is full");
/// ```
pub struct Reports {
    redactor: Arc<Redactor>,
    reporters: Vec<Box<dyn Reporter>>,
    errors: Vec<io::Error>,
}

impl Reports {
    /// No reports yet. `redactor` is shared with whoever makes keys.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, reporters: Vec::new(), errors: Vec::new() }
    }

    /// Adds a report.
    pub fn add(&mut self, reporter: impl Reporter + 'static) {
        self.reporters.push(Box::new(reporter));
    }

    /// Redacts the event and hands it to every report.
    pub fn event(&mut self, event: &Event) {
        if let Event::Secret(key) = event {
            self.redactor.learn(key);
            return;
        }
        if let Event::Started(info) = event {
            info.checks.iter().for_each(|id| self.redactor.keep(id));
        }
        let exchange = matches!(event, Event::Exchange { .. });
        if exchange && !self.reporters.iter().any(|reporter| reporter.wants_exchanges()) {
            return;
        }
        let event = match self.redactor.event(event) {
            Ok(event) => event,
            // What cannot be masked is not shown.
            Err(error) => return self.errors.push(error.into()),
        };
        let errors = &mut self.errors;
        self.reporters.retain_mut(|reporter| {
            if exchange && !reporter.wants_exchanges() {
                return true;
            }
            reporter.event(&event).map_err(|error| errors.push(error)).is_ok()
        });
    }

    /// What went wrong with the reports, if anything.
    pub fn finish(self) -> Vec<io::Error> {
        self.errors
    }
}

/// Writes `text` to a file beside `path` and renames it, so that nobody ever reads half a report.
///
/// What is there and is no regular file (`/dev/stdout`, a named pipe) is written to as it is.
pub(crate) fn save(path: &Path, text: &[u8]) -> io::Result<()> {
    let special = fs::metadata(path).is_ok_and(|there| !there.is_file());
    let written = if special { write(path, text) } else { replace(path, text) };
    written.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot write the report {}: {error}", path.display()))
    })
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(text)
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // The first error is the one to tell; the part may not even exist.
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::report::samples::{KEY, run};

    /// Keeps what it is told, or fails at once.
    struct Ear {
        heard: Arc<Mutex<Vec<String>>>,
        works: bool,
        exchanges: bool,
    }

    impl Reporter for Ear {
        fn event(&mut self, event: &Event) -> io::Result<()> {
            self.heard.lock().unwrap().push(format!("{event:?}"));
            if self.works { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }

        fn wants_exchanges(&self) -> bool {
            self.exchanges
        }
    }

    /// What two reporters heard of a run, and the errors.
    fn heard(first: (bool, bool), second: (bool, bool)) -> ([Vec<String>; 2], Vec<io::Error>) {
        let mut reports = Reports::new(Arc::new(Redactor::default()));
        let ears = [first, second].map(|(works, exchanges)| {
            let heard = Arc::new(Mutex::new(Vec::new()));
            reports.add(Ear { heard: Arc::clone(&heard), works, exchanges });
            heard
        });
        for event in run() {
            reports.event(&event);
        }
        (ears.map(|heard| heard.lock().unwrap().clone()), reports.finish())
    }

    #[test]
    fn a_reporter_that_fails_is_told_once_and_does_not_stop_the_others() {
        let ([broken, whole], errors) = heard((false, true), (true, true));
        assert_eq!((broken.len(), whole.len()), (1, run().len()));
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn exchanges_go_to_those_who_want_them_without_keys() {
        let ([with, without], _) = heard((true, true), (true, false));
        assert!(with.len() > without.len());
        assert!(!without.iter().any(|event| event.starts_with("Exchange")));
        assert!(with.iter().chain(&without).all(|event| !event.contains(KEY)));
    }

    #[test]
    fn a_report_replaces_the_one_before_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        save(&path, b"one, which is longer").unwrap();
        save(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = save(&folder.path().join("none/report.json"), b"x").unwrap_err().to_string();
        assert!(error.contains("none/report.json"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_written_to() {
        save(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
