//! Progress bars on standard error; nothing is drawn where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar over `total` things, such as events.
pub fn count(total: u64, what: &str) -> ProgressBar {
    styled(ProgressBar::new(total), &format!("{{wide_bar}} {{human_pos}} of about {{human_len}} {what}, {{eta}} left"))
}

/// A bar over `total` bytes.
pub fn bytes(total: u64, doing: &str) -> ProgressBar {
    let template = format!("{doing} {{wide_bar}} {{bytes}} of {{total_bytes}}, {{bytes_per_sec}}");
    styled(ProgressBar::new(total), &template)
}

/// A sign of life for work whose end is not known.
pub fn spinner(doing: &str) -> ProgressBar {
    let spinner = styled(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}").with_message(doing.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    // A template that does not parse would be a slip in this file; the bar then looks plain.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
