//! The quarantine, for people to read: the rejected lines of a chunk are in
//! `quarantine/<object>/<sequencer>/chunk-N.jsonl.gz` (many lines continue in `chunk-N.1.jsonl.gz` and so on). The
//! reason why an object was dead-lettered is in `object.json` beside them.

use crate::delivery::Delivery;
use churn_common::event::Rejection;
use churn_common::store::StoreError;
use churn_common::store::ledger::Entry;
use churn_common::store::objects::{Bucket, Condition};
use flate2::Compression;
use flate2::write::GzEncoder;
use regex_lite::Regex;
use serde::Serialize;
use std::io::Write;
use std::sync::LazyLock;

/// Most bytes of a line that are kept.
const MAX_TEXT_BYTES: usize = 4096;
/// Compressed size at which a file is written, in bytes.
const FILE_BYTES: usize = 8 << 20;

/// Writes the reason why an object is dead-lettered.
pub async fn put_object(bucket: &Bucket, delivery: &Delivery, entry: &Entry, reason: &str) -> Result<(), StoreError> {
    let key = format!("{}object.json", delivery.version_prefix("quarantine"));
    let details = serde_json::json!({
        "source": entry.source, "version": entry.version, "reason": reason, "attempts": entry.attempts,
        "next_chunk": entry.next_chunk, "counts": entry.counts,
    });
    bucket.put(&key, details.to_string().into_bytes(), "application/json", Condition::Always).await.map(drop)
}

/// The rejected lines of one chunk of an object.
#[derive(Debug)]
pub struct Quarantine<'a> {
    bucket: &'a Bucket,
    hide_ids: bool,
    source: String,
    /// The common start of the files' keys.
    prefix: String,
    /// Files written so far.
    files: u32,
    /// The file that is being filled.
    open: Option<GzEncoder<Vec<u8>>>,
}

#[derive(Serialize)]
struct RejectedLine<'a> {
    source: &'a str,
    line: u64,
    offset: u64,
    reason: &'a str,
    message: String,
    text: String,
}

impl<'a> Quarantine<'a> {
    /// For chunk number `chunk` of the object of `delivery`; with `hide_ids`, without user ids.
    pub fn new(bucket: &'a Bucket, delivery: &Delivery, chunk: u32, hide_ids: bool) -> Self {
        let prefix = format!("{}chunk-{chunk:05}", delivery.version_prefix("quarantine"));
        Self { bucket, hide_ids, source: delivery.source(), prefix, files: 0, open: None }
    }

    /// Adds line number `line` of the log, which starts at byte `offset`, and the reason of its rejection.
    pub async fn add(&mut self, line: u64, offset: u64, rejection: &Rejection, text: &[u8]) -> Result<(), StoreError> {
        let corrupt = |e| StoreError::corrupt("PutObject", &self.prefix, e);
        let rejected = RejectedLine {
            source: &self.source,
            line,
            offset,
            reason: &rejection.code(),
            message: rejection.to_string(),
            text: redacted(text, self.hide_ids).map_err(|e| corrupt(e.to_string()))?,
        };
        let mut json = serde_json::to_vec(&rejected).map_err(|e| corrupt(e.to_string()))?;
        json.push(b'\n');
        let file = self.open.get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::default()));
        file.write_all(&json).map_err(|e| corrupt(e.to_string()))?;
        if file.get_ref().len() >= FILE_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Writes the remaining lines.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(file) = self.open.take() else { return Ok(()) };
        let key = match self.files {
            0 => format!("{}.jsonl.gz", self.prefix),
            n => format!("{}.{n}.jsonl.gz", self.prefix),
        };
        let bytes = file.finish().map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
        self.bucket.put(&key, bytes, "application/gzip", Condition::Always).await?;
        self.files += 1;
        Ok(())
    }
}

