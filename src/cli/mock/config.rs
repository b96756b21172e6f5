//! The configuration file of a mock. It is read with the care of a scenario file: what is wrong is said with its place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::cli::watch::Followed;
use crate::contract::{ApiKey, Scope, Tier};
use crate::mock::{Configuration, FaultSpec, KeySpec, LimiterKind, Quota, Quotas, Settings, find};
use crate::yaml::{Problem, Problems, Spanned, read_document};

/// The most faults a file may ask for.
const MAX_FAULTS: usize = 50;

/// A mock's configuration. Keys are named by the variables that hold them, never written down.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MockFile {
    /// Keys besides the well-known ones.
    pub keys: Vec<Spanned<KeyLine>>,
    /// What every tier is granted.
    pub limits: LimitLines,
    /// `anchored` (the reference), `aligned`, `sliding` or `sliding-counter`.
    pub limiter: Option<Spanned<String>>,
    /// Names that `trenchcheck mock --list` shows.
    pub deviations: Vec<Spanned<String>>,
    /// What goes wrong.
    pub faults: Vec<Spanned<FaultSpec>>,
}

/// A key.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// The variable that holds it. Where it is not set, a key is made up and printed at the start.
    pub env: Spanned<String>,
    /// The name shown in lists; the variable's without it.
    pub name: Option<String>,
    /// One or more scopes.
    pub scopes: Vec<Scope>,
    /// `standard` or `premium`; a key that may post events is on the Ingestion tier anyway.
    #[serde(default)]
    pub plan: KeyPlan,
}

/// The plan of a key that does not ingest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlan {
    /// 60 requests a minute.
    #[default]
    Standard,
    /// 300 requests a minute.
    Premium,
}

/// Limits by tier, such as `5/10s`, with events `5,200/10s`, or `none`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitLines {
    /// The Standard tier's.
    pub standard: Option<Spanned<String>>,
    /// The Premium tier's.
    pub premium: Option<Spanned<String>>,
    /// The Ingestion tier's.
    pub ingestion: Option<Spanned<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct MadeKey {
    pub(super) variable: String,
    pub(super) spec: KeySpec,
    /// Nothing for a key that came from the environment.
    pub(super) made_up: Option<ApiKey>,
}

/// Keys that were made up for variables that are not set, so that reading the file again makes no others.
pub(super) type MadeUp = HashMap<String, ApiKey>;

impl MockFile {
    pub(super) fn read(name: &str, text: &str) -> Result<Self, Problems> {
        let file: Self = read_document(name, text)?;
        let mut problems = Vec::new();
        let mut wrong = |at, what: String| problems.push(Problem::at(name, text, at, what));
        for key in &file.keys {
            if key.scopes.is_empty() {
                wrong(key.at, "a key has one or more scopes: write:events, read:analytics".to_owned());
            }
            if !is_variable(&key.env) {
                wrong(key.env.at, "`env` names a variable: letters, digits and underscores".to_owned());
            }
        }
        for (tier, limit) in file.limits.by_tier() {
            if let Err(error) = Quota::read(limit, tier) {
                wrong(limit.at, error.to_string());
            }
        }
        if let Some(limiter) = &file.limiter
            && let Err(error) = limiter.parse::<LimiterKind>()
        {
            wrong(limiter.at, error.to_string());
        }
        for deviation in &file.deviations {
            if let Err(error) = find(deviation) {
                wrong(deviation.at, error.to_string());
            }
        }
        for fault in &file.faults {
            if let Err(error) = fault.check() {
                wrong(fault.at, error.to_string());
            }
        }
        if let Some(fault) = file.faults.get(MAX_FAULTS) {
            wrong(fault.at, format!("a configuration has at most {MAX_FAULTS} faults"));
        }
        Problems::new(problems).map_or(Ok(file), Err)
    }

    /// What the file says, as the mock takes it. Keys come from `variable`, and are made up where it gives none.
    pub(super) fn configuration(
        &self,
        variable: impl Fn(&str) -> Option<String>,
        made_up: &mut MadeUp,
    ) -> Result<(Configuration, Vec<MadeKey>), String> {
        let mut configuration = Configuration { settings: self.settings()?, ..Configuration::default() };
        let mut keys = Vec::new();
        for key in &self.keys {
            let name = &key.env.value;
            let given = variable(name).filter(|text| !text.is_empty());
            let (plaintext, own) = match given {
                Some(text) => {
                    (ApiKey::new(text).map_err(|error| format!("the variable {name}: {error}"))?, None)
                }
                None => {
                    let plaintext = made_up.entry(name.clone()).or_insert_with(ApiKey::random).clone();
                    (plaintext.clone(), Some(plaintext))
                }
            };
            let plan = match key.plan {
                KeyPlan::Standard => Tier::Standard,
                KeyPlan::Premium => Tier::Premium,
            };
            let shown = key.name.clone().unwrap_or_else(|| name.clone());
            let spec = KeySpec { name: shown, scopes: key.scopes.clone(), plan };
            configuration.keys.push((spec.clone(), plaintext));
            keys.push(MadeKey { variable: name.clone(), spec, made_up: own });
        }
        configuration.faults = self.faults.iter().map(|fault| fault.value.clone()).collect();
        Ok((configuration, keys))
    }

