//! The system's certificates, which nobody needs who speaks plain HTTP.

use reqwest::ClientBuilder;

/// `builder` for requests to URLs below `base_url`. Where these are not encrypted, no certificates are read: there may
/// be more than a hundred, and a hunt makes hundreds of clients.
pub(crate) fn where_needed(builder: ClientBuilder, base_url: &str) -> ClientBuilder {
    const PLAIN: &str = "http://";
    match base_url.get(..PLAIN.len()) {
        Some(scheme) if scheme.eq_ignore_ascii_case(PLAIN) => builder.tls_certs_only([]),
        _ => builder,
    }
}
