//! The scenarios and fixtures that are part of the binary.

use include_dir::{Dir, include_dir};

/// The contract, as this project writes it.
pub(super) static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");
/// The literal bodies it expects.
pub(super) static FIXTURES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fixtures");

/// The text of a shipped fixture, by its path below `fixtures/`.
pub(crate) fn shipped_fixture(name: &str) -> Option<&'static str> {
    FIXTURES.get_file(name)?.contents_utf8()
}

/// The paths of all shipped fixtures.
pub(crate) fn shipped_fixtures() -> Vec<String> {
    files(&FIXTURES).into_iter().map(|(path, _)| path).collect()
}

/// Every file below a folder, with its path.
pub(super) fn files(dir: &Dir<'static>) -> Vec<(String, &'static [u8])> {
    let mut all: Vec<_> = dir.files().map(|file| (slashed(file.path()), file.contents())).collect();
    all.extend(dir.dirs().flat_map(files));
    all
}

fn slashed(path: &std::path::Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
