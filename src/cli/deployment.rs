//! The arguments that say which deployment a command goes to.

use super::complain;
use crate::deployment::{Embedded, Key, Keys, KeysFrom, Target, TargetError, TargetFile, TargetInfo};
use crate::yaml::{At, Spanned};

/// Which deployment, with which keys.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeploymentArgs {
    /// The base URL of the deployment, or a target file.
    #[arg(long, value_name = "URL|FILE")]
    pub target: Option<String>,

    /// Where keys come from: `environment`, or the control API of a `mock` at the target.
    #[arg(long, value_enum, value_name = "WHERE", hide_possible_values = true)]
    pub keys: Option<KeySource>,

    /// Lets bursts and load go to this host; this machine needs no leave.
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
}

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeySource {
    /// Environment variables; waits take real time.
    Environment,
    /// The control API of a mock at the target; waits advance its clock.
    Mock,
}

impl DeploymentArgs {
    /// The deployment that is asked for, or the mock in this process, which lives as long as the second value.
    ///
    /// # Errors
    /// [`TargetError`].
    pub async fn find(&self) -> Result<(Target, Option<Embedded>), TargetError> {
        let Some(given) = &self.target else {
            let mock = Embedded::start().await?;
            return Ok((mock.target(&[], None), Some(mock)));
        };
        let (file, text) = self.file(given)?;
        let target = file.resolve(given, &text, &|name| std::env::var_os(name)).await?;
        if let Keys::Environment(keys) = &target.keys {
            warn_of(keys);
        }
        Ok((target, None))
    }

    /// The deployment that is asked for as it looks from here; nothing is sent to it.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn info(&self) -> Result<TargetInfo, TargetError> {
        let Some(given) = &self.target else { return Ok(TargetInfo::embedded()) };
        let (file, text) = self.file(given)?;
        let info = file.info(given, &text, &|name| std::env::var_os(name))?;
        warn_of(info.keys.as_deref().unwrap_or_default());
        Ok(info)
    }

    /// The target file, or one that says no more than the URL that was given; and its text.
    fn file(&self, given: &str) -> Result<(TargetFile, String), TargetError> {
        let (mut file, text) = if given.contains("://") {
            let base_url = Some(Spanned { value: given.to_owned(), at: At::default() });
            (TargetFile { base_url, ..TargetFile::default() }, String::new())
        } else {
            TargetFile::read(given.as_ref())?
        };
        match self.keys {
            Some(KeySource::Environment) => file.keys_from = KeysFrom::Environment,
            Some(KeySource::Mock) => file.keys_from = KeysFrom::Mock,
            None => {}
        }
        Ok((file, text))
    }
}

/// Names the variables whose keys do not look like those of the page: a slip, or a deployment with other keys.
fn warn_of(keys: &[Key]) {
    for key in keys.iter().filter(|key| !key.secret.is_documented_form()) {
        complain(&format!(
            "trenchcheck: warning: the variable {} holds no key of the documented form: `ct_live_`, then letters and digits",
            key.variable
        ));
    }
}
