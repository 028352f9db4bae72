//! A fast parser of lines: one pass over a flat JSON object as logs contain it.
//!
//! It returns `None` for unusual lines, which `serde_json` then parses: nested values, white space other than spaces,
//! duplicate fields and errors. Otherwise its result is that of `serde_json`; the tests below and the fuzz target
//! `event_line` compare the two.

use super::non_finite::WORDS;
use super::raw::{Raw, Scalar};
use crate::json_text::special;
use std::borrow::Cow;

/// The names of all fields of known logs, as in a line, in their usual order.
const NAMES: [&[u8]; 18] = [
    b"\"ts\":",
    b"\"userId\":",
    b"\"sessionId\":",
    b"\"page\":",
    b"\"auth\":",
    b"\"method\":",
    b"\"status\":",
    b"\"level\":",
    b"\"itemInSession\":",
    b"\"location\":",
    b"\"userAgent\":",
    b"\"lastName\":",
    b"\"firstName\":",
    b"\"registration\":",
    b"\"gender\":",
    b"\"artist\":",
    b"\"song\":",
    b"\"length\":",
];

/// Number of decimal digits that an `f64` represents exactly.
const EXACT_DIGITS: usize = 15;
const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The fields of a line; `None` if `serde_json` must parse it.
///
/// The values of ignored fields do not have to be UTF-8.
pub(super) fn fields(line: &[u8]) -> Option<Raw<'_>> {
    let mut rest = Rest(line.strip_suffix(b"\r").unwrap_or(line));
    let mut raw = Raw::default();
    rest.object(&mut raw)?;
    rest.spaces();
    rest.0.is_empty().then_some(raw)
}

/// Calls `each` with the fields of each object in the JSON array at the start of `json`. Returns the bytes after the array;
/// `None` if `serde_json` must parse it, also after some calls of `each`.
pub(super) fn array<'a>(json: &'a str, mut each: impl FnMut(Raw<'a>)) -> Option<&'a str> {
    let mut rest = Rest(json.as_bytes());
    rest.token(b'[')?;
    rest.spaces();
    if rest.0.first() != Some(&b']') {
        loop {
            let mut raw = Raw::default();
            rest.object(&mut raw)?;
            each(raw);
            rest.spaces();
            match rest.0.first()? {
                b',' => rest.byte()?,
                b']' => break,
                _ => return None,
            };
        }
    }
    rest.byte()?;
    json.get(json.len() - rest.0.len()..)
}

/// The unread part of the line. A method that returns `None` leaves it in an unspecified state.
struct Rest<'a>(&'a [u8]);