/// The line as text, cut at [`MAX_TEXT_BYTES`], without personal data. With `hide_ids`, the user id is removed too.
fn redacted(line: &[u8], hide_ids: bool) -> Result<String, regex_lite::Error> {
    let text = String::from_utf8_lossy(line.get(..MAX_TEXT_BYTES).unwrap_or(line));
    match &**if hide_ids { &PERSONAL_AND_ID } else { &PERSONAL } {
        Ok(personal) => Ok(personal.replace_all(&text, r#"$1"""#).into_owned()),
        Err(e) => Err(e.clone()),
    }
}

static PERSONAL: LazyLock<Result<Regex, regex_lite::Error>> = LazyLock::new(|| values_of(PERSONAL_FIELDS));
/// The same, and the user id, which is personal data where pseudonyms are stored.
static PERSONAL_AND_ID: LazyLock<Result<Regex, regex_lite::Error>> =
    LazyLock::new(|| values_of(&format!("{PERSONAL_FIELDS}|user_?id")));
/// Fields about a person that no feature needs.
const PERSONAL_FIELDS: &str = "first_?name|last_?name|location|user_?agent";

/// Matches `fields` and their values in any text, such as invalid JSON or JSON within JSON. A value is one of: quoted
/// text up to its closing quote, or to the end of the text; a list or an object and everything after it; anything else
/// up to the next comma or bracket.
fn values_of(fields: &str) -> Result<Regex, regex_lite::Error> {
    let field = format!(r#"(\\*["']?(?:{fields})\\*["']?\s*[:=]\s*)"#);
    let value = r#"(?:\\+".*?(?:\\+"|$)|"(?:[^"\\]|\\.)*(?:"|\\?$)|'[^']*(?:'|$)|[\[{].*$|[^\s,}\]"'\\\[{]+)"#;
    Regex::new(&format!("(?is){field}{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_redacted() {
        let redacted = |line: &[u8]| redacted(line, false).unwrap();
        let person = r#"{"ts":-1,"firstName":"Ada \"A\"","lastName" : "L","location":"London, UK","userAgent":"","page":"Home"}"#;
        let clean = r#"{"ts":-1,"firstName":"","lastName" : "","location":"","userAgent":"","page":"Home"}"#;
        assert_eq!(redacted(person.as_bytes()), clean);
        assert_eq!(redacted(format!("[{person}]").as_bytes()), format!("[{clean}]"));
        for cut in 0..person.len() {
            let kept = redacted(&person.as_bytes()[..cut]);
            assert!(["Ad", "\"L", "Lon"].iter().all(|name| !kept.contains(name)), "{kept}");
        }
        assert_eq!(redacted(b"\"location\":\"M\xfcnchen\",NaN"), "\"location\":\"\",NaN");
        let wrapped = serde_json::json!({"log": r#"{"ts":1,"firstName":"Ada","location":"London, UK"}"#}).to_string();
        assert_eq!(redacted(wrapped.as_bytes()), r#"{"log":"{\"ts\":1,\"firstName\":"",\"location\":""}"}"#);
        assert_eq!(redacted(b"{'first_name': 'Ada', 'page': 'Home'}"), r#"{'first_name': "", 'page': 'Home'}"#);
        assert_eq!(redacted(br#"{"page":"Home","location":{"city":"London"}}"#), r#"{"page":"Home","location":"""#);
        assert_eq!(redacted(br#"{"LASTNAME":Lovelace,"page":1}"#), r#"{"LASTNAME":"","page":1}"#);
        assert_eq!(redacted(b"junk \xff"), "junk \u{fffd}");
        assert_eq!(redacted(&[b'x'; 10_000]).len(), MAX_TEXT_BYTES);
    }

    #[test]
    fn user_ids_are_redacted_where_pseudonyms_are_stored() {
        let redacted = |line: &str, hide_ids| redacted(line.as_bytes(), hide_ids).unwrap();
        let line = r#"{"ts":-1,"userId":"30 \"x\"","firstName":"Ada","sessionId":29}"#;
        assert_eq!(redacted(line, false), r#"{"ts":-1,"userId":"30 \"x\"","firstName":"","sessionId":29}"#);
        assert_eq!(redacted(line, true), r#"{"ts":-1,"userId":"","firstName":"","sessionId":29}"#);
        assert_eq!(redacted(r#"{"userId":3077,"ts":-1}"#, true), r#"{"userId":"","ts":-1}"#);
        assert_eq!(redacted("user_id=3077,ts=-1", true), r#"user_id="",ts=-1"#);
        for cut in 0..line.len() {
            assert!(!redacted(&line[..cut], true).contains("30"), "{}", &line[..cut]);
        }
    }
}
