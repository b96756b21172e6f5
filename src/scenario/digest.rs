//! A number for what a case sends, by which evidence is known to be of other steps.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::tree::{Kind, Node};

/// The fields of a file that say what is sent.
const SENDS: [&str; 3] = ["key", "keys", "steps"];
/// The fields of a step that say what is read, and how it is called.
const READS: [&str; 5] = ["given", "expect", "observe", "as", "rows"];

/// The digest of what a file sends with one row filled in. It is another one when the keys or the steps are, and the same
/// whatever is expected of them, and wherever they stand. What the shared requests are is not in it.
pub(super) fn digest(filled: &Node) -> String {
    let mut told = String::new();
    for field in SENDS {
        let Some(value) = filled.get(field) else { continue };
        told.push_str(field);
        match field {
            "steps" => value.elements().iter().for_each(|step| tell(step, &READS, &mut told)),
            _ => tell(value, &[], &mut told),
        }
    }
    let hash = Sha256::digest(told.as_bytes());
    hash.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Adds a value to `told`, mappings in the order of their names, without the pairs of these names.
fn tell(node: &Node, without: &[&str], told: &mut String) {
    match &node.kind {
        Kind::Scalar { text, plain } => {
            told.push_str(&if *plain { format!("|{text}|") } else { format!("{text:?}") })
        }
        Kind::Sequence(elements) => {
            told.push('[');
            elements.iter().for_each(|element| tell(element, &[], told));
            told.push(']');
        }
        Kind::Mapping(pairs) => {
            let mut pairs: Vec<(&str, &Node)> =
                pairs.iter().map(|(name, value)| (name.text().unwrap_or_default(), value)).collect();
            pairs.retain(|(name, _)| !without.contains(name));
            pairs.sort_by_key(|(name, _)| *name);
            told.push('{');
            for (name, value) in pairs {
                told.push_str(&format!("{name:?}:"));
                tell(value, &[], told);
            }
            told.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Source, Suite};

    /// The digests of the cases of a check with these steps.
    fn of(steps: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let head = "check: my.check\nclause: error.401\nlevel: must\nabout: It is so.\nkey: read\n";
        std::fs::write(folder.path().join("mine.yaml"), format!("{head}{steps}")).unwrap();
        let requests = "requests:\n  sessions: {endpoint: sessions}\n";
        std::fs::write(folder.path().join("requests.yaml"), requests).unwrap();
        let suite = Suite::load(&Source::Directory(folder.path().to_owned())).unwrap();
        suite.experiments[0].cases.iter().map(|case| case.digest.clone()).collect()
    }

    #[test]
    fn it_depends_on_what_is_sent_and_on_nothing_else() {
        let one = of("steps:\n  - {send: {request: sessions}, expect: {status: 200}}\n");
        let moved =
            of("# A word.\nsteps:\n\n  - expect: {status: 401}\n    send:\n      request: sessions\n");
        assert_eq!(one, moved);
        let twice = of(
            "steps:\n  - {send: {request: sessions}}\n  - {send: {request: sessions}, expect: {status: 200}}\n",
        );
        assert_ne!(one, twice);
        let headed = of(
            "for_each: {value: [a, b]}\nsteps:\n  - send: {request: sessions, headers: {x-own: '{value}'}}\n    expect: {status: 200}\n",
        );
        assert_eq!(headed.len(), 2);
        assert_ne!(headed[0], headed[1]);
    }
}
