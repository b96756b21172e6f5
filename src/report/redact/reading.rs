//! One way to read a text: as it stands, unescaped, or decoded from base64 or hexadecimal digits.

use std::ops::Range;

/// How many layers of escapes are taken off: a query string inside a JSON string inside JSON.
const LAYERS: usize = 3;

/// A byte of a reading, with the bytes of the text it was read from.
#[derive(Debug, Clone, Copy)]
struct Unit {
    byte: u8,
    from: usize,
    to: usize,
}

/// A text read in one way. Each byte knows where it came from.
#[derive(Debug, Clone)]
pub(super) struct Reading(Vec<Unit>);

impl Reading {
    pub(super) fn plain(text: &str) -> Self {
        Self(text.bytes().enumerate().map(|(at, byte)| Unit { byte, from: at, to: at + 1 }).collect())
    }

    pub(super) fn folded(&self) -> Vec<u8> {
        self.0.iter().map(|unit| unit.byte.to_ascii_lowercase()).collect()
    }

    /// Where in the text the bytes in `range` came from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        self.0[range.start].from..self.0[range.end - 1].to
    }

    /// The readings that come out when escapes are taken off, layer by layer, while there are any.
    pub(super) fn layers(&self) -> Vec<Self> {
        let mut layers: Vec<Self> = Vec::new();
        while layers.len() < LAYERS {
            match layers.last().unwrap_or(self).unescaped() {
                Some(next) => layers.push(next),
                None => break,
            }
        }
        layers
    }

    /// Percent-encoding, JSON escapes and HTML entities taken off once; `None` where there are none.
    fn unescaped(&self) -> Option<Self> {
        let units = &self.0;
        let mut out = Vec::with_capacity(units.len());
        let mut at = 0;
        while at < units.len() {
            let taken = escape(&units[at..], &mut out);
            if taken == 0 {
                out.push(units[at]);
            }
            at += taken.max(1);
        }
        (out.len() < units.len()).then_some(Self(out))
    }

    /// Every stretch that could be base64 of `shortest` bytes or more, decoded from each of the four
    /// places in a group where it could begin.
    pub(super) fn base64(&self, shortest: usize) -> impl Iterator<Item = Self> {
        self.0
            .split(|unit| sextet(unit.byte).is_none())
            .filter(move |stretch| stretch.len() * 6 >= shortest * 8)
            .flat_map(|stretch| (0..4.min(stretch.len())).map(|skip| decoded(&stretch[skip..])))
    }

    /// Every stretch that could be `shortest` bytes or more in hexadecimal digits, decoded from both places in a pair.
    pub(super) fn hex(&self, shortest: usize) -> impl Iterator<Item = Self> {
        self.0
            .split(|unit| !unit.byte.is_ascii_hexdigit())
            .filter(move |stretch| stretch.len() >= shortest * 2)
            .flat_map(|stretch| (0..2).map(|skip| &stretch[skip..]))
            .map(|stretch| {
                let pairs = stretch.chunks_exact(2);
                Self(pairs.filter_map(|pair| unit(pair, (hex(pair, 0, 2)? & 0xff) as u8)).collect())
            })
    }

    /// The text with what overlaps `found` replaced by `mask`, together with adjoining letters and digits.
    pub(super) fn mask(&self, text: &str, found: &[Range<usize>], mask: &str) -> String {
        let mut hidden = vec![false; text.len()];
        for range in found {
            hidden[range.clone()].fill(true);
        }
        self.spread(self.0.iter(), &mut hidden);
        self.spread(self.0.iter().rev(), &mut hidden);

        let mut out = String::with_capacity(text.len());
        let mut masked = false;
        for (at, mark) in text.char_indices() {
            let hide = hidden[at..at + mark.len_utf8()].contains(&true);
            if !hide {
                out.push(mark);
            } else if !masked {
                out.push_str(mask);
            }
            masked = hide;
        }
        out
    }

    /// Hides a letter or digit, and the whole of an escape, next to what is hidden.
    fn spread<'a>(&self, units: impl Iterator<Item = &'a Unit>, hidden: &mut [bool]) {
        let mut beside = false;
        for unit in units {
            let range = unit.from..unit.to;
            beside = hidden[range.clone()].contains(&true) || (beside && unit.byte.is_ascii_alphanumeric());
            if beside {
                hidden[range].fill(true);
            }
        }
    }
}

