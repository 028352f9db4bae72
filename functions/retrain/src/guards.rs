//! Guards against leaks: scores that are too good to be true because a feature has seen the answer.

use crate::candidates::{Candidate, Rows};
use crate::random::{rng, shuffle};
use crate::ranks::ranks;
use crate::search::SearchError;
use crate::validation::{Fold, Folds};
use churn_common::calendar::{Day, Timestamp};
use churn_common::event::{Event, Gender, Level, Page};
use churn_common::features::{Row, SCHEMA};
use churn_common::history::History;
use churn_common::ids::{SessionId, UserId};
use churn_common::metrics::{Estimate, EstimateParams, MetricsError, difference, estimate, roc_auc};
use churn_common::model::card::{PermutedLabels, SingleFeature};

/// Of what a model has above chance, the share that a single feature must not reach alone.
const NEAR: f64 = 0.95;
/// Times that labels are shuffled until each fold has both classes.
const SHUFFLES: u32 = 100;

/// Whether what `row` tells of a history changes when events of every kind are added from `cutoff` on.
pub fn sees_the_future(user: &UserId, history: &History, cutoff: Day, row: impl Fn(&History) -> Option<Row>) -> bool {
    let start = cutoff.start().millis();
    let event = |(n, page): (u32, &Page)| Event {
        user: user.clone(),
        session: SessionId::from_number(u64::MAX),
        item: Some(n),
        // The first at the very cutoff, then one each six hours.
        ts: Timestamp::from_millis(start + i64::from(n) * 21_600_000),
        page: *page,
        level: Some(if n % 2 == 0 { Level::Free } else { Level::Paid }),
        registration: Some(Timestamp::from_millis(1)),
        gender: Some(if n % 2 == 0 { Gender::Female } else { Gender::Male }),
        artist: Some("future artist".into()),
        song: Some(format!("future song {n}").into()),
        length_ms: Some(300_000),
    };
    let future: Vec<Event<'_>> = (0..).zip(Page::ALL).map(event).collect();
    let mut longer = history.clone();
    longer.add_events(&future);
    let bits = |row: Option<Row>| row.map(|row| row.values().map(f32::to_bits));
    bits(row(history)) != bits(row(&longer))
}

/// Cross-validates `candidate` on shuffled labels; `None` where no shuffle leaves both classes to each fold to train on.
///
/// # Errors
/// If the candidate cannot be fitted.
pub fn permuted_labels(
    candidate: &dyn Candidate,
    rows: &Rows,
    folds: &Folds,
    resamples: u32,
    seed: u64,
) -> Result<Option<PermutedLabels>, SearchError> {
    let Some(labels) = shuffled(&rows.labels, folds, seed) else { return Ok(None) };
    let shuffled = Rows { labels, ..rows.clone() };
    let found = candidate.cross_validate(&shuffled, &folds.folds)?;
    let ranks: Vec<f64> = found.scores.iter().flat_map(|scores| ranks(scores)).collect();
    let labels: Vec<bool> = folds.held_out().map(|row| shuffled.labels[row]).collect();
    let users: Vec<u32> = folds.held_out().map(|row| rows.users[row]).collect();
    let params = EstimateParams { threshold: 0.5, k: 1, level: 0.99, resamples, seed };
    let scores = estimate(&labels, &ranks, &users, &params)?;
    let roc_auc = scores.get("roc_auc").copied().unwrap_or(Estimate::UNDEFINED);
    Ok(Some(PermutedLabels { roc_auc, passed: roc_auc.low.is_none_or(|low| low <= 0.5) }))
}

/// The labels in random order, such that each fold has rows of both classes to train on, if that can be had.
fn shuffled(labels: &[bool], folds: &Folds, seed: u64) -> Option<Vec<bool>> {
    let mut rng = rng(seed, 1);
    let mut labels = labels.to_vec();
    (0..SHUFFLES).find_map(|_| {
        shuffle(&mut labels, &mut rng);
        let has = |fold: &Fold, class: bool| fold.train.iter().any(|&row| labels[row] == class);
        folds.folds.iter().all(|fold| has(fold, true) && has(fold, false)).then(|| labels.clone())
    })
}

