//! Text for people: lines of toned pieces. The one road to a terminal, so that nothing a target sent
//! can steer it.

use std::io::{self, Write};

/// How a piece of text is meant; a terminal shows it in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
    Warn,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warn => "\x1b[33m",
        }
    }
}

/// Lines of text.
#[derive(Debug, Default)]
pub(crate) struct Page(Vec<Vec<(Tone, String)>>);

impl Page {
    /// Adds a line made of pieces.
    pub(crate) fn line(&mut self, indent: usize, pieces: &[(Tone, &str)]) {
        let mut line = vec![(Tone::Plain, " ".repeat(indent))];
        line.extend(pieces.iter().map(|(tone, text)| (*tone, visible(text).replace('\n', " "))));
        self.0.push(line);
    }

    /// Adds a text, which may have several lines.
    pub(crate) fn block(&mut self, indent: usize, tone: Tone, text: &str) {
        for line in text.lines() {
            self.line(indent, &[(tone, line)]);
        }
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.0.push(Vec::new());
    }

    /// Whether there is nothing on it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes it, line by line.
    pub(crate) fn write(&self, out: &mut dyn Write, colour: bool) -> io::Result<()> {
        let mut text = String::new();
        for line in &self.0 {
            let start = text.len();
            for (tone, piece) in line {
                let code = if colour { tone.code() } else { "" };
                text.push_str(code);
                text.push_str(piece);
                if !code.is_empty() {
                    text.push_str("\x1b[0m");
                }
            }
            text.truncate(start + text[start..].trim_end().len());
            text.push('\n');
        }
        out.write_all(text.as_bytes())
    }

    /// The text without colours.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|line| {
                line.iter().map(|(_, piece)| piece.as_str()).collect::<String>().trim_end().to_owned()
            })
            .collect();
        lines.join("\n")
    }
}

/// The text with control characters, and those that turn the direction of writing, spelled out.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for mark in text.chars() {
        match mark {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            mark if mark.is_control()
                || matches!(mark, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.extend(mark.escape_default());
            }
            mark => out.push(mark),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_target_cannot_steer_the_terminal() {
        let mut page = Page::default();
        page.block(2, Tone::Plain, "a\x1b]0;owned\x07\u{202e}b\r\nc");
        assert_eq!(page.text(), "  a\\u{1b}]0;owned\\u{7}\\u{202e}b\n  c");
    }

    #[test]
    fn colours_are_switched_off_after_each_piece() {
        let mut page = Page::default();
        page.line(0, &[(Tone::Bad, "FAIL"), (Tone::Plain, " x")]);
        let mut out = Vec::new();
        page.write(&mut out, true).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[31mFAIL\x1b[0m x\n");
    }
}
