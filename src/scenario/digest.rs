//! A number for what a case sends, by which evidence is known to be of other steps.

use sha2::{Digest as _, Sha256};

use super::tree::{Kind, Node};

/// The fields of a step that say what is read, and how it is called.
const READS: [&str; 5] = ["given", "expect", "observe", "as", "rows"];

/// The digest of what a file sends with one row filled in. It is another one when the keys or the steps are, and the same
/// whatever is expected of them, and wherever they stand. What the shared requests are is not in it.
pub(super) fn digest(filled: &Node) -> String {
    let sent = ["key", "keys", "steps"].into_iter().filter_map(|field| Some((field, filled.get(field)?)));
    let told = sent.map(|(field, value)| match field {
        "steps" => value
            .elements()
            .iter()
            .map(|step| told(step, &READS))
            .fold(field.to_owned(), |all, step| all + &step),
        _ => format!("{field}{}", told(value, &[])),
    });
    let hash = Sha256::digest(told.collect::<String>().as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A value in letters, mappings in the order of their names, without the pairs of these names.
fn told(node: &Node, without: &[&str]) -> String {
    match &node.kind {
        Kind::Scalar { text, plain: true } => format!("|{text}|"),
        Kind::Scalar { text, plain: false } => format!("{text:?}"),
        Kind::Sequence(elements) => {
            format!("[{}]", elements.iter().map(|element| told(element, &[])).collect::<String>())
        }
        Kind::Mapping(pairs) => {
            let mut pairs: Vec<(&str, &Node)> =
                pairs.iter().map(|(name, value)| (name.text().unwrap_or_default(), value)).collect();
            pairs.retain(|(name, _)| !without.contains(name));
            pairs.sort_by_key(|(name, _)| *name);
            let pairs = pairs.iter().map(|(name, value)| format!("{name:?}:{}", told(value, &[])));
            format!("{{{}}}", pairs.collect::<String>())
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
