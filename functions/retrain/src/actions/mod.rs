//! The actions besides training: change the champion, list the models, evaluate a model.

mod change_champion;
mod error;
mod evaluate;
mod list;

pub(crate) use change_champion::change_champion;
pub use error::{ActionError, NotEvaluated};
pub use evaluate::Backtest;
pub(crate) use evaluate::evaluate;
pub use list::Listing;
pub(crate) use list::list;
