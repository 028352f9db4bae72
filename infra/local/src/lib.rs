//! The local stack: the parts of S3, DynamoDB, Lambda, API Gateway, EventBridge and SNS that this project uses, in one process
//! on loopback. The functions run as on AWS, over the real protocols; only the endpoints differ. The command line is part of
//! the library, so that the tests build the binary from the same `main.rs`.

pub mod cli;
pub mod config;
pub mod data;
mod disk_full;
pub mod dynamodb;
pub mod eventbridge;
pub mod gateway;
pub mod http;
pub mod json_lines;
pub mod lambda;
pub mod notify;
pub mod resume;
pub mod s3;
pub mod schedule;
pub mod simulate;
pub mod sns;
pub mod stack;

pub use config::{DataDir, StackConfig};
pub use stack::Stack;
