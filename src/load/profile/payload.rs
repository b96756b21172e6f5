//! Which events a lane sends: generated ones, or those of a file.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

const EXPECTS: &str = "`sessions`, `tool-uses` or a file of events that ends in `.json`";

/// Which events are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Payload {
    /// Whole sessions: tools used with their results, sub-agents, pauses, an end.
    #[default]
    Sessions,
    /// Nothing but uses of a tool.
    ToolUses,
    /// Those of a file, by its path from the profile's folder, or by the name of a shipped fixture.
    File(String),
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Payload;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(EXPECTS)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Payload, E> {
                match text {
                    "sessions" => Ok(Payload::Sessions),
                    "tool-uses" => Ok(Payload::ToolUses),
                    file if file.ends_with(".json") => Ok(Payload::File(file.to_owned())),
                    _ => Err(E::custom(format!("found `{text}`, expected {EXPECTS}"))),
                }
            }
        }
        deserializer.deserialize_str(Word)
    }
}

impl JsonSchema for Payload {
    fn schema_name() -> Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which events: `sessions` for whole generated sessions, `tool-uses` for nothing but uses \
                            of a tool, or a file of events that ends in `.json`, by its path from the profile's \
                            folder or by the name of a shipped fixture. A file is sent as it is written, but for \
                            sessions and times, which are fresh in every request.",
            "type": "string",
            "pattern": r"^(sessions|tool-uses|.*\.json)$"
        })
    }
}
