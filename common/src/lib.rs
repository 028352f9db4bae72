//! Code that two or more functions share: events, features, models and stores.

pub mod actions;
pub mod audience;
#[cfg(feature = "stores")]
pub mod aws;
pub mod calendar;
pub mod event;
#[cfg(feature = "stores")]
pub mod event_bus;
pub mod evidence;
pub mod features;
pub mod history;
pub mod ids;
pub mod json_text;
pub mod label;
pub mod language;
pub mod metrics;
pub mod model;
pub mod offer;
pub mod payload;
pub mod prices;
pub mod pseudonym;
pub mod random;
pub mod reasons;
pub mod risk;
pub mod session;
pub mod settings;
pub mod snapshot;
pub mod store;
#[cfg(feature = "parquet")]
pub mod table;
pub mod telemetry;

#[cfg(test)]
mod testing;
