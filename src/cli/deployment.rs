//! The arguments that say which deployment a command goes to, and how it is reached.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::scenarios_option;
use super::tell::{fail, say, warn};
use crate::deployment::{
    Embedded, EnvFile, HttpVersions, Key, Keys, KeysFrom, Reach, Target, TargetError, TargetFile, TargetInfo,
    address, is_this_machine,
};
use crate::mock::WELL_KNOWN_KEYS;
use crate::report::{ExitCode, RunInfo};
use crate::scenario::Source;
use crate::system::shell_word;
use crate::yaml::{At, Spanned};

/// Which deployment, with which keys.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeploymentArgs {
    /// The base URL of the deployment, or a target file.
    #[arg(long, value_name = "URL|FILE")]
    pub target: Option<String>,

    /// Where keys come from: `environment` or a `mock`.
    #[arg(long, value_enum, value_name = "WHERE", hide_possible_values = true)]
    pub keys: Option<KeySource>,

    /// Lets bursts and load go to this host.
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,

    #[command(flatten)]
    pub(super) reach: ReachArgs,
}

/// How a deployment is reached; these win over what a target file says.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReachArgs {
    /// Reads variables from this file; those set win.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,

    /// Sends this `NAME: $VARIABLE` with every request.
    #[arg(long = "header", value_name = "FIELD", value_parser = header)]
    pub headers: Vec<(String, String)>,

    /// Trusts the certificates in this PEM file, too.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Shows the certificate in this PEM file.
    #[arg(long = "client-cert", alias = "client-certificate", value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,

    /// Does not check the deployment's certificate.
    #[arg(long)]
    pub insecure: bool,

    /// Goes through this proxy.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,

    /// Speaks HTTP 1.1 or 2 only.
    #[arg(long, value_enum, value_name = "VERSION", default_value = "auto", hide_possible_values = true)]
    pub http: HttpVersions,

    /// Looks for a host at this address.
    #[arg(long = "resolve", value_name = "HOST=IP", value_parser = resolved)]
    pub resolve: Vec<(String, String)>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected a name, a colon and a value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn resolved(text: &str) -> Result<(String, String), String> {
    let (host, address) = text.split_once('=').ok_or("expected a host, `=` and an address")?;
    Ok((host.to_owned(), address.to_owned()))
}

impl ReachArgs {
    /// The file, with what the flags say in the place of what it says.
    fn over(&self, mut file: TargetFile) -> TargetFile {
        let named = |pairs: &[(String, String)]| -> Vec<_> {
            pairs.iter().map(|(name, value)| (name.clone(), flag(value.clone()))).collect()
        };
        file.headers.retain(|name, _| !self.headers.iter().any(|(flag, _)| flag.eq_ignore_ascii_case(name)));
        file.headers.extend(named(&self.headers));
        file.resolve.extend(named(&self.resolve));
        let path = |path: &Option<PathBuf>| path.as_deref().map(here).map(flag);
        TargetFile {
            ca: path(&self.cacert).or(file.ca),
            client_certificate: path(&self.client_certificate).or(file.client_certificate),
            insecure: self.insecure || file.insecure,
            proxy: self.proxy.clone().map(flag).or(file.proxy),
            http: if self.http == HttpVersions::Auto { file.http } else { self.http },
            ..file
        }
    }

    /// The variables: those that are set, and those of the file.
    fn variables(&self) -> Result<EnvFile, TargetError> {
        let Some(path) = &self.env_file else { return Ok(EnvFile::default()) };
        let file = EnvFile::read(path)?;
        if file.is_open {
            warn(&format!("others may read {}, which holds keys: chmod 600 {0}", path.display()));
        }
        Ok(file)
    }
}

/// A value of the command line, which has no place in the target file.
fn flag<T>(value: T) -> Spanned<T> {
    Spanned { value, at: At::default() }
}

/// A path of the command line, which is not looked for beside the target file.
fn here(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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
        let (file, variables) = (self.file(given)?, self.reach.variables()?);
        let target = file.resolve(&|name| variables.lookup(name)).await?;
        if target.reach.insecure {
            warn("the deployment's certificate is not checked (--insecure)");
        }
        if let Keys::Environment(keys) = &target.keys {
            warn_of(keys);
        }
        Ok((target, None))
    }

    /// The deployment that is asked for as it looks from here, and the way there; nothing is sent to it.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn info(&self) -> Result<(TargetInfo, Option<Reach>), TargetError> {
        let Some(given) = &self.target else { return Ok((TargetInfo::embedded(), None)) };
        let (file, variables) = (self.file(given)?, self.reach.variables()?);
        let lookup = |name: &str| variables.lookup(name);
        let (info, reach) = (file.info(&lookup)?, file.reach(&lookup)?);
        warn_of(info.keys.as_deref().unwrap_or_default());
        Ok((info, Some(reach)))
    }

    /// Says that a run in real time could be one in virtual time, where its keys are those that mocks print.
    pub(super) fn hint_at_mock(&self, keys: &[Key]) {
        let is_known = |key: &Key| WELL_KNOWN_KEYS.iter().any(|known| known.plaintext == key.secret.reveal());
        if self.keys.is_none() && keys.iter().any(is_known) {
            say(
                "note: these are keys of a mock; with --keys mock its clock is moved, and a run takes seconds",
            );
        }
    }

    /// The command line that plays checks of this source at this deployment again, without the checks. Reports show it, so
    /// what may be a secret is left out.
    pub(super) fn again(&self, source: &Source) -> String {
        let Self { target, keys, allow_host, reach } = self;
        let mut words = Vec::new();
        let mut option = |name: &str, value: &str| words.push(format!("--{name} {}", shell_word(value)));
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        target.iter().for_each(|target| option("target", target));
        keys.iter().filter_map(ValueEnum::to_possible_value).for_each(|keys| option("keys", keys.get_name()));
        allow_host.iter().for_each(|host| option("allow-host", host));
        reach.env_file.iter().for_each(|file| option("env-file", &path(file)));
        for (name, value) in &reach.headers {
            let value = if value.contains('$') { value } else { "…" };
            option("header", &format!("{name}: {value}"));
        }
        reach.cacert.iter().for_each(|file| option("cacert", &path(file)));
        reach.client_certificate.iter().for_each(|file| option("client-cert", &path(file)));
        reach.proxy.iter().for_each(|proxy| option("proxy", &without_user(proxy)));
        let http = reach.http.to_possible_value().filter(|_| reach.http != HttpVersions::Auto);
        http.iter().for_each(|http| option("http", http.get_name()));
        reach.resolve.iter().for_each(|(host, address)| option("resolve", &format!("{host}={address}")));
        words.extend(reach.insecure.then(|| "--insecure".to_owned()));
        let options: String = words.iter().map(|word| format!(" {word}")).collect();
        format!("{}{options}{}", RunInfo::plays(None), scenarios_option(source))
    }

    /// The target file, or one that says no more than the URL that was given.
    fn file(&self, given: &str) -> Result<TargetFile, TargetError> {
        let mut file = match url(given)? {
            Some(url) => TargetFile { base_url: Some(flag(url)), ..TargetFile::default() },
            None => TargetFile::read(given.as_ref())?,
        };
        match self.keys {
            Some(KeySource::Environment) => file.keys_from = KeysFrom::Environment,
            Some(KeySource::Mock) => file.keys_from = KeysFrom::Mock,
            None => {}
        }
        Ok(self.reach.over(file))
    }
}