/// Reads one escape at the beginning of `units` into `out`; returns how many units it took, or 0.
fn escape(units: &[Unit], out: &mut Vec<Unit>) -> usize {
    let byte = |at: usize| units.get(at).map(|unit| unit.byte);
    let mut put = |bytes: &[u8], taken: usize| {
        let (from, to) = (units[0].from, units[taken - 1].to);
        out.extend(bytes.iter().map(|&byte| Unit { byte, from, to }));
        taken
    };
    match (byte(0), byte(1)) {
        (Some(b'%'), _) => match hex(units, 1, 2) {
            Some(value) => put(&value.to_be_bytes()[3..], 3),
            None => 0,
        },
        (Some(b'\\'), Some(b'u')) => match hex(units, 2, 4).and_then(char::from_u32) {
            Some(mark) => put(mark.encode_utf8(&mut [0; 4]).as_bytes(), 6),
            None => 0,
        },
        (Some(b'\\'), Some(mark @ (b'"' | b'\\' | b'/'))) => put(&[mark], 2),
        (Some(b'\\'), Some(b'b' | b'f' | b'n' | b'r' | b't')) => put(b" ", 2),
        (Some(b'&'), _) => match entity(units) {
            Some((mark, taken)) => put(mark.encode_utf8(&mut [0; 4]).as_bytes(), taken),
            None => 0,
        },
        _ => 0,
    }
}

/// The mark that an HTML entity at the beginning of `units` stands for, and how many units it takes.
fn entity(units: &[Unit]) -> Option<(char, usize)> {
    /// The longest of those below, zeros before a number aside.
    const LONGEST: usize = 12;
    let end = units.iter().take(LONGEST).position(|unit| unit.byte == b';')?;
    let name: String = units[1..end].iter().map(|unit| char::from(unit.byte)).collect();
    let mark = match (name.as_str(), name.strip_prefix(['#'])) {
        (_, Some(number)) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => number.parse().ok(),
            };
            char::from_u32(code?)?
        }
        ("amp", _) => '&',
        ("lt", _) => '<',
        ("gt", _) => '>',
        ("quot", _) => '"',
        ("apos", _) => '\'',
        ("lowbar", _) => '_',
        _ => return None,
    };
    Some((mark, end + 1))
}

/// A byte that these units are read as.
fn unit(units: &[Unit], byte: u8) -> Option<Unit> {
    Some(Unit { byte, from: units.first()?.from, to: units.last()?.to })
}

/// The number that `count` hexadecimal digits from `at` on stand for.
fn hex(units: &[Unit], at: usize, count: usize) -> Option<u32> {
    units.get(at..at + count)?.iter().try_fold(0, |value, unit| {
        let digit = char::from(unit.byte).to_digit(16)?;
        Some(value * 16 + digit)
    })
}

/// The six bits a character of either base64 alphabet stands for.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn decoded(stretch: &[Unit]) -> Reading {
    let mut out = Vec::with_capacity(stretch.len() * 3 / 4);
    let (mut bits, mut held) = (0u16, 0u32);
    let mut from = 0;
    for unit in stretch {
        let Some(six) = sextet(unit.byte) else { continue };
        if held == 0 {
            from = unit.from;
        }
        bits = bits << 6 | u16::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(Unit { byte: (bits >> held) as u8, from, to: unit.to });
            from = unit.from;
        }
    }
    Reading(out)
}
