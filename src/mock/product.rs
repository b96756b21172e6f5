//! The description of the product API, as the vendor's pages and clients give it.

use super::message::Reply;

/// Where it is served.
pub(super) const PATH: &str = "/openapi.json";

const DOCUMENT: &str = include_str!("product.json");

pub(super) fn reply() -> Reply {
    Reply::json(200, DOCUMENT.as_bytes())
}
