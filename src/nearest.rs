//! The word that was probably meant, for every message about one that is unknown.

/// A message about a word that is unknown, with the one that was probably meant, and at its end where all of them are found:
/// "no check is called `auth.mising`; did you mean `auth.missing`? `trenchcheck list` shows all".
pub(crate) fn no_such<'w>(
    kind: &str,
    word: &str,
    candidates: impl IntoIterator<Item = &'w str>,
    all: &str,
) -> String {
    format!("no {kind} is called `{word}`; {}{all}", meant(nearest(word, candidates)))
}

/// The question whether this word was meant, with a space behind it; nothing without a word.
pub(crate) fn meant(word: Option<&str>) -> String {
    word.map(|word| format!("did you mean `{word}`? ")).unwrap_or_default()
}

/// The candidate nearest to `word`: the shortest that begins with it, else one that is a few letters off, else the only one
/// that begins like it. Nothing where none is near: a wrong guess is worse than none.
pub(crate) fn nearest<'w>(word: &str, candidates: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    // Comparing is quadratic, and no word is that long; a single letter says nothing.
    if !(2..=100).contains(&length) {
        return None;
    }
    let candidates: Vec<(&str, String)> =
        candidates.into_iter().map(|candidate| (candidate, candidate.to_lowercase())).collect();
    let begun = candidates.iter().filter(|(_, lower)| lower.starts_with(&word));
    if let Some((candidate, _)) = begun.min_by_key(|(_, lower)| lower.chars().count()) {
        return Some(candidate);
    }
    let near = candidates.iter().filter_map(|(candidate, lower)| {
        let distance = strsim::damerau_levenshtein(&word, lower);
        (distance * 3 <= length.max(lower.chars().count())).then_some((distance, *candidate))
    });
    if let Some((_, candidate)) = near.min_by_key(|(distance, _)| *distance) {
        return Some(candidate);
    }
    let alike = |lower: &str| word.chars().zip(lower.chars()).take_while(|(one, other)| one == other).count();
    let shares =
        |lower: &str| alike(lower) >= 4 || alike(lower) >= 2 && alike(lower) == lower.chars().count();
    let most = candidates.iter().filter(|(_, lower)| shares(lower)).map(|(_, lower)| alike(lower)).max()?;
    let mut longest = candidates.iter().filter(|(_, lower)| alike(lower) == most);
    longest.next().filter(|_| longest.next().is_none()).map(|(candidate, _)| *candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let words = ["list-sessions", "post-events", "overview", "over"];
        for (word, expected) in [
            ("list-sesions", Some("list-sessions")),
            ("LIST-SESSIONS", Some("list-sessions")),
            ("post", Some("post-events")),
            ("ove", Some("over")),
            ("overvoew", Some("overview")),
            ("list-of-things", Some("list-sessions")),
            ("banana", None),
            ("p", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }

    #[test]
    fn what_begins_with_the_word_is_nearer_than_what_looks_like_it() {
        assert_eq!(nearest("auth", ["autos", "unauthorized-flat", "authentication"]), Some("authentication"));
        assert_eq!(nearest("auth", ["auth.body", "auth.*", "auto"]), Some("auth.*"));
    }

    #[test]
    fn nothing_is_guessed_where_several_begin_alike() {
        assert_eq!(nearest("accept-anything", ["accept-bearer", "accept-cookie"]), None);
    }

    #[test]
    fn a_message_says_what_was_meant_and_where_all_are() {
        let said = |word| no_such("tier", word, ["standard", "premium"], "there are two");
        assert_eq!(said("premum"), "no tier is called `premum`; did you mean `premium`? there are two");
        assert_eq!(said("gold"), "no tier is called `gold`; there are two");
    }
}
