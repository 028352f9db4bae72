//! `NaN`, `Infinity` and `-Infinity`, which are no JSON. Python's `json.dumps` writes them, for example for the missing
//! values of a pandas data frame.

use std::borrow::Cow;

pub(super) const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The line as text, with `null` in place of these words outside of strings.
pub(super) fn as_null(line: &[u8]) -> Cow<'_, str> {
    // Much faster than `from_utf8_lossy` for text that is UTF-8.
    let text = std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    let contains = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    if !contains(WORDS[0]) && !contains(WORDS[1]) {
        return text;
    }
    // Parts between quotes that are not escaped are by turns outside and inside of a string.
    let (mut replaced, mut in_string, mut rest) = (String::with_capacity(text.len()), false, &*text);
    while !rest.is_empty() {
        let end = if in_string { string_end(rest) } else { rest.find('"').map_or(rest.len(), |quote| quote + 1) };
        let (part, next) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match in_string {
            true => replaced.push_str(part),
            false => push_with_null(&mut replaced, part),
        }
        (rest, in_string) = (next, !in_string);
    }
    replaced.into()
}

/// Bytes up to the end of the string that contains the start of `text`.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    let quote = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    });
    quote.map_or(text.len(), |quote| quote + 1)
}

/// Appends `part`, which is outside of strings.
fn push_with_null(text: &mut String, part: &str) {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
    let mut rest = part;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, next) = rest.split_at_checked(end).unwrap_or((rest, ""));
        text.push_str(if WORDS.contains(&word) { "null" } else { word });
        let separators = next.find(is_word).unwrap_or(next.len());
        let (between, next) = next.split_at_checked(separators).unwrap_or((next, ""));
        text.push_str(between);
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_are_null() {
        for (line, expected) in [
            ("{\"length\":NaN,\"x\": Infinity ,\"y\":[-Infinity]}", "{\"length\":null,\"x\": null ,\"y\":[null]}"),
            ("{\"song\":\"NaN, \\\"Infinity\",\"x\":NaN}", "{\"song\":\"NaN, \\\"Infinity\",\"x\":null}"),
            ("{\"x\":NaN1,\"NaN\":1}", "{\"x\":NaN1,\"NaN\":1}"),
            ("{\"x\":1}", "{\"x\":1}"),
            ("NaN", "null"),
        ] {
            assert_eq!(as_null(line.as_bytes()), expected);
        }
    }
}
