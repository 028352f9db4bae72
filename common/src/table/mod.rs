//! Feature rows as Parquet: one `FLOAT` column per feature, null = missing. Athena and pandas read this format.

mod assignments;
pub(crate) mod columns;
mod scores;
mod snapshots;

pub use assignments::{read_assignments, write_assignments};
pub use scores::{ScoreFile, ScoredRow, read_scored_users};
pub use snapshots::{SplitSnapshot, write_snapshots};

use crate::features::{COUNT, Row, SCHEMA};
use columns::Column;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::ColumnReader;
use parquet::column::writer::ColumnWriter;
pub use parquet::errors::ParquetError as Error;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Most rows in a row group.
pub(crate) const ROW_GROUP_ROWS: usize = 50_000;

/// Writes feature columns only, such as for a model's baseline.
pub fn write_rows(rows: &[Row]) -> Result<Vec<u8>> {
    let mut file = create(Vec::new(), &with_features(""))?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        write_group(&mut file, Vec::new(), rows.len(), rows.iter())?;
    }
    file.into_inner()
}

/// Columns for `keys` and the features.
fn with_features(keys: &str) -> String {
    let features: String = SCHEMA.iter().map(|f| format!("optional float {};", f.name)).collect();
    format!("{keys} {features}")
}

/// A file with these columns, written to `out`.
pub(crate) fn create<W: Write + Send>(out: W, columns: &str) -> Result<SerializedFileWriter<W>> {
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {columns} }}"))?);
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    SerializedFileWriter::new(out, schema, Arc::new(properties))
}

/// Writes a row group of `n` rows: the columns `keys`, followed by the features.
fn write_group<'a>(
    file: &mut SerializedFileWriter<Vec<u8>>,
    keys: Vec<Column>,
    n: usize,
    rows: impl Iterator<Item = &'a Row> + Clone,
) -> Result<()> {
    let mut group = file.next_row_group()?;
    columns::write(&mut group, keys)?;
    for feature in 0..COUNT {
        let (mut present, mut levels) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for row in rows.clone() {
            let value = row.values().get(feature).copied().unwrap_or(f32::NAN);
            levels.push(i16::from(!value.is_nan()));
            present.extend(Some(value).filter(|v| !v.is_nan()));
        }
        let mut writer = group.next_column()?.ok_or_else(|| corrupt("missing feature column"))?;
        match writer.untyped() {
            ColumnWriter::FloatColumnWriter(w) => w.write_batch(&present, Some(&levels), None)?,
            _ => return Err(corrupt("feature column has an unexpected type")),
        };
        writer.close()?;
    }
    group.close()?;
    Ok(())
}

/// Reads the features of every row and ignores other columns.
///
/// # Errors
/// A feature has no column, or the file is not valid Parquet.
pub fn read_rows(file: Vec<u8>) -> Result<Vec<Row>> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(file))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let columns = SCHEMA.iter().map(|f| {
        let found = schema.columns().iter().position(|c| c.name() == f.name);
        found.ok_or_else(|| ParquetError::General(format!("missing column {}", f.name)))
    });
    let columns = columns.collect::<Result<Vec<usize>>>()?;
    let mut all = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| corrupt("negative number of rows"))?;
        let mut values = vec![[f32::NAN; COUNT]; rows];
        for (feature, column) in columns.iter().enumerate() {
            let (mut present, mut levels) = (Vec::new(), Vec::new());
            let read = match group.get_column_reader(*column)? {
                ColumnReader::FloatColumnReader(mut r) => {
                    r.read_records(rows, Some(&mut levels), None, &mut present)?.0
                }
                _ => return Err(corrupt("feature column is not FLOAT")),
            };
            if read != rows || levels.len() != rows {
                return Err(corrupt("feature column is too short"));
            }
            let mut present = present.into_iter();
            for (row, level) in values.iter_mut().zip(levels) {
                if let (1, Some(cell)) = (level, row.get_mut(feature)) {
                    *cell = present.next().ok_or_else(|| corrupt("feature column is too short"))?;
                }
            }
        }
        all.extend(values.into_iter().map(Row::from_values));
    }
    Ok(all)
}

fn corrupt(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    pub(super) fn row(i: usize) -> Row {
        Row::from_values(std::array::from_fn(
            |f| if (i + f).is_multiple_of(3) { f32::NAN } else { (i * f) as f32 / 7.0 },
        ))
    }

    pub(super) fn bits(rows: &[Row]) -> Vec<Vec<u32>> {
        rows.iter().map(|r| r.values().iter().map(|x| x.to_bits()).collect()).collect()
    }

    #[test]
    fn rows_are_read_back_with_missing_values() {
        for n in [0, 1, 100] {
            let rows: Vec<Row> = (0..n).map(row).collect();
            assert_eq!(bits(&read_rows(write_rows(&rows).unwrap()).unwrap()), bits(&rows));
        }
    }

    #[test]
    fn invalid_file_is_an_error() {
        assert!(read_rows(b"junk".to_vec()).is_err());
        assert!(read_rows(Vec::new()).is_err());
    }
}
