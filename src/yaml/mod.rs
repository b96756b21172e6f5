//! YAML with the place of everything in it, for every kind of file this program reads. All that is wrong in a file is
//! reported at once, where it stands, with the word that was probably meant.
//!
//! `text` refuses what is no text and keeps what is found wrong with it, `parse` builds the tree of `node`, and `de` reads
//! types from that. A file with a written-out key goes no further than the tree.

mod de;
mod node;
mod parse;
mod problem;
mod span;
mod text;

pub(crate) use de::read;
pub(crate) use node::{Kind, Node, Typed};
pub use problem::{Problem, Problems, mask_key_literals};
pub(crate) use problem::{holds_key_literal, word, words};
pub use span::{At, Spanned};
pub(crate) use text::Text;

use serde::de::DeserializeOwned;

/// Reads a document: unknown fields, wrong words and written-out keys are all reported, with their places. Fields a type
/// does not have are refused whether or not it says `deny_unknown_fields`. `file` is the name to show.
///
/// What only the caller can know to be wrong is added with [`Problem::at`], at the place of a [`Spanned`] value.
///
/// # Errors
/// [`Problems`]: everything that is wrong.
///
/// ```
/// use trenchcheck::yaml::read_document;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Target { base_url: String }
///
/// let problems = read_document::<Target>("target.yaml", "base_ulr: http://localhost\n").unwrap_err();
/// assert!(problems.to_string().contains("did you mean `base_url`?"));
/// ```
pub fn read_document<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problems> {
    let text = Text::new(file, text.as_bytes())?;
    let value = text.parse().and_then(|root| read(&text, &root));
    match (Problems::new(text.take_problems()), value) {
        (Some(problems), _) => Err(problems),
        (None, Some(value)) => Ok(value),
        (None, None) => Err(Problem::in_file(file, At::default(), "it cannot be read").into()),
    }
}
