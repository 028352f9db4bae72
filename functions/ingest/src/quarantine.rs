//! Rejected lines, kept where people can read them: `quarantine/<source>/part-N.jsonl.gz`.

use churn_common::event::Rejection;
use churn_common::ids::SourceId;
use churn_common::store::StoreError;
use churn_common::store::objects::{Bucket, Condition};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;
use std::io::Write;

/// Most bytes of a line that are kept.
const KEPT_BYTES: usize = 4096;
/// Compressed bytes that are gathered before they are written.
const PART_BYTES: usize = 8 << 20;
/// Fields of a person that no feature needs.
const PERSONAL: [&str; 4] = ["firstName", "lastName", "location", "userAgent"];

/// The rejected lines of one object.
#[derive(Debug)]
pub struct Quarantine<'a> {
    bucket: &'a Bucket,
    source: String,
    folder: String,
    parts: u32,
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

impl<'a> Quarantine<'a> {
    /// For the lines of `source`.
    pub fn new(bucket: &'a Bucket, source: String, id: &SourceId) -> Self {
        Self { bucket, source, folder: folder(id), parts: 0, open: None }
    }

    /// Keeps a line: its number, its place in bytes, why it was rejected and its text.
    pub async fn add(&mut self, line: (u64, u64), why: &Rejection, text: &[u8]) -> Result<(), StoreError> {
        let rejected = Rejected {
            source: &self.source,
            line: line.0,
            offset: line.1,
            reason: &why.code(),
            message: why.to_string(),
            text: redacted(text),
        };
        let encoder = self.open.get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::default()));
        let written = serde_json::to_vec(&rejected).map_err(std::io::Error::from).and_then(|mut json| {
            json.push(b'\n');
            encoder.write_all(&json)
        });
        let full = encoder.get_ref().len() >= PART_BYTES;
        written.map_err(|e| StoreError::unreadable("PutObject", &self.folder, e))?;
        if full { self.flush().await } else { Ok(()) }
    }

    /// Writes what is left and returns the folder, `None` if nothing was rejected.
    pub async fn finish(mut self) -> Result<Option<String>, StoreError> {
        self.flush().await?;
        Ok((self.parts > 0).then(|| format!("s3://{}/{}", self.bucket.name(), self.folder)))
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(encoder) = self.open.take() else { return Ok(()) };
        let key = format!("{}part-{:05}.jsonl.gz", self.folder, self.parts);
        let bytes = encoder.finish().map_err(|e| StoreError::unreadable("PutObject", &key, e))?;
        self.bucket.put(&key, bytes, "application/gzip", Condition::Always).await?;
        self.parts += 1;
        Ok(())
    }
}

/// Where the rejected lines of a source are.
pub fn folder(id: &SourceId) -> String {
    format!("quarantine/{id}/")
}

/// The line as text, cut at a bound, without what it tells of a person, where it is JSON that can be told apart.
fn redacted(line: &[u8]) -> String {
    if let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(line) {
        for field in PERSONAL {
            fields.remove(field);
        }
        return cut(&Value::Object(fields).to_string());
    }
    cut(&String::from_utf8_lossy(line.get(..KEPT_BYTES).unwrap_or(line)))
}

fn cut(text: &str) -> String {
    text.chars().take(KEPT_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_do_not_reach_quarantine() {
        let line = br#"{"ts":-1,"firstName":"Ada","lastName":"L","location":"London","userAgent":"x","page":"Home"}"#;
        assert_eq!(redacted(line), r#"{"page":"Home","ts":-1}"#);
        assert_eq!(redacted(b"junk \xff"), "junk \u{fffd}");
        assert_eq!(redacted(&[b'x'; 10_000]).len(), KEPT_BYTES);
    }
}
