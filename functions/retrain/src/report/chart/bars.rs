//! Named horizontal bars.

use super::{Axis, Chart, FIRST, Head, name_row, plain, room, rows, text};
use crate::report::{ReportError, number};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Named horizontal bars, from 0.
pub struct Bars {
    /// What the chart is called.
    pub head: Head,
    /// The axis of the values.
    pub x: Axis,
    /// Names and values, from the top.
    pub bars: Vec<(String, f64)>,
}

impl Bars {
    /// Draws it.
    ///
    /// # Errors
    /// If the library cannot.
    pub fn draw(self) -> Result<Chart, ReportError> {
        let Self { head, x, bars } = self;
        head.draw(116 + 28 * bars.len() as u32, |root| {
            let mut plot = rows(root, 48, room(bars.iter().map(|(name, _)| name.as_str())), &x, bars.len())?;
            for (at, (name, value)) in bars.iter().enumerate() {
                let y = at as f64;
                plot.draw_series([Rectangle::new([(0.0, y - 0.3), (*value, y + 0.3)], FIRST.filled())])?;
                name_row(root, &plot, &x, at, name)?;
                let (end, middle) = plot.backend_coord(&(*value, y));
                text(root, &number::short(*value), (end + 6, middle - 8), &plain(HPos::Left))?;
            }
            Ok(())
        })
    }
}
