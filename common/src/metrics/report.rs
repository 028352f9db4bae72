//! The classification report: metrics at a threshold, per class and averaged.

use serde::{Deserialize, Serialize};

use super::Confusion;

/// Metrics of one class, or averages over both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ClassScores {
    /// Share of the rows predicted as this class that are, 0..=1; `None` if none is predicted so.
    pub precision: Option<f64>,
    /// Share of the rows of this class predicted as this class, 0..=1; `None` if the class has no rows.
    pub recall: Option<f64>,
    /// `2·tp / (2·tp + fp + fn)`, 0..=1; `None` if no row is of this class or predicted so.
    pub f1: Option<f64>,
    /// Number of rows of this class.
    pub support: u64,
}

/// The metrics of scikit-learn's `classification_report`. Averages ignore undefined values, as with
/// `zero_division=np.nan`; an average of no values, or with no support, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ClassificationReport {
    /// The class of rows labelled false.
    pub negative: ClassScores,
    /// The class of rows labelled true.
    pub positive: ClassScores,
    /// Share of rows predicted correctly, 0..=1.
    pub accuracy: f64,
    /// Mean over the two classes.
    pub macro_avg: ClassScores,
    /// Mean over the two classes, weighted by their support.
    pub weighted_avg: ClassScores,
}

impl ClassificationReport {
    pub(super) fn from_confusion(confusion: &Confusion) -> Self {
        let negative = ClassScores::from_confusion(&confusion.of_negative_class());
        let positive = ClassScores::from_confusion(confusion);
        Self {
            negative,
            positive,
            accuracy: (confusion.tn + confusion.tp) as f64 / confusion.rows() as f64,
            macro_avg: ClassScores::average([(negative, 1), (positive, 1)]),
            weighted_avg: ClassScores::average([(negative, negative.support), (positive, positive.support)]),
        }
    }

    /// The report as text in scikit-learn's layout, with `nan` for undefined values. `names` are those of the negative
    /// and of the positive class.
    pub fn to_text(&self, names: [&str; 2]) -> String {
        let width = names.iter().map(|n| n.chars().count()).fold("weighted avg".len(), usize::max);
        let line = |name: &str, s: &ClassScores| {
            let [p, r, f] = [s.precision, s.recall, s.f1].map(|x| x.map_or("nan".to_owned(), |x| format!("{x:.2}")));
            format!("{name:>width$}  {p:>9} {r:>9} {f:>9} {:>9}\n", s.support)
        };
        let head = format!("{:>width$}  {:>9} {:>9} {:>9} {:>9}\n", "", "precision", "recall", "f1-score", "support");
        let accuracy = format!("{:>width$}  {:>9} {:>9} {:>9.2} ", "accuracy", "", "", self.accuracy);
        [
            head,
            "\n".to_owned(),
            line(names[0], &self.negative),
            line(names[1], &self.positive),
            "\n".to_owned(),
            format!("{accuracy}{:>9}\n", self.macro_avg.support),
            line("macro avg", &self.macro_avg),
            line("weighted avg", &self.weighted_avg),
        ]
        .concat()
    }
}

impl ClassScores {
    fn from_confusion(c: &Confusion) -> Self {
        Self {
            precision: share(c.tp, c.tp + c.fp),
            recall: share(c.tp, c.tp + c.fn_),
            f1: share(2 * c.tp, 2 * c.tp + c.fp + c.fn_),
            support: c.tp + c.fn_,
        }
    }

    fn average(classes: [(Self, u64); 2]) -> Self {
        let average = |score: fn(&Self) -> Option<f64>| {
            let defined = || classes.iter().filter_map(|(class, weight)| Some((score(class)?, *weight as f64)));
            let weight: f64 = defined().map(|(_, weight)| weight).sum();
            (weight > 0.0).then(|| defined().map(|(score, weight)| score * weight).sum::<f64>() / weight)
        };
        Self {
            precision: average(|c| c.precision),
            recall: average(|c| c.recall),
            f1: average(|c| c.f1),
            support: classes.iter().map(|(class, _)| class.support).sum(),
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
