//! The scores of a day, written while the users stream by.

use super::columns::{Column, read_texts};
use super::{corrupt, create, with_features, write_group};
use crate::calendar::Day;
use crate::features::Row;
use crate::model::{ModelVersion, Probability, Risk};
use crate::pseudonym::StoredUser;
use crate::risk::Group;
use parquet::errors::Result;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;

/// Most rows that are held before they are encoded: 6 MB of features.
const ROW_GROUP_ROWS: usize = 25_000;

/// The score of a user with all features.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredRow {
    pub user: StoredUser,
    pub probability: Probability,
    pub risk_level: Risk,
    pub label: u8,
    /// The group of the last crossing; `None` for a user who was never at risk.
    pub group: Option<Group>,
    pub row: Row,
}

/// A file of scores in memory. Rows are encoded in groups: it holds the compressed ones and the rows of one group.
pub struct ScoreFile {
    file: SerializedFileWriter<Vec<u8>>,
    rows: Vec<ScoredRow>,
    cutoff: Day,
    model_version: ModelVersion,
}

impl ScoreFile {
    /// An empty file for scores of one model at one cutoff.
    pub fn new(cutoff: Day, model_version: ModelVersion) -> Result<Self> {
        let keys = "required binary user_id (STRING); required int32 cutoff (DATE); required double probability; \
                    required binary risk_level (STRING); required int32 label; optional binary group (STRING); \
                    required binary model_version (STRING);";
        Ok(Self { file: create(Vec::new(), &with_features(keys))?, rows: Vec::new(), cutoff, model_version })
    }

    pub fn push(&mut self, row: ScoredRow) {
        self.rows.push(row);
    }

    /// Whether the rows must be encoded before more are added.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= ROW_GROUP_ROWS
    }

    /// Encodes the rows for which `keep` is true and drops the others.
    pub fn encode(&mut self, keep: impl FnMut(&ScoredRow) -> bool) -> Result<()> {
        self.rows.retain(keep);
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let keys = vec![
            Column::texts(rows.iter().map(|r| r.user.as_str())),
            Column::days(rows.iter().map(|_| self.cutoff)),
            Column::doubles(rows.iter().map(|r| r.probability.get())),
            Column::texts(rows.iter().map(|r| r.risk_level.as_str())),
            Column::integers(rows.iter().map(|r| i32::from(r.label))),
            Column::optional_texts(rows.iter().map(|r| r.group.map(Group::as_str))),
            Column::texts(rows.iter().map(|_| self.model_version.as_str())),
        ];
        write_group(&mut self.file, keys, rows.len(), rows.iter().map(|r| &r.row))
    }

    /// The content of the file. Rows that are not encoded are dropped.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.file.into_inner()
    }
}

/// Reads the users of a file with their risk levels.
///
/// # Errors
/// The file is not valid Parquet, or has other columns or values.
pub fn read_scored_users(file: Vec<u8>) -> Result<Vec<(StoredUser, Risk)>> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(file))?;
    let mut scored = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let n = usize::try_from(group.metadata().num_rows()).map_err(|_| corrupt("negative number of rows"))?;
        for (user, level) in read_texts(&*group, 0, n)?.into_iter().zip(read_texts(&*group, 3, n)?) {
            let row = StoredUser::from_stored(&user).zip(Risk::parse(&level));
            scored.push(row.ok_or_else(|| corrupt("invalid value in a row of scores"))?);
        }
    }
    Ok(scored)
}

#[cfg(test)]
mod tests {
    use super::super::read_rows;
    use super::super::tests::{bits, row};
    use super::*;

    #[test]
    fn features_are_read_back_from_scores() {
        let mut file = ScoreFile::new(Day::from_number(20_000), ModelVersion::from_file(b"model")).unwrap();
        let scored = |n: usize| ScoredRow {
            user: StoredUser::from_stored(&n.to_string()).unwrap(),
            probability: Probability::new(0.25).unwrap(),
            risk_level: Risk::High,
            label: 1,
            group: n.is_multiple_of(2).then_some(Group::Control),
            row: row(n),
        };
        (0..4).for_each(|n| file.push(scored(n)));
        file.encode(|row| row.user.as_str() != "1").unwrap();
        file.encode(|_| true).unwrap();
        file.push(scored(7));
        file.encode(|_| true).unwrap();
        let file = file.finish().unwrap();
        let users = read_scored_users(file.clone()).unwrap();
        let expected = ["0", "2", "3", "7"].map(|name| (StoredUser::from_stored(name).unwrap(), Risk::High));
        assert_eq!(users, expected);
        let rows = read_rows(file).unwrap();
        assert_eq!(bits(&rows), bits(&[row(0), row(2), row(3), row(7)]));
        let empty = ScoreFile::new(Day::from_number(20_000), ModelVersion::from_file(b"model")).unwrap();
        assert!(read_rows(empty.finish().unwrap()).unwrap().is_empty());
    }
}
