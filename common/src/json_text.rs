//! The text of JSON strings, read eight bytes at a time, on any processor.

const CHUNK: usize = 8;

/// Number of bytes before the first quote, backslash or control character, or [`CHUNK`].
fn plain(chunk: [u8; CHUNK]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(chunk);
    // Sets the high bit of bytes below `bound`. A borrow can also set it in higher bytes, but the lowest is correct.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGH;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quote | backslash | below(word, 0x20)).trailing_zeros() as usize / 8
}

/// Position of the first quote, backslash or control character.
pub(crate) fn special(text: &[u8]) -> Option<usize> {
    let (chunks, tail) = text.as_chunks();
    for (n, chunk) in chunks.iter().enumerate() {
        let plain = plain(*chunk);
        if plain < CHUNK {
            return Some(n * CHUNK + plain);
        }
    }
    let at = tail.iter().position(|b| matches!(b, b'"' | b'\\' | ..0x20))?;
    Some(chunks.len() * CHUNK + at)
}

/// The length of the JSON string at the start of `json`, with its quotes. `None` if it does not end. Escapes are not checked.
pub fn end_of_string(json: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += special(json.get(at..)?)?;
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The text of the JSON string at the start of `json`, and the bytes after the string. Several times as fast as `serde_json` if
/// there are many escapes, as in JSON that contains JSON.
///
/// `None` if the string is invalid or contains an escape of the form `\u0000`. `serde_json` must read it then.
pub fn unescape(json: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = json.strip_prefix(b"\"")?;
    let (mut text, mut length) = (vec![0; rest.len()], 0);
    loop {
        if let Some((chunk, after)) = rest.split_first_chunk() {
            // To copy the whole chunk and overwrite its end is faster than to copy a part.
            *text.get_mut(length..)?.first_chunk_mut()? = *chunk;
            let plain = plain(*chunk);
            length += plain;
            if plain == CHUNK {
                rest = after;
                continue;
            }
            rest = rest.get(plain..)?;
        }
        let (byte, after) = match rest {
            [b'"', after @ ..] => {
                text.truncate(length);
                return Some((String::from_utf8(text).ok()?, after));
            }
            [b'\\', escape, after @ ..] => (escaped(*escape)?, after),
            [byte, after @ ..] if *byte >= 0x20 && *byte != b'\\' => (*byte, after), // in the last bytes of `json`
            _ => return None,
        };
        *text.get_mut(length)? = byte;
        length += 1;
        rest = after;
    }
}

/// The character that an escape stands for.
fn escaped(escape: u8) -> Option<u8> {
    match escape {
        b'"' | b'\\' | b'/' => Some(escape),
        b'b' => Some(0x08),
        b'f' => Some(0x0C),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_is_that_of_serde_json(text in "([a-z\"\\\\/ \n\t\u{8}\u{c}\u{661}\u{1F600}]|[a-z]{9}){0,40}", after in "[\"a-z]{0,20}") {
            let quoted = serde_json::to_string(&text).unwrap();
            let json = format!("{quoted}{after}");
            prop_assert_eq!(unescape(json.as_bytes()), Some((text, after.as_bytes())));
        }

        #[test]
        fn bytes_that_are_accepted_are_those_of_serde_json(bytes in "\"[a-c\"\\\\nu0/\u{0}\u{1f}]{0,20}", cut in 0..8_usize) {
            let json = bytes.as_bytes();
            let json = &json[..json.len() - cut.min(json.len())];
            let expected = serde_json::Deserializer::from_slice(json).into_iter::<String>().next();
            let expected = expected.and_then(Result::ok);
            match unescape(json) {
                Some((text, rest)) => {
                    prop_assert_eq!(Some(text), expected);
                    prop_assert_eq!(json[json.len() - rest.len() - 1], b'"');
                }
                None => prop_assert!(expected.is_none() || bytes.contains("\\u")),
            }
        }
    }

    #[test]
    fn invalid_text_is_left_to_serde_json() {
        for json in [
            &b""[..],
            b"7",
            b"\"",
            b"\"a",
            b"\"\\",
            b"\"\\\"",
            b"\"\\x\"",
            b"\"\n\"",
            b"\"\xFF\"",
            b"\"12345678\n\"",
            br#""\u0061""#,
        ] {
            assert_eq!(unescape(json), None, "{json:?}");
        }
        assert_eq!(unescape(br#""""#), Some((String::new(), &b""[..])));
    }
}
