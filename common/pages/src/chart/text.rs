//! Text in charts: its size, and how much of it fits on a line. The font of the browser is unknown, so widths are estimates
//! for a wide font.

use super::colour::INK;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Size of the text in units of a chart's width of 600: at a page width of 390 px, a chart is 358 px wide and this text
/// has 11.9 px.
pub(super) const SIZE: f64 = 20.0;
pub(super) const TITLE_SIZE: f64 = 22.0;
/// From one line to the next.
pub(super) const LINE: i32 = 26;
/// The SVG backend divides the size of a font by this.
const BACKEND_SCALE: f64 = 1.24;
/// Mean width of a character relative to the size of the font, as in DejaVu Sans; most fonts are narrower.
const CHARACTER: f64 = 0.56;

pub(super) fn style(size: f64, colour: RGBColor, at: HPos) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, size * BACKEND_SCALE, FontStyle::Normal);
    TextStyle { font, color: colour.to_backend_color(), pos: Pos::new(at, VPos::Top) }
}

/// Text of the default size.
pub(super) fn plain(at: HPos) -> TextStyle<'static> {
    style(SIZE, INK, at)
}

pub(super) fn bold(mut style: TextStyle<'_>) -> TextStyle<'_> {
    style.font = style.font.style(FontStyle::Bold);
    style
}

pub(super) fn width(text: &str, size: f64) -> i32 {
    (text.chars().count() as f64 * size * CHARACTER).ceil() as i32
}

/// Splits text between words into lines of at most this width. A longer word has its own line and ends with `…`.
pub(super) fn wrap(text: &str, size: f64, max_width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| width(&format!("{line} {word}"), size) <= max_width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(fit(word, size, max_width)),
        }
    }
    lines
}

/// The start of a text that is too long for this width, with `…` at the end.
pub(super) fn fit(text: &str, size: f64, max_width: i32) -> String {
    if width(text, size) <= max_width {
        return text.to_owned();
    }
    let characters = (f64::from(max_width) / (size * CHARACTER)) as usize;
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_between_words_and_long_words_are_cut() {
        // 10 characters of size 10 have a width of 56, rounded up.
        let wrap = |text| wrap(text, 10.0, 57);
        assert_eq!(wrap("one"), ["one"]);
        assert_eq!(wrap("one two three"), ["one two", "three"]);
        assert_eq!(wrap("one  0123456789 0123456789x"), ["one", "0123456789", "012345678…"]);
        assert!(wrap("").is_empty());
        for line in wrap("the share of the churned rows among_all_rows_of_this_page") {
            assert!(width(&line, 10.0) <= 57, "{line}");
        }
    }
}
