//! Finds where JSON values end, without parsing them: in arrays, and between objects that no line feed separates.

/// Finds the end of one value. Its bytes are passed piece by piece.
///
/// Damage costs few events: a value also ends at a line feed within a string, at a bracket that closes nothing, and
/// before an object that starts where none can, such as the object after a truncated one.
#[derive(Debug, Default)]
pub struct ValueScanner {
    depth: u32,
    /// One bit per open bracket, the outermost lowest: 1 for an array. Brackets deeper than 64 are not checked.
    arrays: u64,
    in_string: bool,
    /// Whether the last byte was a backslash within a string.
    escaped: bool,
    /// The last byte that is not white space; 0 at the start.
    previous: u8,
}

/// Whether a byte stands between values: white space, commas, the brackets of an array, the bytes of a byte order mark,
/// and the separators of text sequences (RFC 7464) and of some log shippers.
pub fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | 0xef | 0xbb | 0xbf | 0x1e | 0)
}

impl ValueScanner {
    /// Scans the next bytes of the value, which starts with no separator. Returns how many of them belong to it; `None`
    /// if it goes on after them.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.in_string {
                at = self.string_end(bytes, at)?;
                if self.in_string {
                    return Some(at);
                }
            }
            let byte = *bytes.get(at)?;
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' if self.depth == 0 && self.previous != 0 => return Some(at),
                b'{' if self.is_in(b'{') && self.previous != b':' => return Some(at),
                b'{' | b'[' => {
                    let bit = 1u64.checked_shl(self.depth).unwrap_or(0);
                    self.arrays = if byte == b'[' { self.arrays | bit } else { self.arrays & !bit };
                    self.depth += 1;
                }
                b'\n' | b']' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    let is_mismatch = self.is_in(if byte == b']' { b'{' } else { b'[' });
                    if self.depth <= 1 || is_mismatch {
                        return Some(at + 1);
                    }
                    self.depth -= 1;
                }
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                self.previous = byte;
            }
            at += 1;
        }
    }

    /// Whether the innermost open bracket is `bracket`, as far as that is known.
    fn is_in(&self, bracket: u8) -> bool {
        let bit = self.depth.checked_sub(1).and_then(|shift| self.arrays.checked_shr(shift));
        bit.is_some_and(|bits| (bits & 1 == 1) == (bracket == b'['))
    }

    /// The byte after the string that is open at `at`, or the line feed within it, where the string stays open; `None`
    /// if it goes on.
    fn string_end(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            if self.escaped {
                bytes.get(at)?;
                self.escaped = false;
                at += 1;
            }
            at += memchr::memchr3(b'"', b'\\', b'\n', bytes.get(at..)?)?;
            match bytes.get(at)? {
                b'\\' => self.escaped = true,
                b'"' => {
                    (self.in_string, self.previous) = (false, b'"');
                    return Some(at + 1);
                }
                _ => return Some(at),
            }
            at += 1;
        }
    }
}

/// The values in `text`, with their positions.
pub fn values(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text.get(at..)?.iter().take_while(|byte| is_separator(**byte)).count();
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let end = ValueScanner::default().end(rest).unwrap_or(rest.len());
        let start = at;
        at += end;
        Some((start, rest.get(..end)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        values(text.as_bytes()).map(|(_, value)| std::str::from_utf8(value).unwrap()).collect()
    }

    #[test]
    fn values_end_where_their_brackets_close() {
        assert_eq!(split(r#"[{"a":1}, {"b":"}]{\"" }]"#), [r#"{"a":1}"#, r#"{"b":"}]{\"" }"#]);
        assert_eq!(split(r#"{"a":{"b":[{},[]]}}{"c":"\\"}"#), [r#"{"a":{"b":[{},[]]}}"#, r#"{"c":"\\"}"#]);
        assert_eq!(split("[\n  {\n    \"a\": 1\n  },\n  {}\n]\n"), ["{\n    \"a\": 1\n  }", "{}"]);
        assert_eq!(split("[{}]\n[{},{}]"), ["{}"; 3]);
        assert_eq!(split("\u{feff}{}\u{feff}{}\u{1e}{}"), ["{}"; 3]);
        assert_eq!(split("[1, \"x, {\", null]"), ["1, \"x, {\", null"]);
        assert_eq!(split(" [] "), Vec::<&str>::new());
        let deep = format!("{}{}", "[{\"a\":".repeat(100), "}]".repeat(100));
        assert_eq!(split(&format!("{{\"a\":{deep}}}{{}}")).len(), 2);
    }

    #[test]
    fn damaged_value_ends_before_the_next_object() {
        assert_eq!(split(r#"[{"a":1,{"b":2},{"c":3}]"#), [r#"{"a":1,"#, r#"{"b":2}"#, r#"{"c":3}"#]);
        assert_eq!(split("{\"a\":\"x\n{\"b\":2}"), ["{\"a\":\"x", r#"{"b":2}"#]);
        assert_eq!(split(r#"{"a":1]{"b":2}"#), [r#"{"a":1]"#, r#"{"b":2}"#]);
        assert_eq!(split(r#"junk{"b":2}junk"#), ["junk", r#"{"b":2}"#, "junk"]);
        assert_eq!(split(r#"{"a":1"#), [r#"{"a":1"#]);
    }

    #[test]
    fn pieces_of_any_length_give_the_same_end() {
        let text = "{\"a\":\"\\\\\\\"}\",\"b\":[{}]}{}".as_bytes();
        for length in 1..text.len() {
            let (mut scanner, mut end) = (ValueScanner::default(), 0);
            for piece in text.chunks(length) {
                match scanner.end(piece) {
                    Some(n) => {
                        end += n;
                        break;
                    }
                    None => end += piece.len(),
                }
            }
            assert_eq!(end, text.len() - 2, "{length}");
        }
    }
}
