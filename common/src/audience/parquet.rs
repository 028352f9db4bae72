//! The rows as Parquet: texts are strings, the day is a `DATE`, null = missing.

use super::AudienceRow;
use crate::risk::Group;
use crate::table::columns::{self, Column};
use crate::table::{ROW_GROUP_ROWS, create};
use parquet::errors::Result;
use parquet::file::writer::SerializedFileWriter;
use std::io::Write;

const COLUMNS: &str = "
    required binary user_id (STRING); required double churn_probability; required binary risk_level (STRING);
    required int32 level_since (DATE); optional binary reason_feature (STRING); optional binary reason_text (STRING);
    optional binary action_id (STRING); optional binary action_text (STRING); optional binary group (STRING);";

/// Writes rows to `W`.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// At most one row group.
    rows: Vec<AudienceRow>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// # Errors
    /// The output cannot be written.
    pub fn new(out: W) -> Result<Self> {
        Ok(Self { file: create(out, COLUMNS)?, rows: Vec::new() })
    }

    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, row: AudienceRow) -> Result<()> {
        self.rows.push(row);
        if self.rows.len() < ROW_GROUP_ROWS { Ok(()) } else { self.write_group() }
    }

    /// Writes the rest of the rows and the footer, and returns the output.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> Result<W> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        self.file.into_inner()
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        let all = vec![
            Column::texts(rows.iter().map(|row| row.user_id.as_str())),
            Column::doubles(rows.iter().map(|row| row.churn_probability.get())),
            Column::texts(rows.iter().map(|row| row.risk_level.as_str())),
            Column::days(rows.iter().map(|row| row.level_since)),
            Column::optional_texts(rows.iter().map(|row| row.reason_feature.as_deref())),
            Column::optional_texts(rows.iter().map(|row| row.reason_text.as_deref())),
            Column::optional_texts(rows.iter().map(|row| row.action_id.as_deref())),
            Column::optional_texts(rows.iter().map(|row| row.action_text.as_deref())),
            Column::optional_texts(rows.iter().map(|row| row.group.map(Group::as_str))),
        ];
        columns::write(&mut group, all)?;
        group.close()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, RowAccessor};

    fn text(row: &AudienceRow, column: usize) -> Option<&str> {
        match column {
            0 => Some(row.user_id.as_str()),
            2 => Some(row.risk_level.as_str()),
            4 => row.reason_feature.as_deref(),
            5 => row.reason_text.as_deref(),
            6 => row.action_id.as_deref(),
            7 => row.action_text.as_deref(),
            _ => row.group.map(Group::as_str),
        }
    }

    #[test]
    fn rows_are_read_back() {
        let mut other = row("31");
        (other.reason_text, other.group) = (None, None);
        let rows = [row("عمر"), other];
        let mut writer = ParquetWriter::new(Vec::new()).unwrap();
        rows.iter().for_each(|row| writer.write(row.clone()).unwrap());
        let file = SerializedFileReader::new(bytes::Bytes::from(writer.finish().unwrap())).unwrap();
        let columns = file.metadata().file_metadata().schema_descr();
        let names: Vec<&str> = columns.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names, AudienceRow::COLUMNS);
        let read: Vec<_> = file.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect();
        assert_eq!(read.len(), rows.len());
        for (read, row) in read.iter().zip(&rows) {
            assert_eq!(read.get_double(1).unwrap(), row.churn_probability.get());
            let level_since = read.get_column_iter().nth(3).map(|(_, field)| field.clone());
            assert_eq!(level_since, Some(Field::Date(row.level_since.number())));
            for column in [0, 2, 4, 5, 6, 7, 8] {
                assert_eq!(read.get_string(column).ok().map(String::as_str), text(row, column), "{column}");
            }
        }
    }

    #[test]
    fn a_file_without_rows_has_the_columns() {
        let bytes = ParquetWriter::new(Vec::new()).unwrap().finish().unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let metadata = file.metadata().file_metadata();
        assert_eq!((metadata.num_rows(), metadata.schema_descr().num_columns()), (0, AudienceRow::COLUMNS.len()));
    }
}
