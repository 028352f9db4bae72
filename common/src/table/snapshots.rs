//! The training and test rows of a training.

use super::columns::Column;
use super::{ROW_GROUP_ROWS, create, with_features, write_group};
use crate::snapshot::Snapshot;
use parquet::errors::Result;

/// A snapshot and its role in a training run.
#[derive(Debug, Clone, Copy)]
pub struct SplitSnapshot<'a> {
    pub snapshot: &'a Snapshot,
    /// `train` or `test`.
    pub split: &'a str,
    /// The cross-validation group of the user in the first repeat; `None` for a test row, and for a user who is not in the
    /// sample of the search.
    pub user_group: Option<i32>,
}

/// Writes snapshots: user, cutoff, split, group and label, followed by the feature columns.
pub fn write_snapshots(snapshots: &[SplitSnapshot<'_>]) -> Result<Vec<u8>> {
    let keys = "required binary user_id (STRING); required int32 cutoff (DATE); required binary split (STRING); \
                optional int32 user_group; required boolean churned;";
    let mut file = create(Vec::new(), &with_features(keys))?;
    for rows in snapshots.chunks(ROW_GROUP_ROWS) {
        let keys = vec![
            Column::texts(rows.iter().map(|r| r.snapshot.user.as_str())),
            Column::days(rows.iter().map(|r| r.snapshot.cutoff)),
            Column::texts(rows.iter().map(|r| r.split)),
            Column::optional_integers(rows.iter().map(|r| r.user_group)),
            Column::booleans(rows.iter().map(|r| r.snapshot.churned)),
        ];
        write_group(&mut file, keys, rows.len(), rows.iter().map(|r| &r.snapshot.row))?;
    }
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use super::super::read_rows;
    use super::super::tests::{bits, row};
    use super::*;
    use crate::calendar::Day;
    use crate::pseudonym::StoredUser;

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
            SplitSnapshot { snapshot: &train, split: "train", user_group: Some(3) },
            SplitSnapshot { snapshot: &test, split: "test", user_group: None },
        ];
        let file = write_snapshots(&rows).unwrap();
        assert_eq!(bits(&read_rows(file).unwrap()), bits(&[row(1), row(2)]));
    }
}
