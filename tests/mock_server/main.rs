//! The mock over real HTTP.

mod api;
mod support;
