//! The text that commands print: indented lines of at most 80 columns, counts with their nouns, ages.

use churn_common::calendar::Timestamp;
use churn_pages::number;
use std::fmt::{self, Display};
use textwrap::{Options, WordSplitter};

const WIDTH: usize = 80;

/// Lines of text, wrapped between words. A word that is longer than a line, such as a path, stays whole.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line that is indented by `indent` spaces.
    pub fn line(&mut self, indent: usize, text: impl Display) -> &mut Self {
        let (first, next) = (" ".repeat(indent), " ".repeat(indent + 2));
        let options = Options::new(WIDTH)
            .initial_indent(&first)
            .subsequent_indent(&next)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(&text.to_string(), options) {
            self.0.push_str(line.trim_end());
            self.0.push('\n');
        }
        self
    }

    /// Adds a line as it is, such as a row of a table or a command.
    pub fn row(&mut self, text: impl Display) -> &mut Self {
        self.0.push_str(text.to_string().trim_end());
        self.0.push('\n');
        self
    }

    pub fn blank(&mut self) -> &mut Self {
        self.0.push('\n');
        self
    }

    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number and its noun, such as `1 object` or `273,456 events`.
pub fn count(n: u64, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", number::count(n)),
    }
}

/// The time since `then`, such as `3 hours ago`.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let minutes = u64::try_from((now.millis() - then.millis()) / 60_000).unwrap_or_default();
    match minutes {
        0 => "less than a minute ago".to_owned(),
        1..120 => format!("{} ago", count(minutes, "minute")),
        120..2880 => format!("{} ago", count(minutes / 60, "hour")),
        _ => format!("{} ago", count(minutes / 1440, "day")),
    }
}

/// The first `max` characters of `text`; an ellipsis is the last of them if `text` is longer.
pub fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A name of the data model as words, such as `gradient boosting`.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_80_columns_and_paths_stay_whole() {
        let mut text = Text::new();
        let path = format!("/{}.html", "long-name".repeat(12));
        text.line(2, format!("{} {path}", "several words".repeat(10))).row("  row  ").blank();
        let lines: Vec<String> = text.to_string().lines().map(str::to_owned).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80 || line.trim() == path), "{text}");
        assert!(lines[0].starts_with("  several") && lines[1].starts_with("    "), "{text}");
        assert_eq!(lines[lines.len() - 2..], ["  row", ""]);
    }

    #[test]
    fn counts_have_the_number_of_their_noun() {
        assert_eq!(
            [count(0, "line"), count(1, "line"), count(273_456, "line")],
            ["0 lines", "1 line", "273,456 lines"]
        );
        assert_eq!([shorten("12345", 5), shorten("123456", 5)], ["12345", "1234…"]);
    }

    #[test]
    fn ages_use_the_unit_that_fits() {
        let at = |minutes: i64| age(Timestamp::from_millis(0), Timestamp::from_millis(minutes * 60_000));
        assert_eq!(at(-5), "less than a minute ago");
        assert_eq!(
            [at(1), at(90), at(180), at(60 * 47)],
            ["1 minute ago", "90 minutes ago", "3 hours ago", "47 hours ago"]
        );
        assert_eq!(at(60 * 24 * 3), "3 days ago");
    }
}
