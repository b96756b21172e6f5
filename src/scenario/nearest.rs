//! The word somebody probably meant.

/// The candidate nearest to `word`: a few letters off, or the only one that begins like it.
pub(crate) fn nearest<'w>(word: &str, candidates: impl IntoIterator<Item = &'w str>) -> Option<String> {
    let lower = word.to_lowercase();
    // Comparing is quadratic, and no word of the language is that long.
    if lower.len() > 100 {
        return None;
    }
    let mut begins_alike = None;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        let length = lower.chars().count().max(candidate.chars().count());
        if distance * 3 <= length && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if begins_alike.is_none() && alike_at_the_start(&lower, candidate) {
            begins_alike = Some(candidate);
        }
    }
    best.map(|(_, candidate)| candidate).or(begins_alike).map(str::to_owned)
}

/// Four letters in common at the start, or one word being the start of the other.
fn alike_at_the_start(word: &str, candidate: &str) -> bool {
    let common = word.chars().zip(candidate.chars()).take_while(|(a, b)| a == b).count();
    common >= 4 || (common >= 2 && common == word.chars().count().min(candidate.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let words = ["list-sessions", "post-events", "overview"];
        assert_eq!(nearest("list-sesions", words).as_deref(), Some("list-sessions"));
        assert_eq!(nearest("post", words).as_deref(), Some("post-events"));
        assert_eq!(nearest("LIST-SESSIONS", words).as_deref(), Some("list-sessions"));
        assert_eq!(nearest("banana", words), None);
        assert_eq!(nearest("", words), None);
    }
}
