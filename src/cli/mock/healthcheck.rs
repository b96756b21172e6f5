//! `trenchcheck mock healthcheck`: whether a mock answers. An image needs no curl for it.

use std::time::Duration;

use crate::report::ExitCode;

/// How long the mock may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a running mock whether it is well; exits with 0 if it is, else with 3.
#[derive(Debug, clap::Args)]
pub struct HealthcheckArgs {
    /// Where it listens
    #[arg(long, default_value = "http://127.0.0.1:4010")]
    pub url: String,
    /// Variable holding its control token
    #[arg(long, value_name = "VAR")]
    pub control_token_env: Option<String>,
}

/// Asks.
pub(super) async fn run(args: &HealthcheckArgs) -> ExitCode {
    let token = match super::token(args.control_token_env.as_deref()) {
        Ok(token) => token,
        Err(problem) => return super::complain(&problem),
    };
    match ask(&args.url, token).await {
        Ok(()) => ExitCode::Conforms,
        Err(problem) => {
            super::complain(&format!("{}: {problem}", args.url));
            ExitCode::Unreachable
        }
    }
}

async fn ask(url: &str, token: Option<String>) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
    let client = client.map_err(|error| error.to_string())?;
    let mut request = client.get(format!("{}/_mock/health", url.trim_end_matches('/')));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.map_err(|error| format!("it does not answer: {error}"))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| format!("its answer broke off: {error}"))?;
    if status.is_success() && body.contains("\"name\":\"trenchcheck-mock\"") {
        Ok(())
    } else {
        Err(format!("something else answers there, with {status}"))
    }
}
