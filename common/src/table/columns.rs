//! The columns of a table besides the features.

use super::corrupt;
use crate::calendar::Day;
use parquet::column::reader::ColumnReader;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::reader::RowGroupReader;
use parquet::file::writer::SerializedRowGroupWriter;
use std::io::Write;

/// The values of a column in a row group. Levels are 1 for a value and 0 for null; a required column has none.
#[derive(Debug)]
pub(crate) enum Column {
    Text(Vec<ByteArray>, Option<Vec<i16>>),
    Integer(Vec<i32>, Option<Vec<i16>>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
}

impl Column {
    pub(crate) fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        Self::Text(values.map(ByteArray::from).collect(), None)
    }

    pub(crate) fn optional_texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Self {
        let (levels, present) = with_levels(values);
        Self::Text(present.into_iter().map(ByteArray::from).collect(), Some(levels))
    }

    pub(crate) fn days(values: impl Iterator<Item = Day>) -> Self {
        Self::integers(values.map(Day::number))
    }

    pub(super) fn integers(values: impl Iterator<Item = i32>) -> Self {
        Self::Integer(values.collect(), None)
    }

    pub(super) fn optional_integers(values: impl Iterator<Item = Option<i32>>) -> Self {
        let (levels, present) = with_levels(values);
        Self::Integer(present, Some(levels))
    }

    pub(crate) fn doubles(values: impl Iterator<Item = f64>) -> Self {
        Self::Double(values.collect())
    }

    pub(super) fn booleans(values: impl Iterator<Item = bool>) -> Self {
        Self::Boolean(values.collect())
    }
}

fn with_levels<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<i16>, Vec<T>) {
    let (mut levels, mut present) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    (levels, present)
}

/// Writes the next columns of a row group.
pub(crate) fn write<W: Write + Send>(group: &mut SerializedRowGroupWriter<'_, W>, columns: Vec<Column>) -> Result<()> {
    for column in columns {
        let mut writer = group.next_column()?.ok_or_else(|| corrupt("missing column"))?;
        match (column, writer.untyped()) {
            (Column::Text(values, levels), ColumnWriter::ByteArrayColumnWriter(w)) => {
                w.write_batch(&values, levels.as_deref(), None)?
            }
            (Column::Integer(values, levels), ColumnWriter::Int32ColumnWriter(w)) => {
                w.write_batch(&values, levels.as_deref(), None)?
            }
            (Column::Double(values), ColumnWriter::DoubleColumnWriter(w)) => w.write_batch(&values, None, None)?,
            (Column::Boolean(values), ColumnWriter::BoolColumnWriter(w)) => w.write_batch(&values, None, None)?,
            _ => return Err(corrupt("column has an unexpected type")),
        };
        writer.close()?;
    }
    Ok(())
}

/// Reads a required column of texts.
pub(super) fn read_texts(group: &dyn RowGroupReader, column: usize, n: usize) -> Result<Vec<String>> {
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(column)? else {
        return Err(corrupt("column has an unexpected type"));
    };
    let mut values = Vec::new();
    reader.read_records(n, None, None, &mut values)?;
    check_rows(values.len(), n)?;
    values.iter().map(|value| Ok(value.as_utf8()?.to_owned())).collect()
}

/// Reads a required column of integers.
pub(super) fn read_integers(group: &dyn RowGroupReader, column: usize, n: usize) -> Result<Vec<i32>> {
    let ColumnReader::Int32ColumnReader(mut reader) = group.get_column_reader(column)? else {
        return Err(corrupt("column has an unexpected type"));
    };
    let mut values = Vec::new();
    reader.read_records(n, None, None, &mut values)?;
    check_rows(values.len(), n)?;
    Ok(values)
}

/// Reads a required column of doubles.
pub(super) fn read_doubles(group: &dyn RowGroupReader, column: usize, n: usize) -> Result<Vec<f64>> {
    let ColumnReader::DoubleColumnReader(mut reader) = group.get_column_reader(column)? else {
        return Err(corrupt("column has an unexpected type"));
    };
    let mut values = Vec::new();
    reader.read_records(n, None, None, &mut values)?;
    check_rows(values.len(), n)?;
    Ok(values)
}

fn check_rows(read: usize, expected: usize) -> Result<()> {
    if read == expected { Ok(()) } else { Err(corrupt("column is too short")) }
}
