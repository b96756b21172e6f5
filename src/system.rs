//! What is asked of the operating system: certificates, descriptors, random bytes, signals.

use std::io;

use reqwest::ClientBuilder;

/// `builder` for requests to URLs below `base_url`. Where these are not encrypted, no certificates are read: there may
/// be more than a hundred, and a hunt makes hundreds of clients.
pub(crate) fn certificates_where_needed(builder: ClientBuilder, base_url: &str) -> ClientBuilder {
    if is_plain(base_url) { builder.tls_certs_only([]) } else { builder }
}

/// Whether what goes to URLs below `base_url` is not encrypted.
pub(crate) fn is_plain(base_url: &str) -> bool {
    const PLAIN: &str = "http://";
    base_url.get(..PLAIN.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(PLAIN))
}

/// How many files, and so connections, this process may have open at most, the limit raised as far as the system allows.
#[cfg(unix)]
pub(crate) fn most_descriptors() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.maximum.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
pub(crate) fn most_descriptors() -> u64 {
    u64::MAX
}

/// Raises the soft limit as far as is needed and allowed; returns it.
#[cfg(unix)]
pub(crate) fn raise_descriptors(needed: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if needed <= current {
        return current;
    }
    let wanted = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}

#[cfg(not(unix))]
pub(crate) fn raise_descriptors(_: u64) -> u64 {
    u64::MAX
}

/// `N` random bytes. Should the system refuse, the clock's low digits serve: these bytes only need to differ
/// from what was given out before, they guard nothing.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        let nanoseconds = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = (nanoseconds >> (8 * (index % 8))) as u8 ^ (index as u8).wrapping_mul(151);
        }
    }
    bytes
}

/// Spreads bits over all of a number (the last step of SplitMix64).
pub(crate) fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `length` random letters and digits.
pub(crate) fn letters_and_digits(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length.div_ceil(32))
        .flat_map(|_| random_bytes::<32>())
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
        .collect()
}

/// Waits until the command is asked to stop.
///
/// # Errors
/// When the system does not tell of signals.
pub(crate) async fn asked_to_stop() -> io::Result<()> {
    Signals::listen()?.next().await;
    Ok(())
}

/// The signals that ask the command to stop.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes the signals that come from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask the command to stop.
#[cfg(windows)]
pub(crate) struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    /// Takes the signals that come from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// A text as a shell takes it for one word.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |mark: char| mark.is_alphanumeric() || "-_./:=@%+,".contains(mark);
    match text {
        text if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        text => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_shell_is_quoted_where_it_has_to_be() {
        let rows = [("a/b.yaml", "a/b.yaml"), ("", "''"), ("X-A: $B", "'X-A: $B'"), ("it's", r"'it'\''s'")];
        for (text, expected) in rows {
            assert_eq!(shell_word(text), expected);
        }
    }
}
