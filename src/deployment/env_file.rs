//! A file with variables, as shells and many tools read it: `NAME=value`, quotes, comments, `export`. What it holds is secret,
//! so that no line of it is ever quoted.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file with variables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// It cannot be read.
    #[error("cannot read the variables in {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// A line is none.
    #[error("{}:{line}: {why}; expected NAME=value, with or without quotes", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Variables in a file.
#[derive(Default)]
pub struct EnvFile {
    variables: BTreeMap<String, String>,
    /// Whether others than its owner may read it.
    pub is_open: bool,
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EnvFileError`].
    pub fn read(path: &Path) -> Result<Self, EnvFileError> {
        let unreadable = |why| EnvFileError::Unreadable { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let variables =
            parse(&text).map_err(|(line, why)| EnvFileError::BadLine { path: path.to_owned(), line, why })?;
        Ok(Self { variables, is_open: is_open(path).map_err(unreadable)? })
    }

    /// The variable of this name: as it is set in the environment, else as the file says.
    pub fn lookup(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .or_else(|| self.variables.get(name).map(OsString::from))
    }
}

#[cfg(unix)]
fn is_open(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// The variables of a text; or the line that is wrong, from 1, and why.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let mut variables = BTreeMap::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut line = 1;
    while !rest.is_empty() {
        let (first, below) = rest.split_once('\n').unwrap_or((rest, ""));
        let statement = first.trim();
        if statement.is_empty() || statement.starts_with('#') {
            (rest, line) = (below, line + 1);
            continue;
        }
        let statement = match statement.strip_prefix("export") {
            Some(exported) if exported.starts_with([' ', '\t']) => exported.trim_start(),
            _ => statement,
        };
        let (name, value) = statement.split_once('=').ok_or((line, "there is no `=`"))?;
        let name = name.trim();
        let is_name = |mark: char| mark == '_' || mark.is_ascii_alphanumeric();
        if name.is_empty()
            || !name.chars().all(is_name)
            || name.starts_with(|mark: char| mark.is_ascii_digit())
        {
            return Err((line, "what stands before `=` is no name of a variable"));
        }
        // A value in quotes may go on in the lines below.
        let from = value.trim_start().as_ptr() as usize - rest.as_ptr() as usize;
        let (value, after) = value_of(&rest[from..]).map_err(|why| (line, why))?;
        let (tail, below) = after.split_once('\n').unwrap_or((after, ""));
        if !(tail.trim().is_empty() || tail.trim_start().starts_with('#')) {
            return Err((line, "something follows the value"));
        }
        variables.insert(name.to_owned(), value);
        line += rest[..rest.len() - below.len()].matches('\n').count();
        rest = below;
    }
    Ok(variables)
}

/// A value, and what follows it.
fn value_of(text: &str) -> Result<(String, &str), &'static str> {
    let open = text.chars().next().filter(|mark| matches!(mark, '"' | '\''));
    let Some(quote) = open else {
        let line = text.split('\n').next().unwrap_or_default();
        // As a shell has it, a comment begins after a blank.
        let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
        return Ok((line[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut marks = text[1..].char_indices();
    while let Some((at, mark)) = marks.next() {
        match mark {
            mark if mark == quote => return Ok((value, &text[1 + at + 1..])),
            '\\' if quote == '"' => match marks.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            mark => value.push(mark),
        }
    }
    Err("a quote is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_comments_and_exports_are_understood() {
        let text = "# keys\nexport A=ct_live_a # the first\nB = \"b \\\"#\\\" \"\r\n\nC='c\nd' # two lines\nD=\nE=x#y\n";
        let got = parse(text).unwrap();
        let of = |name: &str| got[name].as_str();
        assert_eq!(
            [of("A"), of("B"), of("C"), of("D"), of("E")],
            ["ct_live_a", "b \"#\" ", "c\nd", "", "x#y"]
        );
    }

    #[test]
    fn a_line_that_is_none_is_named_and_never_quoted() {
        assert_eq!(parse("A=1\nsecret\n"), Err((2, "there is no `=`")));
        assert_eq!(parse("A='x\ny'\n\nB=\"secret"), Err((4, "a quote is not closed")));
        assert_eq!(parse("1A=secret"), Err((1, "what stands before `=` is no name of a variable")));
        assert_eq!(parse("A='b' secret"), Err((1, "something follows the value")));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.env");
        std::fs::write(&path, "\nsecret").unwrap();
        let told = EnvFile::read(&path).err().unwrap().to_string();
        assert!(told.contains("keys.env:2:") && !told.contains("secret"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.env");
        std::fs::write(&path, "VARIABLE_OF_A_TEST=1").unwrap();
        for (mode, open) in [(0o600, false), (0o640, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let file = EnvFile::read(&path).unwrap();
            assert_eq!(file.is_open, open);
            assert_eq!(file.lookup("VARIABLE_OF_A_TEST").unwrap(), "1");
        }
    }
}
