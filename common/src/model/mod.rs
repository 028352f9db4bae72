//! The served model.

pub mod flat;
