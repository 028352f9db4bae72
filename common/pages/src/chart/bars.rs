//! Bar charts.

use super::canvas::{draw, plain, row_name, rows, text};
use super::{Axis, Caption, Chart, ChartError, FIRST};
use crate::number;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Horizontal bars with names, from 0.
pub struct Bars {
    pub caption: Caption,
    pub x: Axis,
    /// Names and values, top to bottom.
    pub bars: Vec<(String, f64)>,
}

impl Bars {
    /// # Errors
    /// If the charting library fails.
    pub fn draw(self) -> Result<Chart, ChartError> {
        let Self { caption, x, bars } = self;
        let names: Vec<&str> = bars.iter().map(|(name, _)| name.as_str()).collect();
        draw(caption, 116 + 28 * bars.len() as u32, |root| {
            let mut plot = rows(root, &x, &names)?;
            for (at, (name, value)) in bars.iter().enumerate() {
                let y = at as f64;
                plot.draw_series([Rectangle::new([(0.0, y - 0.3), (*value, y + 0.3)], FIRST.filled())])?;
                row_name(root, &plot, &x, at, name)?;
                let (end, middle) = plot.backend_coord(&(*value, y));
                text(root, &number::short(*value), (end + 6, middle - 8), &plain(HPos::Left))?;
            }
            Ok(())
        })
    }
}
