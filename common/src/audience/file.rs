//! An audience file in one of its formats.

use super::{AudienceRow, CsvWriter, ParquetWriter};
use std::io::{self, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudienceFormat {
    Csv,
    Parquet,
}

impl AudienceFormat {
    pub const ALL: [Self; 2] = [Self::Csv, Self::Parquet];

    /// The extension of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Writes rows to `W`.
pub enum AudienceWriter<W: Write + Send> {
    Csv(CsvWriter<W>),
    Parquet(ParquetWriter<W>),
}

impl<W: Write + Send> AudienceWriter<W> {
    /// # Errors
    /// The output cannot be written.
    pub fn new(format: AudienceFormat, out: W) -> io::Result<Self> {
        Ok(match format {
            AudienceFormat::Csv => Self::Csv(CsvWriter::new(out)?),
            AudienceFormat::Parquet => Self::Parquet(ParquetWriter::new(out).map_err(io::Error::other)?),
        })
    }

    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, row: AudienceRow) -> io::Result<()> {
        match self {
            Self::Csv(file) => file.write(&row),
            Self::Parquet(file) => file.write(row).map_err(io::Error::other),
        }
    }

    /// Writes the rest and returns the output.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Csv(file) => file.finish(),
            Self::Parquet(file) => file.finish().map_err(io::Error::other),
        }
    }
}
