//! Reading logs: an object is opened, decompressed, cut into lines, and read chunk by chunk.

mod chunk;
pub mod lines;
mod open;
pub mod stream;

pub(crate) use chunk::Chunk;
pub(crate) use open::{Log, OpenLog};
