//! The system's certificates, which nobody needs who speaks plain HTTP.

use reqwest::ClientBuilder;

/// `builder` for requests to URLs below `base_url`. Where these are not encrypted, no certificates are read: there may
/// be more than a hundred, and a hunt makes hundreds of clients.
pub(crate) fn where_needed(builder: ClientBuilder, base_url: &str) -> ClientBuilder {
    if is_plain(base_url) { builder.tls_certs_only([]) } else { builder }
}

/// Whether what goes to URLs below `base_url` is not encrypted.
pub(crate) fn is_plain(base_url: &str) -> bool {
    const PLAIN: &str = "http://";
    base_url.get(..PLAIN.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(PLAIN))
}