/// Scores every feature alone on the rows that were held out, missing values in the middle, against the model's `ranks`
/// of the same rows, within folds as those of the feature. It is near where chance does not explain it otherwise.
///
/// # Errors
/// If the ranks cannot be scored.
pub fn single_feature(
    rows: &Rows,
    folds: &Folds,
    model: &[f64],
    params: &EstimateParams,
) -> Result<SingleFeature, MetricsError> {
    let held_out: Vec<usize> = folds.held_out().collect();
    let labels: Vec<bool> = held_out.iter().map(|&row| rows.labels[row]).collect();
    let users: Vec<u32> = held_out.iter().map(|&row| rows.users[row]).collect();
    let model_roc_auc = roc_auc(&labels, model)?;
    let mut strongest = ("", None, Vec::new());
    for (feature, values) in SCHEMA.iter().zip(rows.features.columns()) {
        let in_fold = |fold: &Fold| ranks_alone(fold.test.iter().map(|&row| f64::from(values[row])).collect());
        let mut alone: Vec<f64> = folds.folds.iter().flat_map(in_fold).collect();
        let mut auc = roc_auc(&labels, &alone)?;
        if auc < Some(0.5) {
            alone.iter_mut().for_each(|rank| *rank = 1.0 - *rank);
            auc = auc.map(|auc| 1.0 - auc);
        }
        if auc > strongest.1 {
            strongest = (feature.name, auc, alone);
        }
    }
    let (feature, alone_roc_auc, alone) = strongest;
    let mut near = false;
    if let Some(model_roc_auc) = model_roc_auc {
        let ahead = difference(&labels, &alone, model, &users, params)?;
        let low = ahead.get("roc_auc").and_then(|ahead| ahead.low);
        near = low.is_some_and(|low| low >= (NEAR - 1.0) * (model_roc_auc - 0.5).max(0.0));
    }
    Ok(SingleFeature { feature: feature.to_owned(), roc_auc: alone_roc_auc, model_roc_auc, near })
}

