//! What is not ingested, kept where people can read it: rejected lines as `quarantine/<object>/<sequencer>/part-N.jsonl.gz`,
//! with N the part of the log (and `part-N.1.jsonl.gz` and so on where one file would be large), and why an object was set
//! aside as `object.json` beside them.

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
const KEPT_BYTES: usize = 4096;
/// Compressed bytes that are gathered before they are written.
const FILE_BYTES: usize = 8 << 20;
/// Fields of a person that no feature needs, and their values, in text that need not be JSON, or is JSON within JSON:
/// quoted text to its closing quote (or to the end, where there is none), a list or an object and all behind it, anything
/// else to the next comma or bracket.
static PERSONAL: LazyLock<Result<Regex, regex_lite::Error>> = LazyLock::new(|| values_of(PERSONAL_FIELDS));
/// The same, and the user's id, where the stores have pseudonyms only.
static PERSONAL_AND_ID: LazyLock<Result<Regex, regex_lite::Error>> =
    LazyLock::new(|| values_of(&format!("{PERSONAL_FIELDS}|user_?id")));
const PERSONAL_FIELDS: &str = "first_?name|last_?name|location|user_?agent";

fn values_of(fields: &str) -> Result<Regex, regex_lite::Error> {
    let field = format!(r#"(\\*["']?(?:{fields})\\*["']?\s*[:=]\s*)"#);
    let value = r#"(?:\\+".*?(?:\\+"|$)|"(?:[^"\\]|\\.)*(?:"|\\?$)|'[^']*(?:'|$)|[\[{].*$|[^\s,}\]"'\\\[{]+)"#;
    Regex::new(&format!("(?is){field}{value}"))
}

/// The rejected lines of one part of an object.
#[derive(Debug)]
pub struct Quarantine<'a> {
    bucket: &'a Bucket,
    hide_ids: bool,
    source: String,
    /// All but the end of the files' names.
    name: String,
    files: u32,
    open: Option<GzEncoder<Vec<u8>>>,
}

#[derive(Serialize)]
struct Rejected<'a> {
    source: &'a str,
    line: u64,
    offset: u64,
    reason: &'a str,
    message: String,
    text: String,
}

/// Tells why an object is not tried any more.
pub async fn put_object(bucket: &Bucket, delivery: &Delivery, entry: &Entry, why: &str) -> Result<(), StoreError> {
    let key = format!("{}object.json", delivery.folder("quarantine"));
    let told = serde_json::json!({
        "source": entry.source, "version": entry.version, "reason": why, "attempts": entry.attempts, "next": entry.next,
        "counts": entry.counts,
    });
    bucket.put(&key, told.to_string().into_bytes(), "application/json", Condition::Always).await.map(drop)
}

impl<'a> Quarantine<'a> {
    /// For the lines of part `part` of the object of `delivery`; with `hide_ids`, without the ids of users.
    pub fn new(bucket: &'a Bucket, delivery: &Delivery, part: u32, hide_ids: bool) -> Self {
        let name = format!("{}part-{part:05}", delivery.folder("quarantine"));
        Self { bucket, hide_ids, source: delivery.source(), name, files: 0, open: None }
    }

    /// Keeps a line: its number, its place in bytes, why it was rejected and its text.
    pub async fn add(&mut self, line: (u64, u64), why: &Rejection, text: &[u8]) -> Result<(), StoreError> {
        let rejected = Rejected {
            source: &self.source,
            line: line.0,
            offset: line.1,
            reason: &why.code(),
            message: why.to_string(),
            text: redacted(text, self.hide_ids).map_err(|e| StoreError::corrupt("PutObject", &self.name, e))?,
        };
        let encoder = self.open.get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::default()));
        let written = serde_json::to_vec(&rejected).map_err(std::io::Error::from).and_then(|mut json| {
            json.push(b'\n');
            encoder.write_all(&json)
        });
        let full = encoder.get_ref().len() >= FILE_BYTES;
        written.map_err(|e| StoreError::corrupt("PutObject", &self.name, e))?;
        if full { self.flush().await } else { Ok(()) }
    }

    /// Writes what is left.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(encoder) = self.open.take() else { return Ok(()) };
        let key = match self.files {
            0 => format!("{}.jsonl.gz", self.name),
            more => format!("{}.{more}.jsonl.gz", self.name),
        };
        let bytes = encoder.finish().map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
        self.bucket.put(&key, bytes, "application/gzip", Condition::Always).await?;
        self.files += 1;
        Ok(())
    }
}

/// The line as text, cut at a bound, without what it tells of a person; with `hide_ids`, without the user's id too.
fn redacted(line: &[u8], hide_ids: bool) -> Result<String, regex_lite::Error> {
    let text = String::from_utf8_lossy(line.get(..KEPT_BYTES).unwrap_or(line));
    match &**if hide_ids { &PERSONAL_AND_ID } else { &PERSONAL } {
        Ok(personal) => Ok(personal.replace_all(&text, r#"$1"""#).into_owned()),
        Err(e) => Err(e.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_do_not_reach_quarantine() {
        let redacted = |line: &[u8]| redacted(line, false).unwrap();
        let person = r#"{"ts":-1,"firstName":"Ada \"A\"","lastName" : "L","location":"London, UK","userAgent":"","page":"Home"}"#;
        let clean = r#"{"ts":-1,"firstName":"","lastName" : "","location":"","userAgent":"","page":"Home"}"#;
        assert_eq!(redacted(person.as_bytes()), clean);
        assert_eq!(redacted(format!("[{person}]").as_bytes()), format!("[{clean}]"));
        for cut in 0..person.len() {
            let kept = redacted(&person.as_bytes()[..cut]);
            assert!(["Ad", "\"L", "Lon"].iter().all(|told| !kept.contains(told)), "{kept}");
        }
        assert_eq!(redacted(b"\"location\":\"M\xfcnchen\",NaN"), "\"location\":\"\",NaN");
        let wrapped = serde_json::json!({"log": r#"{"ts":1,"firstName":"Ada","location":"London, UK"}"#}).to_string();
        assert_eq!(redacted(wrapped.as_bytes()), r#"{"log":"{\"ts\":1,\"firstName\":"",\"location\":""}"}"#);
        assert_eq!(redacted(b"{'first_name': 'Ada', 'page': 'Home'}"), r#"{'first_name': "", 'page': 'Home'}"#);
        assert_eq!(redacted(br#"{"page":"Home","location":{"city":"London"}}"#), r#"{"page":"Home","location":"""#);
        assert_eq!(redacted(br#"{"LASTNAME":Lovelace,"page":1}"#), r#"{"LASTNAME":"","page":1}"#);
        assert_eq!(redacted(b"junk \xff"), "junk \u{fffd}");
        assert_eq!(redacted(&[b'x'; 10_000]).len(), KEPT_BYTES);
    }

    #[test]
    fn ids_do_not_reach_quarantine_where_pseudonyms_are_stored() {
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
