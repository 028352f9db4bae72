//! Removes personal data from rejected lines.

use regex_lite::Regex;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::sync::LazyLock;

/// Which fields are personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// Those about a person that no feature needs.
    Personal,
    /// These and the user id, where pseudonyms are stored.
    PersonalAndId,
}

/// The names of the fields, as [`normalized`] returns them.
const PERSONAL: [&str; 5] = ["firstname", "lastname", "location", "useragent", "offerid"];
const ID: &str = "userid";

impl Fields {
    fn contain(self, name: &str) -> bool {
        let name = normalized(name);
        PERSONAL.contains(&name.as_str()) || (self == Self::PersonalAndId && name == ID)
    }
}

/// Lower case, without underscores and other separators.
fn normalized(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Most bytes of a line that are kept.
const MAX_TEXT_BYTES: usize = 4096;

/// A line as text, cut at [`MAX_TEXT_BYTES`], without the values of `fields`. A JSON object keeps its other members, in their
/// order. Of another line, the fields are searched in the text; with [`Fields::PersonalAndId`] nothing is kept of it, since an id
/// may be anywhere.
///
/// # Errors
/// A regular expression is invalid: a defect.
pub fn redacted(line: &[u8], fields: Fields) -> Result<String, regex_lite::Error> {
    let is_object = line.trim_ascii_start().first() == Some(&b'{');
    let parsed =
        std::str::from_utf8(line).ok().filter(|_| is_object).and_then(|line| redacted_json(line, fields, true));
    match (parsed, fields) {
        (Some(mut parsed), _) => {
            parsed.truncate(parsed.floor_char_boundary(MAX_TEXT_BYTES));
            Ok(parsed)
        }
        (None, Fields::Personal) => {
            let start = line.get(..MAX_TEXT_BYTES).unwrap_or(line);
            search(&String::from_utf8_lossy(start), fields)
        }
        (None, Fields::PersonalAndId) => Ok(String::new()),
    }
}

/// JSON text without the values of `fields`; `None` if the text is no JSON. `opens_texts`: also in texts that contain JSON.
fn redacted_json(json: &str, fields: Fields, opens_texts: bool) -> Option<String> {
    let mut out = String::new();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Redact { out: &mut out, fields, opens_texts }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(out)
}

/// Writes the value that it deserializes.
struct Redact<'a> {
    out: &'a mut String,
    fields: Fields,
    opens_texts: bool,
}

