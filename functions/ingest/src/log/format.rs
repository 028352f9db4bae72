//! Detects the format of a log by its first bytes and lines, once per object.

use super::lines::Layout;
use super::members::is_compressed;
use super::values::{ValueScanner, is_separator, values};

/// First bytes of the decompressed log that are examined.
pub const HEAD_BYTES: usize = 64 << 10;

/// A format that is not read, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name}; {remedy}")]
pub struct UnsupportedFormat {
    name: &'static str,
    remedy: &'static str,
}

const UNPACK: &str = "unpack it and upload the files in it";
const RECOMPRESS: &str = "upload it uncompressed, or compressed with gzip or Zstandard";
const EXPORT: &str = "export it as newline-delimited JSON";
const CONVERT: &str = "convert it to UTF-8";

const TWICE: UnsupportedFormat =
    UnsupportedFormat { name: "a file that is compressed twice", remedy: "compress it once" };
const TAR: UnsupportedFormat = UnsupportedFormat { name: "a tar archive", remedy: UNPACK };
/// Where a tar header has its signature.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

/// Signatures at the start of a file, with the name of the format and what to do.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"PK\x07\x08", "a zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (b"!<arch>\n", "an ar archive", UNPACK),
    (b"MSCF\0\0\0\0", "a cabinet archive", UNPACK),
    (b"070701", "a cpio archive", UNPACK),
    (b"070707", "a cpio archive", UNPACK),
    (b"BZh", "a file compressed with bzip2", RECOMPRESS),
    (b"\xfd7zXZ\0", "a file compressed with xz", RECOMPRESS),
    (b"]\0\0", "a file compressed with lzma", RECOMPRESS),
    (b"LZIP", "a file compressed with lzip", RECOMPRESS),
    (b"\x04\x22\x4d\x18", "a file compressed with lz4", RECOMPRESS),
    (b"\x02\x21\x4c\x18", "a file compressed with lz4", RECOMPRESS),
    (b"\xff\x06\0\0sNaPpY", "a file compressed with snappy", RECOMPRESS),
    (b"\x82SNAPPY\0", "a file compressed with snappy", RECOMPRESS),
    (b"\x89LZO\0", "a file compressed with lzop", RECOMPRESS),
    (b"\x1f\x9d", "a file compressed with compress", RECOMPRESS),
    (b"\x1f\xa0", "a file compressed with compress", RECOMPRESS),
    (b"\x1f\x1e", "a file compressed with pack", RECOMPRESS),
    (b"\x78\x01", "a zlib stream", RECOMPRESS),
    (b"\x78\x5e", "a zlib stream", RECOMPRESS),
    (b"\x78\x9c", "a zlib stream", RECOMPRESS),
    (b"\x78\xda", "a zlib stream", RECOMPRESS),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"PARE", "an encrypted Parquet file", EXPORT),
    (b"ORC", "an ORC file", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"FEA1", "a Feather file", EXPORT),
    (b"\xff\xff\xff\xff", "an Arrow stream", EXPORT),
    (b"SEQ\x06", "a Hadoop sequence file", EXPORT),
    (b"RCF\x01", "an RCFile", EXPORT),
    (b"SQLite format 3\0", "a SQLite database", EXPORT),
    (b"\x89HDF\r\n", "an HDF5 file", EXPORT),
    (b"\xd0\xcf\x11\xe0", "a Microsoft Office file", EXPORT),
    (b"%PDF", "a PDF file", EXPORT),
    (b"\xff\xfe\0\0", "UTF-32 text", CONVERT),
    (b"\0\0\xfe\xff", "UTF-32 text", CONVERT),
    (b"\xff\xfe", "UTF-16 text", CONVERT),
    (b"\xfe\xff", "UTF-16 text", CONVERT),
    (b"+/v8-", "UTF-7 text", CONVERT),
];

