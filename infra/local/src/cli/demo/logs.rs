//! The log files of a demo with their line counts, which are compared with the counts of `ingest`.

use super::super::sample;
use anyhow::{Context, bail};
use aws_sdk_s3::primitives::ByteStream;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Log {
    content: Content,
    /// S3 key of the upload.
    pub key: String,
    /// Bytes of the upload.
    pub size: u64,
    /// Bytes after decompression, as far as it succeeds.
    pub text_bytes: u64,
    /// Lines after decompression; `None` if events are not separated by line feeds, or the file cannot be decompressed.
    pub lines: Option<u64>,
}

#[derive(Debug)]
enum Content {
    File(PathBuf),
    /// The sample log, which is part of this program.
    Sample,
}

impl Log {
    fn sample() -> anyhow::Result<Self> {
        let (text_bytes, lines) = count(sample::BYTES)?;
        let (key, size) = (sample::NAME.to_owned(), sample::BYTES.len() as u64);
        Ok(Self { content: Content::Sample, key, size, text_bytes, lines })
    }

    /// The name of the file, for messages.
    pub fn name(&self) -> String {
        match &self.content {
            Content::File(path) => path.display().to_string(),
            Content::Sample => self.key.clone(),
        }
    }

    /// # Errors
    /// The file cannot be read.
    pub async fn body(&self) -> anyhow::Result<ByteStream> {
        match &self.content {
            Content::File(path) => Ok(ByteStream::from_path(path).await?),
            Content::Sample => Ok(ByteStream::from_static(sample::BYTES)),
        }
    }
}

/// The files in `paths`, with folders searched recursively, each folder in order of name. Without paths, the sample log.
pub fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Log>> {
    if paths.is_empty() {
        return Ok(vec![Log::sample()?]);
    }
    let mut logs = Vec::new();
    for path in paths {
        let base = path.parent().unwrap_or(Path::new(""));
        visit(path, base, &mut logs)?;
    }
    if logs.is_empty() {
        bail!("no log file in {paths:?}");
    }
    let mut keys = std::collections::BTreeSet::new();
    if let Some(duplicate) = logs.iter().find(|log| !keys.insert(&log.key)) {
        bail!("{}: another file has the same S3 key {}", duplicate.name(), duplicate.key);
    }
    Ok(logs)
}

fn visit(path: &Path, base: &Path, logs: &mut Vec<Log>) -> anyhow::Result<()> {
    let meta = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if meta.is_dir() {
        let entries: std::io::Result<Vec<_>> = std::fs::read_dir(path)?.collect();
        let mut entries: Vec<PathBuf> =
            entries.with_context(|| format!("cannot read {}", path.display()))?.iter().map(|e| e.path()).collect();
        entries.sort();
        return entries.iter().try_for_each(|entry| visit(entry, base, logs));
    }
    let name = path.strip_prefix(base).unwrap_or(path);
    let key = name.to_str().with_context(|| format!("{}: the name is not UTF-8", path.display()))?.to_owned();
    let unreadable = || format!("cannot read {}", path.display());
    let file = BufReader::new(File::open(path).with_context(unreadable)?);
    let (text_bytes, lines) = count(file).with_context(unreadable)?;
    logs.push(Log { content: Content::File(path.to_owned()), key, size: meta.len(), text_bytes, lines });
    Ok(())
}

/// Bytes and lines after decompression. What is wrong with a file is found by `ingest`, which is tested here.
fn count<'a>(mut file: impl BufRead + 'a) -> anyhow::Result<(u64, Option<u64>)> {
    let mut log: Box<dyn Read + 'a> = match file.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(file)?),
        _ => Box::new(file),
    };
    let (mut total, mut lines, mut last, mut buffer) = (0, 0, b'\n', vec![0; 1 << 16]);
    let mut has_lines = None;
    loop {
        let Ok(read) = log.read(&mut buffer) else { return Ok((total, None)) };
        let Some(bytes) = buffer.get(..read).filter(|b| !b.is_empty()) else { break };
        total += bytes.len() as u64;
        lines += bytes.iter().filter(|b| **b == b'\n').count() as u64;
        last = bytes.last().copied().unwrap_or(last);
        has_lines.get_or_insert_with(|| starts_with_object(bytes));
    }
    // The last line may have no line feed.
    Ok((total, has_lines.unwrap_or(true).then_some(lines + u64::from(last != b'\n'))))
}

/// Whether the first line is one JSON object.
fn starts_with_object(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn compressed_logs_are_counted_after_decompression() {
        let text = b"{\"ts\":1}\n{\"ts\":2}\n{\"ts\":3}".repeat(500);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).unwrap();
        let zstd = zstd::stream::encode_all(text.as_slice(), 0).unwrap();
        let expected = (text.len() as u64, Some(1001));
        for log in [text.as_slice(), &gzip.finish().unwrap(), &zstd] {
            assert_eq!(count(log).unwrap(), expected);
        }
    }
}
