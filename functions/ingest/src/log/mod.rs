//! Reads logs: opens an object, decompresses it, splits it into lines, and parses it chunk by chunk.

mod chunk;
pub mod lines;
mod open;
pub mod stream;

pub(crate) use chunk::Chunk;
pub(crate) use open::{Log, OpenLog};
