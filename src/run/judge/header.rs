//! Header fields against expectations.

use regex::Regex;

use crate::run::evidence::Look;
use crate::run::finding::Judgement;
use crate::scenario::model::HeaderExpect;

/// Judges one header of an answer.
pub(super) fn judge(name: &str, wanted: &HeaderExpect, look: &Look, into: &mut Judgement) {
    let lines: Vec<&str> = look.lines(name).collect();
    let shown = match lines.as_slice() {
        [] => format!("no {name}"),
        lines => lines.iter().map(|line| format!("{name}: {line}")).collect::<Vec<_>>().join("\n"),
    };
    match wanted.present {
        Some(true) if lines.is_empty() => {
            into.broke(format!("{name} is missing"), format!("{name}: …"), &shown)
        }
        Some(false) if !lines.is_empty() => {
            into.broke(format!("{name} is there"), format!("no {name}"), &shown)
        }
        _ => {}
    }
    if lines.is_empty() {
        let speaks_of_a_value = wanted.lines.is_some() || wanted.integer.is_some();
        if speaks_of_a_value && wanted.present.is_none() {
            into.cannot(format!("no {name} to judge"));
        }
        return;
    }
    if let Some(count) = wanted.lines
        && lines.len() != count as usize
    {
        into.broke(
            format!("{name} stands there {} times, not {count}", lines.len()),
            format!("{count} line of {name}"),
            &shown,
        );
    }
    for line in &lines {
        judge_line(name, wanted, line, into);
    }
}

fn judge_line(name: &str, wanted: &HeaderExpect, line: &str, into: &mut Judgement) {
    let actual = format!("{name}: {line}");
    if let Some(pattern) = &wanted.lacks
        && Regex::new(pattern).is_ok_and(|regex| regex.is_match(line))
    {
        into.broke(format!("{name} holds what it must not"), format!("{name} without {pattern}"), &actual);
    }
    let Some(range) = wanted.integer else { return };
    let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    match digits {
        false => into.broke(
            format!("{name} is not a whole number"),
            format!("{name}: digits, such as 42"),
            &actual,
        ),
        true => {
            let number = line.parse::<u64>().unwrap_or(u64::MAX);
            let least = range.min.unwrap_or(0);
            let most = range.max.unwrap_or(u64::MAX);
            if number < least || number > most {
                into.broke(
                    format!("{name} is not between {least} and {most}"),
                    format!("{name}: {least} to {most}"),
                    &actual,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::IntegerRange;

    fn retry_after(lines: &[&str], wanted: &HeaderExpect) -> Judgement {
        let headers = lines.iter().map(|line| ("retry-after".to_owned(), (*line).to_owned())).collect();
        let look =
            Look { status: 429, headers, body: String::new(), garbled: false, compressed: false, alike: 0 };
        let mut judgement = Judgement::default();
        judge("Retry-After", wanted, &look, &mut judgement);
        judgement
    }

    #[test]
    fn digits_on_one_line_and_nothing_else() {
        let wanted = HeaderExpect {
            lines: Some(1),
            integer: Some(IntegerRange::default()),
            ..HeaderExpect::default()
        };
        assert_eq!(retry_after(&["42"], &wanted), Judgement::default());
        for wrong in ["1.5", "-1", "+1", "30s", "60, 60", "Wed, 21 Oct 2026 07:28:00 GMT", ""] {
            assert_eq!(retry_after(&[wrong], &wanted).findings.len(), 1, "{wrong}");
        }
        assert_eq!(retry_after(&["1", "1"], &wanted).findings.len(), 1);
    }

    #[test]
    fn a_range_says_what_is_no_number_and_leaves_a_missing_one_to_its_own_check() {
        let range = IntegerRange { min: Some(1), max: Some(60) };
        let wanted = HeaderExpect { integer: Some(range), ..HeaderExpect::default() };
        assert!(retry_after(&["60"], &wanted).findings.is_empty());
        assert_eq!(retry_after(&["0"], &wanted).findings.len(), 1);
        assert_eq!(retry_after(&["99999999999999999999"], &wanted).findings.len(), 1);
        assert_eq!(retry_after(&["soon"], &wanted).findings.len(), 1);
        let missing = retry_after(&[], &wanted);
        assert!(missing.findings.is_empty() && missing.nothing_to_judge.is_some());
    }

    #[test]
    fn presence_is_judged_only_when_asked() {
        let wanted = HeaderExpect { present: Some(true), ..HeaderExpect::default() };
        assert_eq!(retry_after(&[], &wanted).findings.len(), 1);
        assert_eq!(retry_after(&["anything"], &wanted), Judgement::default());
    }
}