/// The URL that is meant, unless it is a file's name. On this machine a scheme may be left out.
fn url(given: &str) -> Result<Option<String>, TargetError> {
    if given.contains("://") {
        return Ok(Some(given.to_owned()));
    }
    if Path::new(given).exists() {
        return Ok(None);
    }
    let authority = given.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok()),
        None => (authority, None),
    };
    if is_this_machine(host) {
        return Ok(Some(format!("http://{given}")));
    }
    if port.is_some() || address(host).is_some() {
        let why = format!("its scheme is missing: https://{given}, or http://{given}");
        return Err(TargetError::BadUrl(given.to_owned(), why));
    }
    Ok(None)
}

/// A URL without the user and the password in it.
fn without_user(url: &str) -> String {
    let Some((before, host)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}…@{host}")
}

/// Tells why there is no deployment to play at.
pub(super) fn refused(error: TargetError) -> ExitCode {
    let exit = match error {
        TargetError::Unreachable(..) => ExitCode::Unreachable,
        _ => ExitCode::Usage,
    };
    fail(exit)(error)
}

/// Names the variables whose keys do not look like those of the page: a slip, or a deployment with other keys.
fn warn_of(keys: &[Key]) {
    for key in keys.iter().filter(|key| !key.secret.is_documented_form()) {
        warn(&format!(
            "the variable {} holds no key of the documented form: `ct_live_`, then letters and digits",
            key.variable
        ));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DeploymentArgs,
    }

    #[test]
    fn the_line_that_plays_it_again_has_every_option_that_says_where() {
        let options = "--target t.yaml --keys environment --allow-host a.example --env-file k.env \
                       --header 'X-A: $B' --cacert ca.pem --client-cert c.pem --proxy http://p --http 1.1 \
                       --resolve a=127.0.0.1 --insecure";
        let words = options.replace("'X-A: $B'", "X-A:$B");
        let line = Line::try_parse_from(["test"].into_iter().chain(words.split_whitespace())).unwrap();
        let own = Source::Directory("my own".into());
        assert_eq!(line.args.again(&own), format!("trenchcheck test {options} --scenarios 'my own'"));
        assert_eq!(DeploymentArgs::default().again(&Source::Builtin), "trenchcheck test");
    }

    #[test]
    fn flags_win_over_the_file() {
        let headers =
            [("x-a", "1"), ("x-b", "2")].map(|(name, value)| (name.to_owned(), flag(value.to_owned())));
        let proxy = Some(flag("http://a".to_owned()));
        let file = TargetFile { proxy, headers: headers.into(), ..TargetFile::default() };
        let words = ["test", "--proxy", "http://b", "--header", "X-A: 3"];
        let both = Line::try_parse_from(words).unwrap().args.reach.over(file);
        assert_eq!(both.proxy.unwrap().value, "http://b");
        let headers: Vec<_> =
            both.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, [("X-A", "3"), ("x-b", "2")]);
    }

    #[test]
    fn what_may_be_a_secret_is_not_in_the_line() {
        let words = ["test", "--header", "Authorization: Bearer abc", "--proxy", "http://me:abc@proxy:1"];
        let again = Line::try_parse_from(words).unwrap().args.again(&Source::Builtin);
        assert_eq!(again, "trenchcheck test --header 'Authorization: …' --proxy 'http://…@proxy:1'");
    }

    #[test]
    fn a_url_may_come_without_its_scheme_on_this_machine_only() {
        let meant = |given: &str| url(given).unwrap();
        assert_eq!(meant("localhost:4010").as_deref(), Some("http://localhost:4010"));
        assert_eq!(meant("127.0.0.1:80/x").as_deref(), Some("http://127.0.0.1:80/x"));
        assert_eq!(meant("[::1]:80").as_deref(), Some("http://[::1]:80"));
        assert_eq!(meant("https://a").as_deref(), Some("https://a"));
        assert_eq!(meant("target.yaml"), None);
        assert!(url("app.example.com:443").unwrap_err().to_string().contains("https://app.example.com:443"));
    }
}
