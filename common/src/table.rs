//! Feature rows as Parquet: one `FLOAT` column per feature, null = missing. Athena and pandas read this format.

use crate::features::{COUNT, Row, SCHEMA};
use crate::snapshot::Snapshot;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::ColumnReader;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// Most rows in a row group.
const ROW_GROUP_ROWS: usize = 50_000;

/// Writes feature columns only, such as for a model's baseline.
pub fn write_rows(rows: &[Row]) -> Result<Vec<u8>> {
    write("", rows, |_, _| Ok(()), |row| row)
}

/// A snapshot and its role in a training run.
#[derive(Debug, Clone, Copy)]
pub struct SplitSnapshot<'a> {
    pub snapshot: &'a Snapshot,
    /// `train` or `test`.
    pub split: &'a str,
    /// The cross-validation group of the user; `None` for a test row.
    pub user_group: Option<i32>,
    /// The cross-validation fold that held out the row; `None` if no fold did.
    pub fold: Option<i32>,
}

/// Writes snapshots: user, cutoff, split, group, fold and label, followed by the feature columns.
pub fn write_snapshots(snapshots: &[SplitSnapshot<'_>]) -> Result<Vec<u8>> {
    let keys = "required binary user_id (STRING); required int32 cutoff (DATE); required binary split (STRING); \
                optional int32 user_group; optional int32 fold; required boolean churned;";
    let write_keys = |group: &mut SerializedRowGroupWriter<'_, _>, rows: &[SplitSnapshot<'_>]| {
        let users: Vec<ByteArray> = rows.iter().map(|r| ByteArray::from(r.snapshot.user.as_str())).collect();
        let cutoffs: Vec<i32> = rows.iter().map(|r| r.snapshot.cutoff.number()).collect();
        let splits: Vec<ByteArray> = rows.iter().map(|r| ByteArray::from(r.split)).collect();
        let optional = |value: fn(&SplitSnapshot<'_>) -> Option<i32>| {
            let levels: Vec<i16> = rows.iter().map(|r| i16::from(value(r).is_some())).collect();
            (rows.iter().filter_map(value).collect::<Vec<i32>>(), levels)
        };
        let (groups, group_levels) = optional(|r| r.user_group);
        let (folds, fold_levels) = optional(|r| r.fold);
        let churned: Vec<bool> = rows.iter().map(|r| r.snapshot.churned).collect();
        for column in 0..6 {
            let mut writer = group.next_column()?.ok_or_else(|| corrupt("missing key column"))?;
            match (column, writer.untyped()) {
                (0, ColumnWriter::ByteArrayColumnWriter(w)) => w.write_batch(&users, None, None)?,
                (1, ColumnWriter::Int32ColumnWriter(w)) => w.write_batch(&cutoffs, None, None)?,
                (2, ColumnWriter::ByteArrayColumnWriter(w)) => w.write_batch(&splits, None, None)?,
                (3, ColumnWriter::Int32ColumnWriter(w)) => w.write_batch(&groups, Some(&group_levels), None)?,
                (4, ColumnWriter::Int32ColumnWriter(w)) => w.write_batch(&folds, Some(&fold_levels), None)?,
                (_, ColumnWriter::BoolColumnWriter(w)) => w.write_batch(&churned, None, None)?,
                _ => return Err(corrupt("key column has an unexpected type")),
            };
            writer.close()?;
        }
        Ok(())
    };
    write(keys, snapshots, write_keys, |r| &r.snapshot.row)
}

fn write<T>(
    keys: &str,
    rows: &[T],
    write_keys: impl Fn(&mut SerializedRowGroupWriter<'_, Vec<u8>>, &[T]) -> Result<()>,
    features: impl Fn(&T) -> &Row,
) -> Result<Vec<u8>> {
    let columns: String = SCHEMA.iter().map(|f| format!("optional float {};", f.name)).collect();
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {keys} {columns} }}"))?);
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        write_keys(&mut group, rows)?;
        for feature in 0..COUNT {
            let values = rows.iter().map(|r| features(r).values().get(feature).copied().unwrap_or(f32::NAN));
            let (mut present, mut levels) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
            for value in values {
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
    }
    file.into_inner()
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
    use crate::calendar::Day;
    use crate::pseudonym::StoredUser;

    fn row(i: usize) -> Row {
        Row::from_values(std::array::from_fn(
            |f| if (i + f).is_multiple_of(3) { f32::NAN } else { (i * f) as f32 / 7.0 },
        ))
    }

    fn bits(rows: &[Row]) -> Vec<Vec<u32>> {
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
    fn features_are_read_back_from_snapshots() {
        let snapshot = |i| Snapshot {
            user: StoredUser::from_stored(&format!("u{i}")).unwrap(),
            cutoff: Day::from_number(17_800),
            row: row(i),
            churned: i % 2 == 0,
        };
        let (train, test) = (snapshot(1), snapshot(2));
        let rows = [
            SplitSnapshot { snapshot: &train, split: "train", user_group: Some(3), fold: Some(1) },
            SplitSnapshot { snapshot: &test, split: "test", user_group: None, fold: None },
        ];
        let file = write_snapshots(&rows).unwrap();
        assert_eq!(bits(&read_rows(file).unwrap()), bits(&[row(1), row(2)]));
    }

    #[test]
    fn invalid_file_is_an_error() {
        assert!(read_rows(b"junk".to_vec()).is_err());
        assert!(read_rows(Vec::new()).is_err());
    }
}