/// Ranks of a feature's values, 0..=1; those that are missing in the middle.
fn ranks_alone(values: Vec<f64>) -> Vec<f64> {
    let present: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    let mut present = ranks(&present).into_iter();
    values.iter().map(|x| if x.is_nan() { 0.5 } else { present.next().unwrap_or(0.5) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::boosting::BoostingParams;
    use crate::candidates::testing::generate;
    use crate::validation::FoldParams;
    use churn_common::snapshot::at_risk;
    use ndarray::Array2;

    fn user() -> UserId {
        UserId::new("30").unwrap()
    }

    fn history(cutoff: Day) -> History {
        let mut history = History::default();
        let songs: Vec<Event<'_>> = (0..40)
            .map(|n| Event {
                user: user(),
                session: SessionId::from_number(1),
                item: Some(n),
                ts: Timestamp::from_millis(cutoff.start().millis() - 3_600_000 - i64::from(n) * 60_000),
                page: Page::NextSong,
                level: Some(Level::Paid),
                registration: None,
                gender: None,
                artist: None,
                song: Some("song".into()),
                length_ms: Some(200_000),
            })
            .collect();
        history.add_events(&songs);
        history
    }

    #[test]
    fn features_are_blind_for_the_future_and_one_that_is_not_would_be_found() {
        let cutoff = Day::from_number(17_900);
        let history = history(cutoff);
        let at = |day: Day| move |history: &History| at_risk(history, day, 30);
        assert!(at(cutoff)(&history).is_some());
        assert!(!sees_the_future(&user(), &history, cutoff, at(cutoff)));
        // A fold that reads one day on, and one that is told of a cancellation by getting no row.
        assert!(sees_the_future(&user(), &history, cutoff, at(cutoff.plus(1))));
        assert!(sees_the_future(&user(), &history, cutoff, at(cutoff.plus(14))));
    }

    fn boosted() -> impl Candidate {
        let params = BoostingParams {
            learning_rate: 0.2,
            rounds: 20,
            row_share: 1.0,
            feature_share: 1.0,
            ..BoostingParams::default()
        };
        params.check().unwrap()
    }

    fn folds(rows: &Rows) -> Folds {
        let params = FoldParams { user_groups: 4, time_blocks: 1, matures_after: 14, min_rows_per_class: 1, seed: 0 };
        Folds::new(rows, &vec![Day::from_number(0); rows.labels.len()], &params).unwrap()
    }

    #[test]
    fn shuffled_labels_score_by_chance_unless_a_fold_trains_on_what_it_holds_out() {
        let rows = generate(1, 800);
        let mut folds = folds(&rows);
        for seed in 0..5 {
            let honest = permuted_labels(&boosted(), &rows, &folds, 300, seed).unwrap().unwrap();
            assert!(honest.passed, "{honest:?}");
            assert!((honest.roc_auc.value.unwrap() - 0.5).abs() < 0.1, "{honest:?}");
        }
        folds.folds.iter_mut().for_each(|fold| fold.train.extend(fold.test.clone()));
        let leaking = permuted_labels(&boosted(), &rows, &folds, 300, 0).unwrap().unwrap();
        assert!(!leaking.passed, "{leaking:?}");
    }

    /// So few rows churned that a shuffle may well leave a fold none to train on.
    #[test]
    fn labels_are_shuffled_such_that_each_fold_can_be_trained_on() {
        let mut rows = generate(1, 60);
        let folds = folds(&rows);
        rows.labels = (0..60).map(|row| row % 30 == 0).collect();
        for seed in 0..20 {
            let labels = shuffled(&rows.labels, &folds, seed).unwrap();
            assert_eq!(labels.iter().filter(|label| **label).count(), 2);
            assert!(folds.folds.iter().all(|fold| fold.train.iter().any(|&row| labels[row])));
        }
        let one_class = Rows { labels: vec![false; 60], ..rows };
        assert_eq!(permuted_labels(&boosted(), &one_class, &folds, 300, 0).unwrap(), None);
    }

    #[test]
    fn a_feature_that_is_the_answer_is_named() {
        let rows = generate(1, 600);
        let folds = folds(&rows);
        let held_out: Vec<usize> = folds.held_out().collect();
        let probabilities: Vec<f64> =
            held_out.iter().map(|&row| if rows.labels[row] { 0.6 } else { 0.4 } + row as f64 % 7.0 / 20.0).collect();
        let params = EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples: 300, seed: 0 };
        let honest = single_feature(&rows, &folds, &probabilities, &params).unwrap();
        assert!(!honest.near && honest.roc_auc < Some(0.7), "{honest:?}");

        let leak: Vec<f32> = rows.labels.iter().map(|label| if *label { -1.0 } else { 1.0 }).collect();
        let mut leaking = rows.clone();
        leaking.features.column_mut(3).assign(&Array2::from_shape_vec((600, 1), leak).unwrap().column(0));
        let found = single_feature(&leaking, &folds, &probabilities, &params).unwrap();
        assert_eq!((found.near, found.feature.as_str(), found.roc_auc), (true, SCHEMA[3].name, Some(1.0)));

        // A model that ranks a little worse than the strongest of many features, on so few rows that this may be chance.
        let weak = |&row: &usize| if rows.labels[row] { 0.52 } else { 0.5 } + (row % 7) as f64 / 20.0;
        let weak: Vec<f64> = held_out.iter().map(weak).collect();
        let by_chance = single_feature(&rows, &folds, &weak, &params).unwrap();
        assert!(by_chance.roc_auc > by_chance.model_roc_auc && !by_chance.near, "{by_chance:?}");
    }
}
