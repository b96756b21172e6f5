//! Random bytes from the system.

/// `N` random bytes. Should the system refuse, the clock's low digits serve: these bytes only need to differ
/// from what was given out before, they guard nothing.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        let nanoseconds = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = (nanoseconds >> (8 * (index % 8))) as u8 ^ (index as u8).wrapping_mul(151);
        }
    }
    bytes
}

/// `length` random letters and digits.
pub(crate) fn letters_and_digits(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length.div_ceil(32))
        .flat_map(|_| bytes::<32>())
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
        .collect()
}
