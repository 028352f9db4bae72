//! `GET /users` and `GET /users/{id}`: what `score` has stored about users at risk. No model is loaded, and no table is scanned.

mod cursor;
mod detail;
mod list;
mod parameters;
mod representation;

#[cfg(feature = "schemas")]
pub(crate) use detail::UserDetail;
pub(crate) use detail::user;
#[cfg(feature = "schemas")]
pub(crate) use list::UserPage;
pub(crate) use list::list;
#[cfg(feature = "schemas")]
pub(crate) use parameters::{DEFAULT_LIMIT, MAX_LIMIT};
