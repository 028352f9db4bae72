//! One segment: all its users stream by, and the results are written in an order that leaves nothing half-visible if the run is
//! killed.
//!
//! 1. While the users stream by: records without a crossing.
//! 2. The files of scores and of assignments.
//! 3. Records with a crossing, whose alerts are due from then on. The users of an alert are always among the assignments.
//! 4. The summary, which says that the segment is complete.

use crate::counts::{SegmentCounts, Users};
use crate::erased;
use crate::error::ScoreError;
use crate::evaluate::{Evaluation, Skip};
use crate::orphans;
use crate::run::Run;
use churn_common::history::History;
use churn_common::pseudonym::StoredUser;
use churn_common::risk::{Assignment, Crossing, Score, Transition, UserRisk, next};
use churn_common::store::StoreError;
use churn_common::store::objects::Condition;
use churn_common::store::risks::MAX_BATCH;
use churn_common::store::score_files::{SUMMARY, assignments_prefix, part_name, scores_prefix};
use churn_common::table::{ScoreFile, ScoredRow, write_assignments};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

const PARQUET: &str = "application/vnd.apache.parquet";

/// The result of a complete segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) model_version: churn_common::model::ModelVersion,
    pub(crate) users: Users,
}

/// The key of the summary of a segment.
pub(crate) fn summary_key(run: &Run, segment: u16) -> String {
    format!("{}{SUMMARY}{segment}-of-{}.json", scores_prefix(run.as_of), run.total_segments())
}

/// What a segment collects while its users stream by. Memory: one row group, the compressed ones, and the users who cross.
struct Collected {
    counts: SegmentCounts,
    file: ScoreFile,
    crossings: Vec<Crossing>,
    /// Changed records of users who cross on this day.
    crossed: Vec<(Box<Score>, UserRisk)>,
}

/// Scores the users of a segment.
pub(crate) async fn score(run: &Run, segment: u16) -> Result<SegmentCounts, ScoreError> {
    let scores_key = format!("{}{}", scores_prefix(run.as_of), part_name(segment, run.total_segments()));
    let assignments_key = format!("{}{}", assignments_prefix(run.as_of), part_name(segment, run.total_segments()));
    let file_error = |key: &String| {
        let key = key.clone();
        move |e: churn_common::table::Error| ScoreError::File(key, e.to_string())
    };
    let file = ScoreFile::new(run.as_of, run.model.version.clone()).map_err(file_error(&scores_key))?;
    let mut collected =
        Collected { counts: SegmentCounts::default(), file, crossings: Vec::new(), crossed: Vec::new() };

    let mut scan = run.stores.histories.scan(segment, run.total_segments());
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while let Some((user, slices)) = scan.next().await? {
        batch.push((user.clone(), run.evaluate(&user, &History::from_slices(slices))?));
        if batch.len() == MAX_BATCH {
            collected.apply(run, std::mem::take(&mut batch)).await?;
            if collected.file.is_full() {
                let erased = erased::since_start(run).await?;
                collected.encode(&erased).map_err(file_error(&scores_key))?;
            }
        }
    }
    collected.apply(run, batch).await?;

    let erased = erased::since_start(run).await?;
    collected.encode(&erased).map_err(file_error(&scores_key))?;
    collected.crossings.retain(|crossing| !erased.contains(&crossing.user));
    let crossed_before = collected.crossed.len();
    collected.crossed.retain(|(score, _)| !erased.contains(&score.user));
    let Collected { mut counts, file, crossings, crossed } = collected;
    counts.records.changed -= (crossed_before - crossed.len()) as u64;
    for crossing in &crossings {
        counts.users.crossings.add(crossing.assignment.group);
    }
    put(run, &scores_key, file.finish().map_err(file_error(&scores_key))?).await?;
    put(run, &assignments_key, write_assignments(&crossings).map_err(file_error(&assignments_key))?).await?;
    counts.records.written += run.put_all(crossed).await?;
    counts.records.removed += erased::remove_records(run, segment).await?;
    counts.records.removed += orphans::remove(run, segment).await?;

    let summary = Summary { model_version: run.model.version.clone(), users: counts.users };
    let key = summary_key(run, segment);
    let json = serde_json::to_vec(&summary).map_err(|e| ScoreError::File(key.clone(), e.to_string()))?;
    run.stores.store.put(&key, json, "application/json", Condition::Always).await?;
    Ok(counts)
}

async fn put(run: &Run, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
    run.stores.store.put(key, bytes, PARQUET, Condition::Always).await.map(drop)
}

impl Collected {
    /// Compares up to [`MAX_BATCH`] evaluations with the stored records, and writes and removes records.
    async fn apply(&mut self, run: &Run, batch: Vec<(StoredUser, Evaluation)>) -> Result<(), StoreError> {
        let users: Vec<StoredUser> = batch.iter().map(|(user, _)| user.clone()).collect();
        let mut stored = run.stores.risks.get_batch(&users).await?;
        let (mut changed, mut obsolete) = (Vec::new(), Vec::new());
        for (user, evaluation) in batch {
            let previous = stored.remove(&user);
            match evaluation {
                Evaluation::Skipped(skip) => {
                    self.count(skip);
                    // A user who cannot be scored may be at risk as before.
                    obsolete.extend(previous.filter(|_| skip != Skip::Unscorable));
                }
                Evaluation::Scored { score, row } => {
                    let (transition, crossing) = next(previous.as_ref(), &score, &run.params);
                    let is_crossing = crossing.is_some();
                    self.crossings.extend(crossing);
                    let risk = match transition {
                        Transition::Changed(risk) => Some(*risk),
                        Transition::Unchanged | Transition::Superseded => None,
                    };
                    self.add_row(&score, *row, risk.as_ref().or(previous.as_ref()));
                    let Some(risk) = risk else { continue };
                    self.counts.records.changed += 1;
                    if is_crossing {
                        self.crossed.push((score, risk));
                    } else {
                        changed.push((score, risk));
                    }
                }
            }
        }
        self.counts.records.written += run.put_all(changed).await?;
        self.counts.records.removed += run.remove_all(obsolete).await?;
        Ok(())
    }

    fn add_row(&mut self, score: &Score, row: churn_common::features::Row, risk: Option<&UserRisk>) {
        let group = risk.and_then(|risk| risk.assignment.as_ref()).map(|Assignment { group, .. }| *group);
        self.file.push(ScoredRow {
            user: score.user.clone(),
            probability: score.probability,
            risk_level: score.risk_level,
            label: score.label,
            group,
            row,
        });
    }

    /// Encodes the rows that were added, without those of erased users.
    fn encode(&mut self, erased: &HashSet<StoredUser>) -> Result<(), churn_common::table::Error> {
        let Users { scored, by_level, skipped, .. } = &mut self.counts.users;
        self.file.encode(|row| {
            let keep = !erased.contains(&row.user);
            match keep {
                true => {
                    *scored += 1;
                    by_level.add(row.risk_level);
                }
                false => skipped.erased += 1,
            }
            keep
        })
    }

    fn count(&mut self, skip: Skip) {
        let skipped = &mut self.counts.users.skipped;
        *match skip {
            Skip::Inactive => &mut skipped.inactive,
            Skip::Cancelled => &mut skipped.cancelled,
            Skip::Implausible => &mut skipped.implausible,
            Skip::Unscorable => &mut skipped.unscorable,
        } += 1;
    }
}