impl Redact<'_> {
    fn reborrow(&mut self) -> Redact<'_> {
        Redact { out: &mut *self.out, fields: self.fields, opens_texts: self.opens_texts }
    }

    fn push(&mut self, value: impl serde::Serialize) -> serde_json::Result<()> {
        self.out.push_str(&serde_json::to_string(&value)?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Redact<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Redact<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.push(()).map_err(E::custom)
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.push(value).map_err(E::custom)
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.push(value).map_err(E::custom)
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.push(value).map_err(E::custom)
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.push(value).map_err(E::custom)
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        let may_be_json = self.opens_texts && text.trim_ascii_start().starts_with(['{', '[']);
        let inner = may_be_json.then(|| redacted_json(text, self.fields, false)).flatten();
        let text = inner.map_or_else(|| search(text, self.fields).map_err(E::custom), Ok)?;
        self.push(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<(), A::Error> {
        let mut separator = '[';
        loop {
            let length = self.out.len();
            self.out.push(separator);
            if values.next_element_seed(self.reborrow())?.is_none() {
                self.out.truncate(length);
                break;
            }
            separator = ',';
        }
        self.out.push_str(if separator == '[' { "[]" } else { "]" });
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut separator = '{';
        while let Some(name) = members.next_key::<String>()? {
            self.out.push(separator);
            separator = ',';
            self.push(&name).map_err(A::Error::custom)?;
            self.out.push(':');
            if self.fields.contain(&name) {
                members.next_value::<IgnoredAny>()?;
                self.out.push_str(r#""""#);
            } else {
                members.next_value_seed(self.reborrow())?;
            }
        }
        self.out.push_str(if separator == '{' { "{}" } else { "}" });
        Ok(())
    }
}

/// Any text without the values of `fields`, which are searched by their names.
fn search(text: &str, fields: Fields) -> Result<String, regex_lite::Error> {
    // A value follows one of these.
    if !text.contains([':', '=']) {
        return Ok(text.to_owned());
    }
    static PERSONAL: LazyLock<Result<Regex, regex_lite::Error>> = LazyLock::new(|| values_of(PERSONAL_NAMES));
    static PERSONAL_AND_ID: LazyLock<Result<Regex, regex_lite::Error>> =
        LazyLock::new(|| values_of(&format!("{PERSONAL_NAMES}|user_?id")));
    let values = match fields {
        Fields::Personal => &PERSONAL,
        Fields::PersonalAndId => &PERSONAL_AND_ID,
    };
    match &**values {
        Ok(values) => Ok(values.replace_all(&without_escapes(text), r#"$1"""#).into_owned()),
        Err(e) => Err(e.clone()),
    }
}

/// Names of [`PERSONAL`] fields in text.
const PERSONAL_NAMES: &str = "first_?name|last_?name|location|user_?agent|offer_?id";

/// Matches `fields` and their values in any text, such as invalid JSON or JSON within JSON. A value is one of: quoted
/// text up to its closing quote, or to the end of the text; a list or an object and everything after it; anything else
/// up to the next comma or bracket.
fn values_of(fields: &str) -> Result<Regex, regex_lite::Error> {
    let field = format!(r#"(\\*["']?(?:{fields})\\*["']?\s*[:=]\s*)"#);
    let value = r#"(?:\\+".*?(?:\\+"|$)|"(?:[^"\\]|\\.)*(?:"|\\?$)|'[^']*(?:'|$)|[\[{].*$|[^\s,}\]"'\\\[{]+)"#;
    Regex::new(&format!("(?is){field}{value}"))
}

/// The text with its JSON escapes of ASCII letters, digits and underscores replaced by these: a name may be written with them.
fn without_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        let (before, escape) = rest.split_at(at);
        let code = escape.get(2..6).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        match code.filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
            Some(c) => {
                out.push_str(before.trim_end_matches('\\'));
                out.push(c);
                rest = escape.get(6..).unwrap_or_default();
            }
            None => {
                out.push_str(before);
                out.push_str("\\u");
                rest = escape.get(2..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn personal(line: &[u8]) -> String {
        redacted(line, Fields::Personal).unwrap()
    }

    fn with_id(line: &str) -> String {
        redacted(line.as_bytes(), Fields::PersonalAndId).unwrap()
    }

    #[test]
    fn members_of_objects_are_redacted_in_place() {
        let line = r#"{"ts":-1,"firstName":"Ada \"A\"","lastName" : "L","location":"London, UK","userAgent":"","page":"Home"}"#;
        let clean = r#"{"ts":-1,"firstName":"","lastName":"","location":"","userAgent":"","page":"Home"}"#;
        assert_eq!(personal(line.as_bytes()), clean);
        assert_eq!(
            personal(br#"{"page":"Home","location":{"city":"London"},"n":1}"#),
            r#"{"page":"Home","location":"","n":1}"#
        );
        assert_eq!(
            personal(br#"{"a":[{"FIRST_NAME":["Ada"]},[],{},null,true,1.5]}"#),
            r#"{"a":[{"FIRST_NAME":""},[],{},null,true,1.5]}"#
        );
        let long = format!(r#"{{"xy":"{}","firstName":"Ada"}}"#, "é".repeat(10_000));
        assert_eq!(personal(long.as_bytes()).len(), MAX_TEXT_BYTES - 1, "no character is cut");
        let wrapped = json!({"log": r#"{"ts":1,"firstName":"Ada","location":"London, UK"}"#}).to_string();
        assert_eq!(personal(wrapped.as_bytes()), r#"{"log":"{\"ts\":1,\"firstName\":\"\",\"location\":\"\"}"}"#);
    }

    #[test]
    fn names_are_recognized_in_any_spelling() {
        for name in [r"user\u0049d", r"\u0075\u0073\u0065\u0072Id", "USER_ID", "user id", "user-id", r"userI\u0064"] {
            let line = format!(r#"{{"ts":-1,"{name}":"3077","x":"{{\"{name}\":3077}}"}}"#);
            assert!(!with_id(&line).contains("3077"), "{line}");
        }
        for name in [r"first\u004eame", r"\u0066irstName", "First-Name"] {
            let line = format!(r#"{{"{name}":"Ada","ts":-1}}"#);
            assert!(!personal(line.as_bytes()).contains("Ada"), "{line}");
        }
        // Also in a line that is no JSON.
        for name in [r"first\u004eame", r"first\u004EAME", r"\\u0066irstName"] {
            let line = format!(r#"{{"{name}":"Ada","ts":NaN,"#);
            assert!(!personal(line.as_bytes()).contains("Ada"), "{line}");
        }
    }

    #[test]
    fn fields_are_searched_in_other_lines() {
        let person = r#"{"ts":-1,"firstName":"Ada \"A\"","lastName" : "L","location":"London, UK","userAgent":"","page":"Home"}"#;
        let clean = r#"{"ts":-1,"firstName":"","lastName" : "","location":"","userAgent":"","page":"Home"}"#;
        assert_eq!(personal(format!("[{person}]").as_bytes()), format!("[{clean}]"));
        for cut in 0..person.len() {
            let kept = personal(&person.as_bytes()[..cut]);
            assert!(["Ad", "\"L", "Lon"].iter().all(|name| !kept.contains(name)), "{kept}");
        }
        assert_eq!(personal(b"\"location\":\"M\xfcnchen\",NaN"), "\"location\":\"\",NaN");
        assert_eq!(personal(b"{'first_name': 'Ada', 'page': 'Home'}"), r#"{'first_name': "", 'page': 'Home'}"#);
        assert_eq!(personal(br#"{"LASTNAME":Lovelace,"page":1}"#), r#"{"LASTNAME":"","page":1}"#);
        assert_eq!(personal(&[b'x'; 10_000]).len(), MAX_TEXT_BYTES);
        assert_eq!(personal(b"junk \xff \\u00e9 \\u"), "junk \u{fffd} \\u00e9 \\u");
    }

    #[test]
    fn with_pseudonyms_only_objects_are_kept() {
        let line = r#"{"ts":-1,"userId":"30 \"x\"","firstName":"Ada","sessionId":29}"#;
        assert_eq!(with_id(line), r#"{"ts":-1,"userId":"","firstName":"","sessionId":29}"#);
        assert_eq!(personal(line.as_bytes()), r#"{"ts":-1,"userId":"30 \"x\"","firstName":"","sessionId":29}"#);
        assert_eq!(with_id(r#"{"page":"userId=3077, ts=-1"}"#), r#"{"page":"userId=\"\", ts=-1"}"#);
        for cut in 0..line.len() {
            assert_eq!(with_id(&line[..cut]), "", "{}", &line[..cut]);
        }
        for line in
            ["user 3077", "3077", "\"3077\"", r#"["3077"]"#, r#"{"userId":3077} 1"#, r#"{"userId":3077,"ts":NaN}"#]
        {
            assert_eq!(with_id(line), "", "{line}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z{\"\\\\]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z\"\\\\]{0,5}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        /// Lines without personal data stay the same, and the secret is removed from any place.
        #[test]
        fn only_personal_members_change(members in proptest::collection::btree_map("[a-z\"\\\\]{0,5}", value(), 0..4)) {
            let mut object: Value = members.into_iter().collect::<serde_json::Map<_, _>>().into();
            let kept: Value = serde_json::from_str(&with_id(&object.to_string())).unwrap();
            prop_assert_eq!(&kept, &object);
            object["user_id"] = json!({"secret": "3077"});
            prop_assert!(!with_id(&object.to_string()).contains("secret"));
        }
    }
}
