//! Deployments with one fault, and the check that names it.

mod answers;
mod keys;
mod observed;
mod places;
mod scopes;

use wiremock::Request;

use crate::api::Reply;
use crate::deployment::Change;

/// A deployment with one fault.
pub(crate) struct Row {
    /// The check that names the fault.
    pub(crate) check: &'static str,
    /// The fault.
    pub(crate) fault: String,
    /// What the check says about it.
    pub(crate) says: String,
    /// What every case holds in which the fault shows, such as `form=empty`.
    pub(crate) case: String,
    /// Checks that are about something else and pass.
    pub(crate) spares: &'static [&'static str],
    /// The fault itself.
    pub(crate) change: Change,
}

impl Row {
    fn new(
        check: &'static str,
        fault: impl Into<String>,
        says: impl Into<String>,
        change: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (fault, says) = (fault.into(), says.into());
        Self { check, fault, says, case: String::new(), spares: &[], change: Box::new(change) }
    }

    /// The fault shows in these cases only.
    fn only_with(mut self, case: impl Into<String>) -> Self {
        self.case = case.into();
        self
    }

    /// These checks are about something else.
    fn spares(mut self, spares: &'static [&'static str]) -> Self {
        self.spares = spares;
        self
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Row> {
    let tables = [places::rows(), keys::rows(), answers::rows(), observed::rows(), scopes::rows()];
    tables.into_iter().flatten().collect()
}

/// A header of a request as text.
fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether a request goes to the endpoint whose path ends so.
fn to(request: &Request, end: &str) -> bool {
    request.url.path().ends_with(end)
}
