//! AWS: the shared connection, and small clients for services of which only one operation is needed. The SDK crates of
//! these services take minutes to compile.

mod connection;
mod endpoint;
mod event_bridge;
mod lambda;
mod operation;
mod sns;
#[cfg(test)]
pub(crate) mod testing;
mod xml;

pub use connection::{http_client, install_tls_provider, load_config};
pub use event_bridge::{Event, EventBridge, MAX_EVENTS, PutEventResult};
pub use lambda::Lambda;
pub use sns::{Message, Sns};
