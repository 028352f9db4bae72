//! Run with `cargo +nightly fuzz run log_reader` in `tests/`. See `targets::log_reader`.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::log_reader(input));
