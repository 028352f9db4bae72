//! The files of a `score` run in the store bucket: their keys, and the manifest of a day.
//!
//! Names that begin with `_` are ignored by Athena, Spark and Hive, so that a folder is a partition of a table.

use crate::calendar::Day;
use crate::model::ModelVersion;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The prefix of all scores.
pub const SCORES: &str = "scores/";
/// The prefix of all assignments to groups.
pub const ASSIGNMENTS: &str = "assignments/";
/// First part of the file name of a segment's summary, which is written when the segment is complete.
pub const SUMMARY: &str = "_part-";
/// The prefix of all audience files.
pub const EXPORTS: &str = "exports/";
/// The key of [`LatestScores`].
pub const LATEST: &str = "scores/_latest.json";

/// The prefix of the scores of a day.
pub fn scores_prefix(as_of: Day) -> String {
    format!("{SCORES}date={as_of}/")
}

/// The prefix of the assignments of a day.
pub fn assignments_prefix(as_of: Day) -> String {
    format!("{ASSIGNMENTS}date={as_of}/")
}

/// The key of the audience file of a day.
pub fn audience_key(as_of: Day, extension: &str) -> String {
    format!("{EXPORTS}date={as_of}/audience.{extension}")
}

/// The key of the manifest of a day. It is written last.
pub fn manifest_key(as_of: Day) -> String {
    format!("{}_manifest.json", scores_prefix(as_of))
}

/// The file name of a segment in both prefixes.
pub fn part_name(segment: u16, total_segments: u16) -> String {
    format!("part-{segment}-of-{total_segments}.parquet")
}

/// The last day that was scored completely.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestScores {
    pub as_of: Day,
}

/// All files of a day. Its content is the same after a repeat of the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub as_of: Day,
    pub model_version: ModelVersion,
    pub total_segments: u16,
    /// Keys of the files of scores, by segment.
    pub scores: Vec<String>,
    /// Keys of the files of assignments, by segment.
    pub assignments: Vec<String>,
    /// Counts of users, as in the response of `score`.
    pub users: Value,
}
