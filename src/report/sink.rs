//! Where events enter the reports: redaction once, then every reporter.

use std::io;
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

    /// Comes about once a second while the run lasts, for what is to be said although nothing happens.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

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

    /// Lets every report say that the run is alive.
    pub fn tick(&mut self) {
        let errors = &mut self.errors;
        self.reporters.retain_mut(|reporter| reporter.tick().map_err(|error| errors.push(error)).is_ok());
    }

    /// What went wrong with the reports, if anything.
    pub fn finish(self) -> Vec<io::Error> {
        self.errors
    }
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
}
