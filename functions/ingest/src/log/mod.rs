//! Reads logs: opens an object, decompresses it, detects its format, splits it into lines, and parses it chunk by chunk.

mod chunk;
mod content;
mod format;
pub mod lines;
mod markers;
pub mod members;
mod open;
pub mod stream;
mod values;

pub(crate) use chunk::Chunk;
pub(crate) use format::UnsupportedFormat;
pub(crate) use markers::is_marker;
pub(crate) use open::{Log, OpenLog};
