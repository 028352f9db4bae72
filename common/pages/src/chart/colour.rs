//! The colours of charts. The style sheet replaces them in the dark scheme.

use plotters::style::RGBColor;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x1F, 0x29, 0x37);
/// Reference lines, such as the diagonal of a ROC curve.
pub const MUTED: RGBColor = RGBColor(0x6B, 0x72, 0x80);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xE5, 0xE7, 0xEB);
pub(super) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// The first series.
pub const FIRST: RGBColor = RGBColor(0x25, 0x63, 0xEB);
/// The second series; distinguishable from the first by colour-blind readers.
pub const SECOND: RGBColor = RGBColor(0xC2, 0x41, 0x0C);

#[cfg(test)]
mod tests {
    use super::*;

    /// A colour without a rule would not change in the dark scheme.
    #[test]
    fn style_sheet_has_a_rule_for_every_colour() {
        for colour in [INK, MUTED, GRID, PAPER, FIRST, SECOND] {
            let rule = format!("svg [fill=\"#{:02X}{:02X}{:02X}\"]", colour.0, colour.1, colour.2);
            assert!(crate::page::STYLE.contains(&rule), "{rule}");
        }
    }
}
