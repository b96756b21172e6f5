//! Header fields against expectations.

use http::HeaderMap;
use regex::Regex;

use super::Judgement;
use crate::scenario::model::HeaderExpect;

/// Judges one header of an answer.
pub(super) fn judge(name: &str, wanted: &HeaderExpect, headers: &HeaderMap, into: &mut Judgement) {
    let lines: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
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
        let speaks_of_a_value = wanted.lines.is_some()
            || wanted.equals.is_some()
            || wanted.matches.is_some()
            || wanted.integer.is_some();
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
    if let Some(equals) = &wanted.equals
        && equals != line
    {
        into.broke(format!("{name} has another value"), format!("{name}: {equals}"), &actual);
    }
    if let Some(pattern) = &wanted.matches
        && !Regex::new(pattern).is_ok_and(|regex| regex.is_match(line))
    {
        into.broke(format!("{name} does not match"), format!("{name} matching {pattern}"), &actual);
    }
    if let Some(pattern) = &wanted.lacks
        && Regex::new(pattern).is_ok_and(|regex| regex.is_match(line))
    {
        into.broke(format!("{name} holds what it must not"), format!("{name} without {pattern}"), &actual);
    }
    let Some(range) = wanted.integer else { return };
    let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    match (digits, range.min.or(range.max)) {
        (false, None) => into.broke(
            format!("{name} is no whole number in digits"),
            format!("{name}: digits, such as 42"),
            &actual,
        ),
        (false, Some(_)) => into.cannot(format!("{name} is no whole number; the check for that names it")),
        (true, _) => {
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
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("retry-after", line.parse().unwrap());
        }
        let mut judgement = Judgement::default();
        judge("Retry-After", wanted, &headers, &mut judgement);
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
    fn a_range_leaves_other_faults_to_their_own_checks() {
        let range = IntegerRange { min: Some(1), max: Some(60) };
        let wanted = HeaderExpect { integer: Some(range), ..HeaderExpect::default() };
        assert!(retry_after(&["60"], &wanted).findings.is_empty());
        assert_eq!(retry_after(&["0"], &wanted).findings.len(), 1);
        assert_eq!(retry_after(&["99999999999999999999"], &wanted).findings.len(), 1);
        for left_to_others in [vec!["soon"], vec![]] {
            let judgement = retry_after(&left_to_others, &wanted);
            assert!(judgement.findings.is_empty() && judgement.nothing_to_judge.is_some());
        }
    }

    #[test]
    fn presence_is_judged_only_when_asked() {
        let wanted = HeaderExpect { present: Some(true), ..HeaderExpect::default() };
        assert_eq!(retry_after(&[], &wanted).findings.len(), 1);
        assert_eq!(retry_after(&["anything"], &wanted), Judgement::default());
    }
}
