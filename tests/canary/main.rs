//! No output and no artefact holds a key, its random part, its base64, hex, percent- or entity-encoding: not against targets
//! that echo all they are sent in every dress, and not when a key is written where none belongs. The keys are new
//! in every run of these tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod echo;
mod echoed;
#[path = "../common/http.rs"]
mod http;
mod misplaced;
mod own_words;
#[path = "../common/program.rs"]
mod program;
mod secret;
