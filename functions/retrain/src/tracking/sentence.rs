//! What a server says in the response to a call that it rejects. MLflow sends JSON, its authentication sends plain text, and
//! proxies in front of it send JSON of their own or HTML.

use serde_json::Value;

/// Maximum length of a server's sentence in an error, in characters.
const MAX_CHARS: usize = 300;

/// Code and message of a server's response; empty if it has none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// MLflow's `error_code`.
    pub code: String,
    pub message: String,
}

impl Sentence {
    pub fn from_body(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(json) => Self::from_json(&json),
            Err(_) => Self { code: String::new(), message: from_text(&String::from_utf8_lossy(body)) },
        }
    }

    fn from_json(json: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => Some(on_one_line(text)).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let find =
            |pointers: &[&str]| pointers.iter().find_map(|at| json.pointer(at).and_then(text)).unwrap_or_default();
        let message = find(&[
            "/message",
            "/error/message",
            "/detail",
            "/detail/0/msg",
            "/error",
            "/error_description",
            "/title",
            "",
        ]);
        Self { code: find(&["/error_code", "/error/code"]), message }
    }
}

/// The title of an HTML page, or other text as it is.
fn from_text(text: &str) -> String {
    if !text.trim_start().starts_with('<') {
        return on_one_line(text);
    }
    let lower = text.to_ascii_lowercase();
    let title = lower.split_once("<title").and_then(|(before, rest)| {
        let start = before.len() + "<title".len() + rest.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title")?;
        text.get(start..end)
    });
    on_one_line(title.unwrap_or_default())
}

fn on_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_of_every_kind_of_server_is_found() {
        for (body, code, message) in [
            (r#"{"error_code":"BAD_REQUEST","message":"No  such\nrun"}"#, "BAD_REQUEST", "No such run"),
            (r#"{"error_code":403,"message":"Invalid access token."}"#, "403", "Invalid access token."),
            (r#"{"error_code":"INTERNAL_ERROR"}"#, "INTERNAL_ERROR", ""),
            (r#"{"message":"Forbidden"}"#, "", "Forbidden"),
            (r#"{"detail":"Not authenticated"}"#, "", "Not authenticated"),
            (r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#, "", "field required"),
            (
                r#"{"error":{"code":"AuthFailed","message":"The token has expired"}}"#,
                "AuthFailed",
                "The token has expired",
            ),
            (r#"{"error":"invalid_token","error_description":"expired"}"#, "", "invalid_token"),
            (r#""denied""#, "", "denied"),
            ("You are not authenticated.\r\nPlease log in.", "", "You are not authenticated. Please log in."),
            (
                "Invalid Host header - possible DNS rebinding attack",
                "",
                "Invalid Host header - possible DNS rebinding attack",
            ),
            ("<html><head><TITLE id=a>413 Too\nLarge</TITLE></head></html>", "", "413 Too Large"),
            ("\n<!doctype html><h1>Not Found</h1>", "", ""),
            ("<title", "", ""),
            ("{}", "", ""),
            ("", "", ""),
        ] {
            let expected = Sentence { code: code.into(), message: message.into() };
            assert_eq!(Sentence::from_body(body.as_bytes()), expected, "{body}");
        }
        let long = "x y".repeat(9000);
        assert_eq!(Sentence::from_body(long.as_bytes()).message.chars().count(), MAX_CHARS);
        assert_eq!(Sentence::from_body(b"\xffdenied").message, "\u{fffd}denied");
    }
}
