//! The arguments that choose checks.

use super::list::parse_level;
use super::pattern::{IdPattern, select};
use crate::scenario::Suite;
use crate::scenario::model::Level;

/// Which checks.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SelectionArgs {
    /// Ids of checks, or patterns such as 'auth.*'; all without one.
    #[arg(value_name = "ID")]
    pub ids: Vec<IdPattern>,

    /// Only checks of this level: must, should, rfc, observe.
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    pub level: Vec<Level>,

    /// Only checks with this tag.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,

    /// Leaves out these ids or patterns.
    #[arg(long, value_name = "ID")]
    pub skip: Vec<IdPattern>,
}

impl SelectionArgs {
    /// The places in the suite of the checks that are asked for.
    ///
    /// # Errors
    /// What to tell the user where an id is unknown or nothing is left.
    pub fn choose(&self, suite: &Suite) -> Result<Vec<usize>, String> {
        select(suite, &self.skip).map_err(|error| error.to_string())?;
        let wanted = select(suite, &self.ids).map_err(|error| error.to_string())?;
        let chosen: Vec<usize> = suite
            .checks
            .iter()
            .enumerate()
            .filter(|(_, check)| wanted.iter().any(|wanted| wanted.id == check.id))
            .filter(|(_, check)| !self.skip.iter().any(|pattern| pattern.matches(&check.id)))
            .filter(|(_, check)| self.level.is_empty() || self.level.contains(&check.level))
            .filter(|(_, check)| self.tag.is_empty() || check.tags.iter().any(|tag| self.tag.contains(tag)))
            .map(|(index, _)| index)
            .collect();
        if chosen.is_empty() {
            return Err("no check is left to play after --level, --tag and --skip".to_owned());
        }
        Ok(chosen)
    }
}
