//! Streams an upload to a temporary file and computes its checksums.

use futures::StreamExt;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3Request, S3Result, TrailingHeaders, s3_error};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

const WRITE_BUFFER: usize = 1 << 20;

/// A complete upload in a temporary file, which is deleted on drop.
#[derive(Debug)]
pub struct Spooled {
    pub file: tempfile::TempPath,
    /// In bytes.
    pub size: u64,
    pub md5: [u8; 16],
}

impl Spooled {
    /// ETag of an object that is uploaded in one request.
    pub fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

/// Length and checksums that the client announces, checked at the end of the upload.
#[derive(Debug, Default)]
pub struct Announced {
    content_length: Option<i64>,
    content_md5: Option<String>,
    checksums: Checksum,
    trailer_names: String,
    trailers: Option<TrailingHeaders>,
}

impl Announced {
    /// Reads the headers `x-amz-checksum-*` and the names of announced trailers.
    pub fn from_request<T>(request: &S3Request<T>, content_length: Option<i64>, content_md5: Option<String>) -> Self {
        let header = |name: &str| Some(request.headers.get(name)?.to_str().ok()?.to_owned());
        let mut checksums = Checksum::default();
        for (name, slot) in named(&mut checksums) {
            *slot = header(name);
        }
        let trailer_names = header("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
        Self { content_length, content_md5, checksums, trailer_names, trailers: request.trailing_headers.clone() }
    }

    /// A hasher for the checksums announced in headers or trailers.
    fn hasher(&mut self) -> ChecksumHasher {
        let mut needed = [false; 5];
        for ((name, announced), needed) in named(&mut self.checksums).into_iter().zip(&mut needed) {
            *needed = announced.is_some() || self.trailer_names.split(',').any(|trailer| trailer.trim() == name);
        }
        let [crc32, crc32c, crc64nvme, sha1, sha256] = needed;
        ChecksumHasher {
            crc32: crc32.then(s3s::crypto::Crc32::new),
            crc32c: crc32c.then(s3s::crypto::Crc32c::new),
            crc64nvme: crc64nvme.then(s3s::crypto::Crc64Nvme::new),
            sha1: sha1.then(s3s::crypto::Sha1::new),
            sha256: sha256.then(s3s::crypto::Sha256::new),
        }
    }

    fn check(mut self, size: u64, md5: &[u8; 16], mut found: Checksum) -> S3Result<()> {
        if let Some(length) = self.content_length
            && u64::try_from(length) != Ok(size)
        {
            return Err(s3_error!(IncompleteBody, "expected {length} bytes, got {size}"));
        }
        if let Some(announced) = &self.content_md5
            && *announced != super::base64(md5)
        {
            return Err(s3_error!(BadDigest, "MD5 of the content, expected {announced}"));
        }
        if let Some(trailers) = self.trailers.as_ref().and_then(TrailingHeaders::take) {
            for (name, slot) in named(&mut self.checksums) {
                if let Some(value) = trailers.get(name).and_then(|value| value.to_str().ok()) {
                    *slot = Some(value.to_owned());
                }
            }
        }
        for ((name, announced), (_, found)) in named(&mut self.checksums).into_iter().zip(named(&mut found)) {
            if announced.is_some() && announced != found {
                return Err(s3_error!(BadDigest, "{name} of the content does not match"));
            }
        }
        Ok(())
    }
}

fn named(sums: &mut Checksum) -> [(&'static str, &mut Option<String>); 5] {
    [
        ("x-amz-checksum-crc32", &mut sums.checksum_crc32),
        ("x-amz-checksum-crc32c", &mut sums.checksum_crc32c),
        ("x-amz-checksum-crc64nvme", &mut sums.checksum_crc64nvme),
        ("x-amz-checksum-sha1", &mut sums.checksum_sha1),
        ("x-amz-checksum-sha256", &mut sums.checksum_sha256),
    ]
}

/// Streams `body` to a new file in `folder`. Memory does not grow with the body.
///
/// # Errors
/// The body is incomplete or does not match `announced` (4xx), or the file cannot be written (500).
pub async fn spool(folder: &Path, body: Option<StreamingBlob>, mut announced: Announced) -> S3Result<Spooled> {
    let (file, path) = temporary(folder)?.into_parts();
    let mut file = tokio::io::BufWriter::with_capacity(WRITE_BUFFER, tokio::fs::File::from_std(file));
    let (mut md5, mut hasher, mut size) = (Md5::new(), announced.hasher(), 0);
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
            md5.update(&chunk);
            hasher.update(&chunk);
            size += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(|error| super::io_error(&path, error))?;
        }
    }
    file.flush().await.map_err(|error| super::io_error(&path, error))?;
    let md5 = md5.finalize();
    announced.check(size, &md5, hasher.finalize())?;
    Ok(Spooled { file: path, size, md5 })
}

/// Concatenates `parts` into a new file in `folder`.
///
/// # Errors
/// A file cannot be read or written.
pub async fn join(folder: &Path, parts: Vec<PathBuf>) -> S3Result<tempfile::TempPath> {
    let joined = temporary(folder)?;
    let work = tokio::task::spawn_blocking(move || {
        let (mut file, path) = joined.into_parts();
        for part in parts {
            let copied = std::fs::File::open(&part).and_then(|mut part| std::io::copy(&mut part, &mut file));
            copied.map_err(|error| super::io_error(&part, error))?;
        }
        Ok(path)
    });
    work.await.map_err(S3Error::internal_error)?
}

fn temporary(folder: &Path) -> S3Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder).map_err(|error| super::io_error(folder, error))
}
