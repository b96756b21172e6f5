//! Problems as a person reads them: the place, the line, a caret, the mend.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::problem::{Problem, Problems};

impl Problems {
    /// The problems as text, each with its line and a caret, and their number at the end.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for problem in self.iter() {
            text.push_str(&renderer.render(&[group(problem)]));
            text.push_str("\n\n");
        }
        text.push_str(&self.count());
        text
    }

    /// "3 problems in 2 files".
    fn count(&self) -> String {
        let mut files: Vec<&str> = self.iter().map(|problem| &*problem.file).collect();
        files.dedup();
        let problems = self.iter().count();
        let plural = |number: usize, one: &str| match number {
            1 => format!("1 {one}"),
            _ => format!("{number} {one}s"),
        };
        format!("{} in {}", plural(problems, "problem"), plural(files.len(), "file"))
    }
}

fn group(problem: &Problem) -> Group<'_> {
    let group = Level::ERROR.primary_title(&problem.what);
    let (line, column) = (problem.at.line as usize, problem.at.column as usize);
    let mut group = if problem.line.trim().is_empty() {
        group.element(Origin::path(&*problem.file).line(line).char_column(column))
    } else {
        let caret = AnnotationKind::Primary.span(caret(&problem.line, column - 1));
        group.element(Snippet::source(&problem.line).path(&*problem.file).line_start(line).annotation(caret))
    };
    if let Some(nearest) = &problem.nearest {
        group = group.element(Level::HELP.message(format!("did you mean `{nearest}`?")));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// The bytes of the word that begins at a column: up to its closing quote, or to what ends a plain word.
fn caret(line: &str, column: usize) -> Range<usize> {
    let Some((start, first)) = line.char_indices().nth(column) else { return line.len()..line.len() };
    let rest = &line[start..];
    let length = match first {
        '"' | '\'' => rest[1..].find(first).map(|end| end + 2),
        '{' | '[' | '-' => Some(1),
        _ => rest.find([' ', ',', ':', '}', ']', '#']).filter(|end| *end > 0),
    };
    start..start + length.unwrap_or(rest.len())
}
