//! One event as a line of JSON, with the field order and types of the real log. Written without serde because it is the hot
//! path.

use std::io::Write as _;

use super::catalogue::Song;
use super::page::Event;
use super::profile::Profile;

/// Appends the line of an event, including the newline. `user` is the user id in the log.
pub fn write_line(line: &mut Vec<u8>, event: &Event, user: u32, session: u32, profile: &Profile, song: Option<&Song>) {
    let (page, method, status) = event.page.wire();
    let known = event.auth.is_known();
    field(line, "{\"ts\":", event.ts);
    line.extend_from_slice(b",\"userId\":\"");
    if known {
        field(line, "", user);
    }
    field(line, "\",\"sessionId\":", session);
    text(line, "page", page);
    text(line, "auth", event.auth.name());
    text(line, "method", method);
    field(line, ",\"status\":", status);
    text(line, "level", event.level.name());
    field(line, ",\"itemInSession\":", event.item);
    if known {
        text(line, "location", profile.location);
        text(line, "userAgent", profile.agent);
        text(line, "lastName", profile.last_name);
        text(line, "firstName", profile.first_name);
        field(line, ",\"registration\":", profile.registration);
        text(line, "gender", profile.gender.name());
    }
    if let Some(song) = song {
        text(line, "artist", &song.artist);
        text(line, "song", &song.title);
        line.extend_from_slice(b",\"length\":");
        push_e5(line, song.length_e5);
    }
    line.extend_from_slice(b"}\n");
}

/// Appends `before`, which must not need escapes, and a number.
fn field(line: &mut Vec<u8>, before: &str, value: impl std::fmt::Display) {
    line.extend_from_slice(before.as_bytes());
    let _infallible = write!(line, "{value}"); // writing to a Vec cannot fail
}

/// Appends `,"name":"value"`, with `value` escaped.
fn text(line: &mut Vec<u8>, name: &str, value: &str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":\"");
    push_escaped(line, value);
    line.push(b'"');
}

/// Appends the content of a JSON string. Escapes quotes, backslashes and control characters.
fn push_escaped(line: &mut Vec<u8>, value: &str) {
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\') {
        let (plain, special) = rest.split_at(at);
        line.extend_from_slice(plain);
        if let Some((&byte, after)) = special.split_first() {
            if byte < 0x20 {
                let _infallible = write!(line, "\\u{byte:04x}");
            } else {
                line.extend_from_slice(&[b'\\', byte]);
            }
            rest = after;
        }
    }
    line.extend_from_slice(rest);
}

/// Appends `value`·10⁻⁵ as a decimal with at least one digit after the point and no further trailing zeros.
fn push_e5(line: &mut Vec<u8>, value: u32) {
    let _infallible = write!(line, "{}.{:05}", value / 100_000, value % 100_000);
    while line.ends_with(b"0") && !line.ends_with(b".0") {
        line.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_json_reads_escaped_text_back() {
        for value in ["", "plain", "\"quoted \\\"twice\\\"\"", "tab\tnew\nline\u{1}", "BeyoncÃ©", "\\", "\u{7f}"] {
            let mut line = b"\"".to_vec();
            push_escaped(&mut line, value);
            line.push(b'"');
            assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), value);
        }
    }

    #[test]
    fn lengths_have_one_to_five_decimals() {
        let shown = |value| {
            let mut line = Vec::new();
            push_e5(&mut line, value);
            String::from_utf8(line).unwrap()
        };
        assert_eq!([21_584_934, 39_860_200, 10_000_000, 5].map(shown), ["215.84934", "398.602", "100.0", "0.00005"]);
    }
}