/// Detects the layout of a log by `head`, its first [`HEAD_BYTES`], or all of it if it is shorter.
pub fn detect(head: &[u8]) -> Result<Layout, UnsupportedFormat> {
    if is_compressed(head) {
        return Err(TWICE);
    }
    if let Some((_, name, remedy)) = SIGNATURES.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(UnsupportedFormat { name, remedy });
    }
    if head.get(TAR_MAGIC.0..).is_some_and(|rest| rest.starts_with(TAR_MAGIC.1)) {
        return Err(TAR);
    }
    if let Some(name) = wide_encoding(head) {
        return Err(UnsupportedFormat { name, remedy: CONVERT });
    }
    // Zero bytes: log rotation by copying leaves them where the file was truncated while it was written.
    let is_blank = |byte: &u8| is_separator(*byte) && !matches!(byte, b'[' | b',');
    let start = head.iter().position(|byte| !is_blank(byte)).unwrap_or(head.len());
    let (blank, text) = head.split_at_checked(start).unwrap_or_default();
    match text {
        [] => Ok(Layout::Lines),
        [b'[' | b'{', ..] if is_python(text) => {
            Err(UnsupportedFormat { name: "text of Python objects", remedy: "write it with json.dumps" })
        }
        [b'[', ..] if is_array(text) => Ok(Layout::Values),
        [b'{', ..] if is_wrapped(text) => Err(UnsupportedFormat {
            name: "one JSON object with a list of events in it",
            remedy: "upload the list, or newline-delimited JSON",
        }),
        [b'{', ..] if blank.contains(&0x1e) => Ok(Layout::Values),
        [b'{', ..] => Ok(object_layout(text)),
        _ => other_text(text),
    }
}

/// The encoding of text without a byte order mark whose ASCII characters have two or four bytes each.
fn wide_encoding(head: &[u8]) -> Option<&'static str> {
    let zeros: Vec<bool> = head.iter().take(64).map(|byte| *byte == 0).collect();
    let repeats = |pattern: &[bool]| {
        zeros.len() >= 2 * pattern.len() && zeros.chunks_exact(pattern.len()).all(|unit| unit == pattern)
    };
    if repeats(&[false, true, true, true]) || repeats(&[true, true, true, false]) {
        return Some("UTF-32 text");
    }
    (repeats(&[false, true]) || repeats(&[true, false])).then_some("UTF-16 text")
}

/// Whether `text`, which starts with a bracket, is an array of objects, of arrays or empty, rather than other text, such
/// as `[INFO]`.
fn is_array(text: &[u8]) -> bool {
    matches!(
        text.get(1..).and_then(first_byte),
        None | Some(b'{' | b'[' | b']' | b'"' | b'0'..=b'9' | b'-' | b'n' | b't' | b'f')
    )
}

/// Whether the first object has Python's quotes.
fn is_python(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
    let key = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).unwrap_or_default();
    key.starts_with(b"'") || key.starts_with(b"u'")
}

/// Whether the log is one object, whose first member is a list of objects.
fn is_wrapped(text: &[u8]) -> bool {
    let member = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b"\""));
    let value = member.and_then(|member| {
        let end = memchr::memchr(b'"', member)?;
        member.get(end + 1..)?.trim_ascii_start().strip_prefix(b":")
    });
    let list = value.map(<[u8]>::trim_ascii_start).and_then(|value| value.strip_prefix(b"["));
    list.and_then(first_byte) == Some(b'{') && values(text).nth(1).is_none()
}

/// The layout of a log that starts with an object.
fn object_layout(text: &[u8]) -> Layout {
    let Some(end) = ValueScanner::default().end(text) else {
        // The object is longer than the head. A line feed in it is the format of a person's eye, not of a log's line.
        return if memchr::memchr(b'\n', text).is_some() { Layout::Values } else { Layout::Lines };
    };
    let (object, rest) = text.split_at_checked(end).unwrap_or_default();
    let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    let has_neighbour = next.is_some_and(|byte| *byte == b'{' || *byte != b'\n' && is_separator(*byte));
    match object.ends_with(b"}") && (has_neighbour || object.contains(&b'\n')) {
        true => Layout::Values,
        false => Layout::Lines,
    }
}

/// The layout of text that does not start like JSON: lines, if one of them is an object, such as after a truncated line.
fn other_text(text: &[u8]) -> Result<Layout, UnsupportedFormat> {
    let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let starts_object = |line: &[u8]| {
        let key = line.strip_prefix(b"{").and_then(first_byte);
        matches!(key, Some(b'"' | b'}'))
    };
    if lines().any(starts_object) {
        return Ok(Layout::Lines);
    }
    if text.iter().take(1024).any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31)) {
        return Err(UnsupportedFormat { name: "a binary file", remedy: EXPORT });
    }
    if text.starts_with(b"<") {
        return Err(UnsupportedFormat { name: "an XML or HTML file", remedy: EXPORT });
    }
    if lines().next().is_some_and(is_row) && lines().take(2).all(is_row) {
        return Err(UnsupportedFormat { name: "a CSV file", remedy: EXPORT });
    }
    Err(UnsupportedFormat { name: "text that is not JSON", remedy: EXPORT })
}

