//! Validation.

/// Rows to fit on, and rows to score with what was fitted, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows that are fitted on.
    pub train: Vec<usize>,
    /// Rows that are held out.
    pub test: Vec<usize>,
}
