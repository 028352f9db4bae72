//! Run with `cargo +nightly fuzz run event_line` in `tests/`. See `targets::event_line`.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::event_line(input));
