//! The users who became at risk on a day, with their groups.

use super::columns::{Column, read_doubles, read_integers, read_texts};
use super::{ROW_GROUP_ROWS, columns, corrupt, create};
use crate::calendar::Day;
use crate::model::{ModelVersion, Probability};
use crate::pseudonym::StoredUser;
use crate::risk::{Assignment, Crossing, Epoch, Group};
use parquet::errors::Result;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// In the order of the file.
const COLUMNS: &str = "required binary user_id (STRING); required binary epoch (STRING); required binary group (STRING); \
                       required double probability; required int32 became_high_on (DATE); \
                       required binary model_version (STRING);";

/// Writes crossings: user, epoch, group, probability, day and model version.
pub fn write_assignments(crossings: &[Crossing]) -> Result<Vec<u8>> {
    let mut file = create(Vec::new(), COLUMNS)?;
    for rows in crossings.chunks(ROW_GROUP_ROWS) {
        let all = vec![
            Column::texts(rows.iter().map(|r| r.user.as_str())),
            Column::texts(rows.iter().map(|r| r.assignment.epoch.as_str())),
            Column::texts(rows.iter().map(|r| r.assignment.group.as_str())),
            Column::doubles(rows.iter().map(|r| r.probability.get())),
            Column::days(rows.iter().map(|r| r.became_high_on)),
            Column::texts(rows.iter().map(|r| r.model_version.as_str())),
        ];
        let mut group = file.next_row_group()?;
        columns::write(&mut group, all)?;
        group.close()?;
    }
    file.into_inner()
}

/// Reads the crossings of a file.
///
/// # Errors
/// The file is not valid Parquet, or has other columns or values.
pub fn read_assignments(file: Vec<u8>) -> Result<Vec<Crossing>> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(file))?;
    let mut crossings = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let n = usize::try_from(group.metadata().num_rows()).map_err(|_| corrupt("negative number of rows"))?;
        let text = |column| read_texts(&*group, column, n);
        let texts = text(0)?.into_iter().zip(text(1)?).zip(text(2)?.into_iter().zip(text(5)?));
        let numbers = read_doubles(&*group, 3, n)?.into_iter().zip(read_integers(&*group, 4, n)?);
        for (((user, epoch), (group, version)), (probability, day)) in texts.zip(numbers) {
            let crossing = || {
                Some(Crossing {
                    user: StoredUser::from_stored(&user)?,
                    assignment: Assignment { group: Group::parse(&group)?, epoch: Epoch::from_stored(&epoch)? },
                    probability: Probability::new(probability)?,
                    became_high_on: Day::from_number(day),
                    model_version: ModelVersion::parse(&version)?,
                })
            };
            crossings.push(crossing().ok_or_else(|| corrupt("invalid value in a row of assignments"))?);
        }
    }
    Ok(crossings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::EpochLength;

    #[test]
    fn assignments_are_read_back() {
        let crossing = |n: i32| Crossing {
            user: StoredUser::from_stored(&format!("user {n}")).unwrap(),
            assignment: Assignment {
                group: if n % 3 == 0 { Group::Control } else { Group::Treatment },
                epoch: Epoch::at(Day::from_number(20_000 + 40 * n), EpochLength::Quarter),
            },
            probability: Probability::new(f64::from(n) / 7.0).unwrap(),
            became_high_on: Day::from_number(20_000 + n),
            model_version: ModelVersion::from_file(b"model"),
        };
        for n in [0, 5] {
            let crossings: Vec<Crossing> = (0..n).map(crossing).collect();
            assert_eq!(read_assignments(write_assignments(&crossings).unwrap()).unwrap(), crossings);
        }
        assert!(read_assignments(b"junk".to_vec()).is_err());
        assert!(read_assignments(super::super::write_rows(&[]).unwrap()).unwrap().is_empty());
        assert!(read_assignments(super::super::write_rows(&[super::super::tests::row(1)]).unwrap()).is_err());
    }
}
