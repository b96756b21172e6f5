//! Reading any YAML file of this project: scenario files here, target and deviation files elsewhere.

use serde::de::DeserializeOwned;

use super::de;
use super::problem::{Problem, Problems};
use super::span::At;
use super::text::Text;
use super::tree::{self, Node};

/// Reads a document that is not a scenario file, with the same care: unknown fields, wrong words and written-out
/// keys are all reported, with their places. Fields a type does not have are refused whether or not it says
/// `deny_unknown_fields`. `file` is the name to show.
///
/// What only the caller can know to be wrong is added with [`Problem::at`], at the place of a
/// [`Spanned`](super::span::Spanned) value.
///
/// # Errors
/// [`Problems`]: everything that is wrong.
///
/// ```
/// use trenchcheck::scenario::read_document;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Target { base_url: String }
///
/// let problems = read_document::<Target>("target.yaml", "base_ulr: http://localhost\n").unwrap_err();
/// assert!(problems.to_string().contains("did you mean `base_url`?"));
/// ```
pub fn read_document<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problems> {
    let text = Text::new(file, text.as_bytes())?;
    let value = parse(&text).and_then(|root| de::read(&text, &root));
    match (Problems::new(text.take_problems()), value) {
        (Some(problems), _) => Err(problems),
        (None, Some(value)) => Ok(value),
        (None, None) => Err(Problem::in_file(file, At::default(), "it cannot be read").into()),
    }
}

/// The tree of a text in which no key is written out. A file with one is refused without a further look, so that
/// nothing else quotes it.
pub(super) fn parse(text: &Text) -> Option<Node> {
    let root = tree::parse(text)?;
    root.refuse_key_literals(text);
    text.is_sound().then_some(root)
}
