//! A log file, compressed according to its extension.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

const BUFFER: usize = 1 << 20;
const ZSTD_LEVEL: i32 = 9;

#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}: {source}", path.display())]
pub struct OutputError {
    pub path: PathBuf,
    /// `create` or `complete`.
    pub step: &'static str,
    pub source: io::Error,
}

/// A buffered log file: plain, gzip (`.gz`) or Zstandard (`.zst`). [`LogFile::finish`] completes it.
pub struct LogFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Plain(BufWriter<File>),
    Gzip(BufWriter<GzEncoder<File>>),
    Zstd(BufWriter<Encoder<'static, File>>),
}

impl LogFile {
    /// Creates the file, or truncates an existing one.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let failed = |source| OutputError { path: path.to_owned(), step: "create", source };
        let file = File::create(path).map_err(failed)?;
        let sink = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Sink::Gzip(BufWriter::with_capacity(BUFFER, GzEncoder::new(file, Compression::best()))),
            Some("zst") => {
                let encoder = Encoder::new(file, ZSTD_LEVEL).map_err(failed)?;
                Sink::Zstd(BufWriter::with_capacity(BUFFER, encoder))
            }
            _ => Sink::Plain(BufWriter::with_capacity(BUFFER, file)),
        };
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Writes the rest of the buffer and of the compressed stream.
    pub fn finish(self) -> Result<(), OutputError> {
        let Self { path, sink } = self;
        let finished = match sink {
            Sink::Plain(out) => out.into_inner().map(drop).map_err(|e| e.into_error()),
            Sink::Gzip(out) => out.into_inner().map_err(|e| e.into_error()).and_then(|out| out.finish().map(drop)),
            Sink::Zstd(out) => out.into_inner().map_err(|e| e.into_error()).and_then(|out| out.finish().map(drop)),
        };
        finished.map_err(|source| OutputError { path, step: "complete", source })
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Plain(out) => out.write(bytes),
            Sink::Gzip(out) => out.write(bytes),
            Sink::Zstd(out) => out.write(bytes),
        }
    }

    /// Does nothing for compressed files, where flushing reduces the compression. [`LogFile::finish`] writes everything.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(out) => out.flush(),
            Sink::Gzip(_) | Sink::Zstd(_) => Ok(()),
        }
    }
}