/// Whether a line has at least three cells.
fn is_row(line: &[u8]) -> bool {
    [b',', b';', b'\t', b'|', 1].iter().any(|delimiter| line.iter().filter(|byte| *byte == delimiter).count() >= 2)
}

/// The first byte that is not white space.
fn first_byte(text: &[u8]) -> Option<u8> {
    text.trim_ascii_start().first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(head: &str) -> Layout {
        detect(head.as_bytes()).unwrap()
    }

    fn message(head: impl AsRef<[u8]>) -> String {
        detect(head.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn objects_on_lines_are_lines() {
        for head in [
            "",
            "\n\n",
            "{\"ts\":1}",
            "{\"ts\":1}\n{\"ts\":2}{\"ts\":3}\n",
            "\u{feff}{\"ts\":1,\"a\":[{}]}\r\n{\"ts\":2}\r\n",
            "\0\0\0{\"ts\":1}\n{\"ts\":2}\n",
            "{\"ts\":1,\"us\n{\"ts\":2}\n",
            "\"userId\":\"30\"}\n{\"ts\":2}\n",
            "# exported by x\n\n {\"ts\":2}\n",
            "{\"ts\":1} trailing\n{\"ts\":2}\n",
            "{\"tags\":[{\"a\":1}],\"ts\":1}\n{\"tags\":[{\"a\":1}],\"ts\":1}\n",
        ] {
            assert_eq!(layout(head), Layout::Lines, "{head}");
        }
        let long = format!("{{\"ts\":1,\"x\":\"{}", "x".repeat(HEAD_BYTES));
        assert_eq!(layout(&long), Layout::Lines);
    }

    #[test]
    fn arrays_and_objects_without_line_feeds_are_values() {
        for head in [
            "[{\"ts\":1},{\"ts\":2}]",
            "[]",
            "[\n{\"ts\":1},\n{\"ts\":2}\n]\n",
            "\u{feff} \n[ {\n  \"ts\": 1\n  }\n]",
            "{\"ts\":1}{\"ts\":2}",
            "{\"ts\":1} {\"ts\":2}",
            "{\"ts\":1},\n{\"ts\":2},\n",
            "{\n  \"ts\": 1\n}\n{\n  \"ts\": 2\n}\n",
            "{\n  \"ts\": 1,\n  \"a\": [\n",
            "{\"ts\":1}\u{feff}{\"ts\":2}",
            "\u{1e}{\"ts\":1}\n\u{1e}{\"ts\":2}\n",
            "[{\"ts\":1}]\n[{\"ts\":2}]\n",
        ] {
            assert_eq!(layout(head), Layout::Values, "{head}");
        }
    }

    #[test]
    fn other_formats_are_named() {
        assert_eq!(message("PK\x03\x04\x14\0"), "a zip archive; unpack it and upload the files in it");
        let mut tar = vec![0; 512];
        tar[..8].copy_from_slice(b"log.json");
        tar[257..262].copy_from_slice(b"ustar");
        assert!(message(tar).starts_with("a tar archive"));
        assert!(message(b"\x1f\x8b\x08\0").contains("compressed twice"));
        assert!(message("PAR1\x15\x04").starts_with("a Parquet file; export it"));
        assert!(message("BZh91AY").contains("bzip2; upload it uncompressed"));
        let utf_16 = |unit: fn(u16) -> [u8; 2]| "{\"ts\":1}\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for text in [utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes)] {
            assert_eq!(message(&text), "UTF-16 text; convert it to UTF-8");
        }
        assert!(message(b"\xff\xfe{\0").starts_with("UTF-16"));
        let utf_32: Vec<u8> = "{\"ts\":1}\n".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        assert!(message(utf_32).starts_with("UTF-32"));
        for csv in ["ts,userId,page\n1,30,Home\n", "ts;userId;page", "1538352117000\t30\t\"Home, x\"\n1\t2\t3\n"] {
            assert!(message(csv).starts_with("a CSV file"), "{csv}");
        }
        assert!(message("{'ts': 1, 'userId': '30'}\n").starts_with("text of Python objects"));
        assert!(message("<?xml version=\"1.0\"?>").starts_with("an XML"));
        assert!(message("{\"events\": [{\"ts\":1},{\"ts\":2}]}\n").starts_with("one JSON object"));
        assert!(message("[INFO] started\n").starts_with("text that is not JSON"));
        assert!(message("d41d8cd98f00b204e9800998ecf8427e  log.json\n").starts_with("text that is not JSON"));
        assert!(message(b"\x80\x04\x95\x01\x02\x03\n").starts_with("a binary file"));
    }
}