    fn settings(&self) -> Result<Settings, String> {
        let limiter = self.limiter.as_ref().map(|limiter| limiter.parse::<LimiterKind>()).transpose();
        let limiter = limiter.map_err(|error| error.to_string())?;
        let mut quotas = Quotas::default();
        for (tier, limit) in self.limits.by_tier() {
            let quota = Quota::read(limit, tier).map_err(|error| error.to_string())?;
            quotas = quotas.with(tier, quota);
        }
        let deviations = self.deviations.iter().map(|name| name.value.clone()).collect();
        Settings::new(deviations, limiter, quotas).map_err(|error| error.to_string())
    }
}

impl LimitLines {
    fn by_tier(&self) -> impl Iterator<Item = (Tier, &Spanned<String>)> {
        let all = [
            (Tier::Standard, &self.standard),
            (Tier::Premium, &self.premium),
            (Tier::Ingestion, &self.ingestion),
        ];
        all.into_iter().filter_map(|(tier, limit)| Some((tier, limit.as_ref()?)))
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) struct Watched {
    path: PathBuf,
    text: String,
    followed: Followed,
    made_up: MadeUp,
}

impl Watched {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let followed = Followed::new(vec![path.to_owned()]);
        Ok(Self { path: path.to_owned(), text: read(path)?, followed, made_up: MadeUp::new() })
    }

    /// Its name, as it was given.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// What it says, as the mock takes it, with settings changed by `change`; or everything that is wrong with it.
    pub(super) fn configuration(
        &mut self,
        change: impl FnOnce(Settings) -> Result<Settings, String>,
    ) -> Result<(Configuration, Vec<MadeKey>), String> {
        let file = MockFile::read(&self.name(), &self.text).map_err(|problems| problems.to_string())?;
        let variable = |name: &str| std::env::var(name).ok();
        let (mut configuration, keys) = file.configuration(variable, &mut self.made_up)?;
        configuration.settings = change(configuration.settings)?;
        Ok((configuration, keys))
    }

    /// Waits until it says something else.
    pub(super) async fn changed(&mut self) {
        loop {
            self.followed.changed().await;
            // A file that is gone says nothing.
            if let Ok(text) = read(&self.path)
                && text != self.text
            {
                self.text = text;
                return;
            }
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
keys:
  - {env: PLUGIN_KEY, name: plugin, scopes: [write:events, read:analytics]}
  - {env: READER_KEY, scopes: [read:analytics], plan: premium}
limits: {standard: 5/10s, premium: none}
limiter: sliding
deviations: [constant-60]
faults:
  - {path: /api/v1/events, status: 503, retry_after: 2, first: 3}
  - {latency_ms: 200, spread_ms: 50, distribution: normal, share: 0.5, seed: 7}
";

    #[test]
    fn what_it_says_is_what_the_mock_is_told() {
        let file = MockFile::read("mock.yaml", FILE).unwrap();
        let mut made_up = MadeUp::new();
        let set = |name: &str| (name == "PLUGIN_KEY").then(|| "ct_live_fromTheEnvironment".to_owned());
        let (configuration, keys) = file.configuration(set, &mut made_up).unwrap();
        assert_eq!(configuration.keys[0].1.reveal(), "ct_live_fromTheEnvironment");
        assert!(keys[0].made_up.is_none() && keys[1].made_up.is_some());
        assert_eq!(
            (configuration.keys[1].0.name.as_str(), configuration.keys[1].0.plan),
            ("READER_KEY", Tier::Premium)
        );
        assert_eq!(configuration.faults[1].share, Some(0.5));
        let (again, _) = file.configuration(|_| None, &mut made_up).unwrap();
        assert_eq!(again.keys[1].1, configuration.keys[1].1, "a key that was made up stays");
    }

    #[test]
    fn the_example_that_is_shipped_is_sound_by_the_reader_and_by_the_schema() {
        let text = include_str!("../../../fixtures/mock/example.yaml");
        let file = MockFile::read("example.yaml", text).unwrap();
        assert_eq!((file.keys.len(), file.faults.len()), (2, 5));
        file.configuration(|_| None, &mut MadeUp::new()).unwrap();
        let schema = schemars::schema_for!(MockFile).to_value();
        let value: serde_json::Value = serde_yaml::from_str(text).unwrap();
        assert!(jsonschema::is_valid(&schema, &value));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_its_place() {
        let text = "\
keys:
  - {env: 1st, scopes: []}
limits: {standard: 5 per minute}
limiter: leaky
deviations: [constant-61]
faults:
  - {first: 3}
";
        let said = MockFile::read("mock.yaml", text).unwrap_err().to_string();
        for words in [
            "mock.yaml:2:",
            "one or more scopes",
            "`env` names a variable",
            "mock.yaml:3:20",
            "is no limit",
            "mock.yaml:4:",
            "no limiter is called",
            "mock.yaml:5:",
            "did you mean `constant-60`?",
            "mock.yaml:7:",
            "needs one of",
        ] {
            assert!(said.contains(words), "{words}\n{said}");
        }
        let said = MockFile::read("mock.yaml", "limts: {}\n").unwrap_err().to_string();
        assert!(said.contains("did you mean `limits`?"), "{said}");
        let said = MockFile::read("mock.yaml", "faults: [{statsu: 503}]\n").unwrap_err().to_string();
        assert!(said.contains("did you mean `status`?"), "{said}");
    }
}
