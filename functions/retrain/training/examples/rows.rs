//! Trains on exported rows and evaluates the model on exported rows of another log. `tests/compare/ranking.sh` runs it.
//!
//! ```sh
//! cargo run --release -p churn-training --example rows -- other.parquet '{"cutoff_interval_days":2}' train.parquet ...
//! ```
//!
//! The files are exports of `retrain` (`snapshots/<run>/rows.parquet`). With a larger `cutoff_interval_days` than that of the
//! export, cutoffs are left out. Prints one line of JSON for each file to train on.

use churn_common::calendar::{Day, Timestamp};
use churn_common::history::Overlaps;
use churn_common::metrics::{log_loss, pr_auc, roc_auc};
use churn_common::model::card::Exclusions;
use churn_common::pseudonym::StoredUser;
use churn_common::settings::Settings;
use churn_common::snapshot::Snapshot;
use churn_common::table;
use churn_training::{Deadline, Split, TrainingData, TrainingSettings, train};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;

/// The position of the columns of an export.
const USER: usize = 0;
const CUTOFF: usize = 1;
const SPLIT: usize = 2;
const CHURNED: usize = 4;

struct Rows {
    snapshots: Vec<Snapshot>,
    is_test: Vec<bool>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [other, settings, train @ ..] = args.as_slice() else {
        return Err("expected a file to evaluate on, settings, and files to train on".into());
    };
    let overrides: Map<String, Value> = serde_json::from_str(settings)?;
    let settings = TrainingSettings::default().overridden(overrides)?;
    let other = Rows::read(other)?.snapshots;
    for path in train {
        println!("{}", evaluate(Rows::read(path)?, &other, &settings, path)?);
    }
    Ok(())
}

fn evaluate(rows: Rows, other: &[Snapshot], settings: &TrainingSettings, path: &str) -> Result<Value, Box<dyn Error>> {
    let data = rows.into_data(settings)?;
    let started = std::time::Instant::now();
    let trained = train(&data, settings, Deadline::NONE, Timestamp::from_millis(0))?;
    let seconds = started.elapsed().as_secs_f64();
    let probabilities = trained.model.predict_all(other.iter().map(|s| &s.row))?;
    let labels: Vec<bool> = other.iter().map(|s| s.churned).collect();
    let rate = |labels: &[bool]| labels.iter().filter(|label| **label).count() as f64 / labels.len() as f64;
    let mean = |p: &[f64]| p.iter().sum::<f64>() / p.len() as f64;
    let card = &trained.card;
    let candidates: Vec<Value> = card
        .candidates
        .iter()
        .filter(|c| c.best_of_family)
        .map(|c| {
            json!([
                c.family,
                c.log_loss,
                c.metrics["roc_auc"].value,
                c.hyper_parameters,
                c.difference_to_best,
                c.cv_seconds
            ])
        })
        .collect();
    Ok(json!({
        "file": path, "family": card.family, "seconds": seconds, "train": card.training, "candidates": candidates,
        "calibration": card.calibration.calibration, "training_roc_auc": card.training_evaluation.roc_auc,
        "held_out": {
            "rows": card.test.rows, "positives": card.test.positives, "roc_auc": card.evaluation.roc_auc,
            "calibration_in_the_large": card.metrics["calibration_in_the_large"],
            "recall": card.metrics["recall"].value, "precision": card.metrics["precision"].value,
        },
        "other": {
            "roc_auc": roc_auc(&labels, &probabilities)?, "pr_auc": pr_auc(&labels, &probabilities)?,
            "log_loss": log_loss(&labels, &probabilities)?, "predicted": mean(&probabilities), "observed": rate(&labels),
        },
    }))
}

impl Rows {
    fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let features = table::read_rows(std::fs::read(path)?)?;
        let reader = SerializedFileReader::new(File::open(path)?)?;
        let (mut snapshots, mut is_test) = (Vec::new(), Vec::new());
        for (keys, row) in reader.get_row_iter(None)?.zip(features) {
            let keys = keys?;
            let user = StoredUser::from_stored(keys.get_string(USER)?).ok_or("empty user id")?;
            let Some((_, Field::Date(cutoff))) = keys.get_column_iter().nth(CUTOFF) else {
                return Err("the cutoff is not a date".into());
            };
            let cutoff = Day::from_number(*cutoff);
            snapshots.push(Snapshot { user, cutoff, row, churned: keys.get_bool(CHURNED)? });
            is_test.push(keys.get_string(SPLIT)? == "test");
        }
        Ok(Self { snapshots, is_test })
    }

    fn into_data(self, settings: &TrainingSettings) -> Result<TrainingData, Box<dyn Error>> {
        let newest = self.snapshots.iter().map(|s| s.cutoff).max().ok_or("no rows")?;
        let interval = i32::from(settings.cutoff_interval_days.unwrap_or(1));
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (snapshot, is_test) in self.snapshots.into_iter().zip(self.is_test) {
            if newest.since(snapshot.cutoff) % interval == 0 {
                if is_test { test.push(snapshot) } else { train.push(snapshot) }
            }
        }
        let cutoffs = |rows: &[Snapshot]| {
            let distinct: BTreeSet<Day> = rows.iter().map(|s| s.cutoff).collect();
            distinct.into_iter().collect::<Vec<_>>()
        };
        let split = Split { train: cutoffs(&train), test: cutoffs(&test) };
        let current = test.iter().map(|s| s.row).collect();
        let exclusions =
            Exclusions { days: Vec::new(), users: 0, max_daily_user_events: settings.max_daily_user_events };
        let (data_range, overlaps) = ((newest, newest), Overlaps::default());
        Ok(TrainingData { data_range, overlaps, split, train, test, current, future_checked: 0, exclusions })
    }
}
