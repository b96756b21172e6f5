//! What a browser sends, and the page as a client of the control API in the same process.

use serde_json::{Map, Value};

use crate::mock::control::{Answer, CONTROL_PREFIX, Control};
use crate::mock::reply::Reply;
use crate::mock::request::{Request, decoded};

/// Why something cannot be shown or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) message: String,
}

/// The page as somebody sees it who looks at a workspace.
pub(super) struct Client<'a> {
    control: &'a Control,
    pub(super) request: &'a Request<'a>,
    now: u64,
    /// The id of the workspace that is looked at.
    pub(super) workspace: String,
}

impl Problem {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<Reply> for Problem {
    /// What the control API says about it.
    fn from(reply: Reply) -> Self {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        Self::new(reply.status, body["error"]["message"].as_str().unwrap_or_default())
    }
}

impl<'a> Client<'a> {
    /// Looks at the workspace with this id, else at the default one.
    pub(super) fn new(
        control: &'a Control,
        request: &'a Request<'a>,
        now: u64,
        workspace: Option<&str>,
    ) -> Result<Self, Problem> {
        let workspace = workspace.filter(|id| !id.is_empty()).unwrap_or("default");
        Ok(Self { control, request, now, workspace: step(workspace)?.to_owned() })
    }

    /// Asks about the workspace.
    pub(super) fn get(&self, path: &str, query: &str) -> Result<Value, Problem> {
        data(self.ask("GET", &self.at(path), query, "")?)
    }

    /// Asks about what belongs to no workspace.
    pub(super) fn get_of_all(&self, path: &str, query: &str) -> Result<Value, Problem> {
        data(self.ask("GET", path, query, "")?)
    }

    /// Has something done in the workspace.
    pub(super) fn tell(&self, method: &str, path: &str, body: &Value) -> Result<Value, Problem> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        data(self.ask(method, &self.at(path), "", &body)?)
    }

    /// Asks for the journal as it grows, or as a file to keep.
    pub(super) fn journal(&self, form: &str, query: &str) -> Result<Answer, Problem> {
        self.ask("GET", &self.at(&format!("/journal/{form}")), query, "")
    }

    fn at(&self, path: &str) -> String {
        format!("workspaces/{}{path}", self.workspace)
    }

    fn ask(&self, method: &str, path: &str, query: &str, body: &str) -> Result<Answer, Problem> {
        let path = format!("{CONTROL_PREFIX}{path}");
        let request = Request { method, path: &path, query, body: body.as_bytes(), ..*self.request };
        Ok(self.control.ask(&request, self.now)?)
    }
}

/// The same as one step of a path, which it must not leave.
pub(super) fn step(text: &str) -> Result<&str, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !text.is_empty() && text.bytes().all(fits) {
        return Ok(text);
    }
    Err(Problem::new(404, "Nothing here has such a name."))
}

fn data(answer: Answer) -> Result<Value, Problem> {
    let Answer::Reply(reply) = answer else {
        return Err(Problem::new(500, "The answer is a stream."));
    };
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
    let mut body: Value = serde_json::from_slice(&reply.body)
        .map_err(|problem| Problem::new(500, format!("The answer cannot be read: {problem}")))?;
    Ok(body["data"].take())
}

/// A form as browsers send it: what was filled in; fields left empty are not there.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn of(request: &Request<'_>) -> Result<Self, Problem> {
        let kind = request.header_text("content-type").unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") || request.body_too_large {
            return Err(Problem::new(400, "This is no form of the page."));
        }
        let text = String::from_utf8_lossy(request.body);
        let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let pairs = pairs.map(|(name, value)| (decoded(name).into_owned(), decoded(value).trim().to_owned()));
        Ok(Self(pairs.filter(|(_, value)| !value.is_empty()).collect()))
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let number = |text: &str| {
            text.parse().map_err(|_| Problem::new(400, format!("`{name}` is a whole number, not `{text}`")))
        };
        self.first(name).map(number).transpose()
    }

    /// The fields, to be shown again.
    pub(super) fn fields(&self) -> Map<String, Value> {
        self.0.iter().rev().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    }
}
