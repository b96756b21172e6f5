//! Writing a report file whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

pub(crate) fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes `text` to a file beside `path` and renames it, so that nobody ever reads half a report.
///
/// A symbolic link stays, and the file it points to is replaced. What is there and is no regular file (`/dev/stdout`, a named
/// pipe), and what cannot be replaced (a file that is mounted), is written to as it is. `-` is standard output. What cannot be
/// written is not lost: it goes to standard error.
pub(crate) fn save(path: &Path, text: &[u8]) -> io::Result<()> {
    if is_standard_output(path) {
        let mut out = io::stdout().lock();
        return out.write_all(text).and_then(|()| out.flush());
    }
    let whole = behind_links(path);
    let special = fs::metadata(&whole).is_ok_and(|there| !there.is_file());
    let written = if special { write(&whole, text) } else { replace(&whole, text) };
    written.map_err(|error| {
        // If that fails, too, there is nothing left to try.
        let _ = io::stderr().write_all(text);
        cannot_write(path, &error)
    })
}

/// Makes sure, before anything long begins, that a report can be written: makes the directories that are missing, and tries
/// whether the file can be opened. What is in it stays as it is.
pub(crate) fn try_out(path: &Path) -> io::Result<()> {
    if is_standard_output(path) {
        return Ok(());
    }
    let open = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            // Opening a pipe would wait for its reader.
            Ok(there) if !there.is_file() => Ok(()),
            Ok(_) => OpenOptions::new().append(true).open(path).map(drop),
            Err(_) => {
                File::create(path)?;
                fs::remove_file(behind_links(path))
            }
        }
    };
    open().map_err(|error| cannot_write(path, &error))
}

/// A JSON document for people and programs, with a line break at its end.
pub(crate) fn json_text(document: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// The JSON Schema of what is written as `T`.
pub(crate) fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write the report {}: {error}", path.display()))
}

/// The file that a path means, where it is a link.
fn behind_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| match fs::read_link(path) {
        // It points to a file that is not there yet.
        Ok(aim) => path.parent().map_or_else(|| aim.clone(), |folder| folder.join(&aim)),
        Err(_) => path.to_owned(),
    })
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text)
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    let Err(error) = written else { return Ok(()) };
    // The first error is the one to tell; the part may not even exist.
    let _ = fs::remove_file(&part);
    let is_held = matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices | io::ErrorKind::PermissionDenied
    );
    if is_held && path.is_file() {
        return fs::write(path, text);
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_the_one_before_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        save(&path, b"one, which is longer").unwrap();
        save(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_by_the_report_and_made_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/deep/report.json");
        let error = save(&path, b"x").unwrap_err().to_string();
        assert!(error.contains("none/deep/report.json"), "{error}");
        try_out(&path).unwrap();
        assert!(!path.exists(), "nothing is written before the run");
        save(&path, b"x").unwrap();
        try_out(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x", "what is there stays");
    }

    #[test]
    fn what_cannot_be_a_report_is_refused_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        try_out(folder.path()).unwrap_err();
        let file = folder.path().join("file");
        fs::write(&file, b"x").unwrap();
        try_out(&file.join("report.json")).unwrap_err();
        try_out(Path::new("-")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_written_to() {
        save(Path::new("/dev/null"), b"x").unwrap();
        try_out(Path::new("/dev/null")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_the_file_behind_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        std::os::unix::fs::symlink("real.json", &link).unwrap();
        for text in ["one", "two"] {
            try_out(&link).unwrap();
            save(&link, text.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&real).unwrap(), text);
        }
    }
}
