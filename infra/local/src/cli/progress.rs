//! Progress bars on standard error. Without a terminal nothing is drawn.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar over `total` units, for example events.
pub fn count(total: u64, unit: &str) -> ProgressBar {
    styled(ProgressBar::new(total), &format!("{{wide_bar}} {{human_pos}} of about {{human_len}} {unit}, {{eta}} left"))
}

/// A bar over `total` bytes.
pub fn bytes(total: u64, step: &str) -> ProgressBar {
    let template = format!("{step} {{wide_bar}} {{bytes}} of {{total_bytes}}, {{bytes_per_sec}}");
    styled(ProgressBar::new(total), &template)
}

/// For work without a known end.
pub fn spinner(step: &str) -> ProgressBar {
    let spinner = styled(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}").with_message(step.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    // The templates of this file are valid; an invalid one would give the default style.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