/// A JSON string.
struct Text<'a> {
    /// Including the quotes.
    quoted: &'a [u8],
    /// Between the quotes.
    inside: &'a [u8],
    /// Whether it contains escapes.
    escaped: bool,
}

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn spaces(&mut self) {
        while let [b' ', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn token(&mut self, token: u8) -> Option<()> {
        self.spaces();
        (self.byte()? == token).then_some(())
    }

    /// Reads an object into `raw`, which must be empty.
    fn object(&mut self, raw: &mut Raw<'a>) -> Option<()> {
        let mut expected = 0;
        self.token(b'{')?;
        loop {
            self.spaces();
            let name = self.name(&mut expected)?;
            self.spaces();
            match raw.field_mut(name) {
                None => self.skip()?,
                Some(field @ Scalar::Absent) => self.value(field)?,
                Some(_) => return None, // duplicate
            }
            self.spaces();
            match self.byte()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads a field's name and the colon. `expected` is the position in [`NAMES`] that is compared first.
    fn name(&mut self, expected: &mut usize) -> Option<&'a [u8]> {
        for n in (*expected..NAMES.len()).chain(0..*expected) {
            let token = NAMES.get(n)?;
            if let Some(rest) = self.0.strip_prefix(*token) {
                self.0 = rest;
                *expected = n + 1;
                return token.get(1..token.len() - 2);
            }
        }
        let name = self.string().filter(|name| !name.escaped)?;
        self.token(b':')?;
        Some(name.inside)
    }

    /// Reads a value into `field`.
    fn value(&mut self, field: &mut Scalar<'a>) -> Option<()> {
        // Written in place, because moving a `Scalar` costs more than reading it.
        *field = if self.0.first() == Some(&b'"') {
            let text = self.string()?;
            if text.escaped {
                Scalar::Text(Cow::Owned(serde_json::from_slice(text.quoted).ok()?))
            } else {
                Scalar::Text(Cow::Borrowed(std::str::from_utf8(text.inside).ok()?))
            }
        } else {
            self.bare()?
        };
        Some(())
    }

    /// Checks a value and drops it.
    fn skip(&mut self) -> Option<()> {
        if self.0.first() == Some(&b'"') { self.string().map(|_| ()) } else { self.bare().map(|_| ()) }
    }

    fn string(&mut self) -> Option<Text<'a>> {
        let all = self.0;
        if *all.first()? != b'"' {
            return None;
        }
        let (mut at, mut escaped) = (1, false);
        loop {
            let rest = all.get(at..)?;
            let plain = special(rest)?;
            at += plain;
            match rest.get(plain..)? {
                [b'"', ..] => break,
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at += 2,
                [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|h| h.is_ascii_hexdigit()) => at += 6,
                _ => return None, // a control character, or an invalid escape
            }
            escaped = true;
        }
        let quoted = self.take(at + 1)?;
        Some(Text { quoted, inside: quoted.get(1..at)?, escaped })
    }

    /// A number or a literal such as `null`.
    fn bare(&mut self) -> Option<Scalar<'a>> {
        if let Some(number) = self.number() {
            return Some(number);
        }
        let end = self.0.iter().position(|b| matches!(b, b',' | b'}' | b' '))?;
        match self.take(end)? {
            [b'[' | b'{' | b'"', ..] => None,
            word if WORDS.iter().any(|non_finite| non_finite.as_bytes() == word) => Some(Scalar::Null),
            bare => serde_json::from_slice(bare).ok(),
        }
    }

    /// A number without sign and exponent, with few enough digits to be exact.
    fn number(&mut self) -> Option<Scalar<'a>> {
        let (mut n, mut point) = (0, None);
        for (at, byte) in self.0.iter().take(EXACT_DIGITS + 2).enumerate() {
            match byte {
                b'0'..=b'9' => n = n * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                b',' | b'}' | b' ' => {
                    let whole = point.unwrap_or(at);
                    let decimals = point.map(|point| at - point - 1);
                    let leading_zero = whole > 1 && self.0.first() == Some(&b'0');
                    if whole == 0 || leading_zero || decimals == Some(0) {
                        return None;
                    }
                    self.take(at)?;
                    return Some(match decimals {
                        None => Scalar::Integer(n),
                        // The division of two exact numbers rounds once, so the result is correctly rounded.
                        Some(decimals) => Scalar::Real(n as f64 / POWERS_OF_TEN.get(decimals)?),
                    });
                }
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::non_finite::as_null;
    use super::*;
    use proptest::prelude::*;

    /// Compares the scanner with `serde_json`. Returns whether the scanner parsed the line.
    fn agrees(line: &[u8]) -> bool {
        let scanned = fields(line);
        let text = as_null(line);
        if let Some(scanned) = &scanned {
            assert_eq!(Raw::read(&text).as_ref(), Ok(scanned), "{text}");
        }
        scanned.is_some()
    }

    #[test]
    fn usual_lines_are_scanned() {
        for line in [
            r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","auth":"Logged In","status":200}"#,
            r#"{"artist": null, "length": 277.89016, "userAgent": "\"Mozilla\/5.0 \u00e9\"", "new": true, "x": -1.5e3}"#,
            "{\"userId\":\"30\",\"song\":\"D\u{e9}stockage \\\"massif\\\"\",\"length\":0.5} \r",
        ] {
            assert!(agrees(line.as_bytes()), "{line}");
        }
        assert!(agrees(b"{\"location\":\"M\xfcnchen\",\"ts\":1}"), "an ignored value does not have to be UTF-8");
    }

    #[test]
    fn unusual_lines_are_left_to_serde_json() {
        for line in [
            "",
            " ",
            "{}",
            "[1]",
            "7",
            "{\"ts\":1",
            "{\"ts\":1}}",
            "{\"ts\":1,}",
            "{\"ts\" 1}",
            "{\"ts\":}",
            "{ts:1}",
            "{\"ts\":1,\"ts\":2}",
            "{\"t\\u0073\":1}",
            "{\"x\":[]}",
            "{\"x\":{\"y\":1}}",
            "{\"x\":[1]}",
            "{\t\"ts\":1}",
            "{\"ts\":01}",
            "{\"ts\":1.}",
            "{\"ts\":.5}",
            "{\"ts\":+1}",
            "{\"ts\":nul}",
            "{\"x\":\"\\x\"}",
            "{\"x\":\"\\u12g4\"}",
            "{\"x\":\"a\tb\"}",
            "{\"song\":\"\\ud800\"}",
            "{\"x\":\"open}",
            "{\"x\":1e999}",
        ] {
            assert!(!agrees(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn array_ends_at_its_bracket() {
        let ts = |json: &'static str| {
            let mut all = Vec::new();
            array(json, |raw| all.push(raw)).map(|rest| (all.len(), rest))
        };
        assert_eq!(ts("[]}"), Some((0, "}")));
        assert_eq!(ts(" [ { \"ts\":1} , {\"ts\":2 } ] ,x"), Some((2, " ,x")));
        for json in [
            "",
            "[",
            "[,]",
            "[{\"ts\":1},]",
            "[{\"ts\":1}",
            "[1]",
            "[{}]",
            "[\n]",
            "{\"ts\":1}",
            "[{\"ts\":1}{\"ts\":1}]",
        ] {
            assert_eq!(ts(json), None, "{json}");
        }
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            r#"[ -!#-\[\]-~é\u{80}-\u{2ff}]{0,20}"#.prop_map(|text| format!("\"{text}\"")),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
            r#""(\\["\\/bfnrtu]|\\u[0-9a-fd][0-9a-f8]{3}|[a-z]){0,6}""#,
            any::<i64>().prop_map(|n| n.to_string()),
            any::<u64>().prop_map(|n| n.to_string()),
            any::<f64>().prop_map(|n| serde_json::Value::from(n).to_string()),
            "-?[0-9]{0,18}(\\.[0-9]{0,12})?([eE][-+]?[0-9]{1,3})?",
            prop::sample::select(&["null", "true", "false", "[]", "{}", "[1,\"x\"]", "{\"ts\":[{}]}", "-0", "NaN"][..])
                .prop_map(String::from),
        ]
    }

    fn line() -> impl Strategy<Value = String> {
        let known = prop::sample::select(&NAMES[..])
            .prop_map(|token| String::from_utf8_lossy(&token[..token.len() - 1]).into_owned());
        let name = prop_oneof![9 => known, 1 => "\"[a-zA-Z]{0,20}\"", 1 => value()];
        let space = || prop::sample::select(&["", "", "", " ", "  ", "\t", "\r"][..]);
        let field = (name, space(), space(), value(), space())
            .prop_map(|(name, a, b, value, c)| format!("{name}{a}:{b}{value}{c}"));
        (prop::collection::vec(field, 0..8), space(), space(), space())
            .prop_map(|(fields, a, b, c)| format!("{a}{{{b}{}}}{c}", fields.join(",")))
    }

    proptest! {
        #[test]
        fn scanner_agrees_with_serde_json(line in line()) {
            agrees(line.as_bytes());
        }

        #[test]
        fn array_contains_the_objects_that_serde_json_reads(lines in prop::collection::vec(line(), 0..4)) {
            let json = format!("[{}]", lines.join(","));
            let mut scanned = Vec::new();
            if let Some(rest) = array(&json, |raw| scanned.push(raw)) {
                prop_assert_eq!(rest, "");
                let json = as_null(json.as_bytes());
                let raw: Vec<&serde_json::value::RawValue> = serde_json::from_str(&json).unwrap();
                let read: Result<Vec<_>, _> = raw.iter().map(|raw| Raw::read(raw.get())).collect();
                prop_assert_eq!(read, Ok(scanned));
            }
        }

        #[test]
        fn scanner_agrees_with_serde_json_on_damaged_lines(
            line in line(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, any::<u8>()), 1..4),
        ) {
            let mut line = line.into_bytes();
            for (at, kind, byte) in damage {
                let at = at.index(line.len());
                // Half of the bytes have a meaning in JSON.
                let byte = if byte < 128 { b"\"\\{}[],:0123456789.-+eEu tfn\n\r"[usize::from(byte) % 30] } else { byte };
                match kind {
                    0 => line[at] = byte,
                    1 => line.insert(at, byte),
                    _ if line.len() > 1 => drop(line.remove(at)),
                    _ => {}
                }
            }
            agrees(&line);
        }
    }
}
