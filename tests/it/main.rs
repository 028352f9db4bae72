//! The cross-function tests, in one executable because linking takes longer than most tests.

mod champion;
mod continuations;
mod docs;
mod echo;
mod erasure;
mod events;
mod functions;
mod fuzz_corpus;
mod http_api;
mod ingest_deliveries;
mod ingest_faults;
mod ingest_outcomes;
mod ingest_schedules;
mod local_lambda;
mod local_stack;
mod log_formats;
mod mlflow_real;
mod monitor;
mod real_logs;
mod registry;
mod registry_faults;
mod report;
mod s3_conformance;
mod tracking;
mod unprocessed_items;
mod xgboost_parity;
