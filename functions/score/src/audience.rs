//! The audience file of a day, for a CRM or an ad platform: the users at risk, without the control group.

use crate::erased;
use crate::error::ScoreError;
use crate::run::Run;
use churn_common::audience::{AudienceFormat, AudienceRow, AudienceWriter};
use churn_common::calendar::Day;
use churn_common::language::Language;
use churn_common::model::Risk;
use churn_common::pseudonym::StoredUser;
use churn_common::risk::{Group, UserRisk};
use churn_common::store::StoreError;
use churn_common::store::objects::Condition;
use churn_common::store::risks::MAX_BATCH;
use churn_common::store::score_files::{Manifest, audience_key};
use churn_common::table::read_scored_users;
use serde::{Deserialize, Serialize};

/// The levels of users in the file.
const LEVELS: [Risk; 2] = [Risk::High, Risk::Critical];

/// Whether a run that completes a day writes an audience file, and in which format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportAudience {
    #[default]
    Off,
    Csv,
    Parquet,
}

impl ExportAudience {
    fn format(self) -> Option<AudienceFormat> {
        match self {
            Self::Off => None,
            Self::Csv => Some(AudienceFormat::Csv),
            Self::Parquet => Some(AudienceFormat::Parquet),
        }
    }
}

/// The file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// `s3://bucket/key` of the file.
    pub url: String,
    /// Users in the file.
    pub users: u64,
    /// Users of the control group, who are left out.
    pub control: u64,
}

/// Writes the file of a day that is scored completely, in place of an earlier one. `None` if the setting is off.
///
/// The users are those of the files of scores: an index of the records lags by seconds. Holds the records and the file in memory.
pub(crate) async fn export(run: &Run, manifest: &Manifest, language: Language) -> Result<Option<Audience>, ScoreError> {
    let Some(format) = run.invocation.settings.export_audience.format() else { return Ok(None) };
    let key = audience_key(run.as_of, format.extension());
    let mut at_risk = records(run, &users_at_risk(run, manifest).await?).await?;
    at_risk.sort_by(|a, b| b.probability.get().total_cmp(&a.probability.get()).then_with(|| a.user.cmp(&b.user)));
    // An erasure is recorded before it removes the record.
    let erased = erased::since_start(run).await?;
    at_risk.retain(|risk| !erased.contains(&risk.user));
    let all = at_risk.len();
    let is_control = |risk: &UserRisk| risk.assignment.as_ref().is_some_and(|a| a.group == Group::Control);
    at_risk.retain(|risk| !is_control(risk));
    let file_error = |e: std::io::Error| ScoreError::File(key.clone(), e.to_string());
    let mut file = AudienceWriter::new(format, Vec::new()).map_err(file_error)?;
    for risk in &at_risk {
        file.write(AudienceRow::new(risk, &run.actions, language)).map_err(file_error)?;
    }
    let bytes = file.finish().map_err(file_error)?;
    let store = &run.stores.store;
    store.put(&key, bytes, format.content_type(), Condition::Always).await?;
    delete_other_formats(run, format).await?;
    let (users, control) = (at_risk.len() as u64, (all - at_risk.len()) as u64);
    Ok(Some(Audience { url: format!("s3://{}/{key}", store.name()), users, control }))
}

/// The users whose score of the day has one of the levels.
async fn users_at_risk(run: &Run, manifest: &Manifest) -> Result<Vec<StoredUser>, ScoreError> {
    let mut users = Vec::new();
    for key in &manifest.scores {
        let scored = read_scored_users(run.file(key).await?).map_err(|e| StoreError::corrupt("GetObject", key, e))?;
        users.extend(scored.into_iter().filter(|(_, level)| LEVELS.contains(level)).map(|(user, _)| user));
    }
    Ok(users)
}

/// The records of users, with consistent reads. Users who were erased since have none.
async fn records(run: &Run, users: &[StoredUser]) -> Result<Vec<UserRisk>, StoreError> {
    let mut found = Vec::with_capacity(users.len());
    for batch in users.chunks(MAX_BATCH) {
        found.extend(run.stores.risks.get_batch_consistent(batch).await?.into_values());
    }
    found.retain(|risk| LEVELS.contains(&risk.risk_level));
    Ok(found)
}

/// A day has one file.
async fn delete_other_formats(run: &Run, format: AudienceFormat) -> Result<(), StoreError> {
    for other in AudienceFormat::ALL.into_iter().filter(|other| *other != format) {
        run.stores.store.delete(&key_of(run.as_of, other)).await?;
    }
    Ok(())
}

fn key_of(as_of: Day, format: AudienceFormat) -> String {
    audience_key(as_of, format.extension())
}
