//! A 2 × 2 table of counts with shaded cells, such as a confusion matrix.

use super::canvas::{Frame, MARGIN, text};
use super::colour::INK;
use super::text::{LINE, plain, style};
use super::{Caption, Chart, ChartError, FIRST};
use crate::number;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// A 2 × 2 table of counts with shaded cells.
pub struct Grid {
    pub caption: Caption,
    /// The title of the columns, and the name of each.
    pub columns: (&'static str, [&'static str; 2]),
    /// The title of the rows, and the name of each.
    pub rows: (&'static str, [&'static str; 2]),
    /// Count and name of each cell, by row.
    pub cells: [[(u64, &'static str); 2]; 2],
}

const LEFT: i32 = 120;
const CELL: (i32, i32) = (230, 120);

impl Grid {
    /// Draws the chart. Cells with a larger share of their row are darker.
    ///
    /// # Errors
    /// If the charting library fails.
    pub fn draw(self) -> Result<Chart, ChartError> {
        let Self { caption, columns, rows, cells } = self;
        let frame = Frame { caption, y: None, legend: Vec::new(), x: None };
        frame.draw(2 * LINE + 2 * CELL.1, |root, content| {
            let top = content.top + 2 * LINE;
            text(root, columns.0, (LEFT + CELL.0, content.top), &plain(HPos::Center))?;
            text(root, rows.0, (MARGIN, content.top + LINE), &plain(HPos::Left))?;
            for (column, name) in (0i32..).zip(columns.1) {
                let middle = LEFT + CELL.0 * column + CELL.0 / 2;
                text(root, name, (middle, content.top + LINE), &plain(HPos::Center))?;
            }
            for ((row, name), cells) in (0i32..).zip(rows.1).zip(&cells) {
                let y = top + CELL.1 * row;
                text(root, name, (LEFT - 12, y + CELL.1 / 2 - 10), &plain(HPos::Right))?;
                let total: u64 = cells.iter().map(|(count, _)| count).sum();
                for (column, (count, name)) in (0i32..).zip(cells) {
                    let x = LEFT + CELL.0 * column;
                    let share = if total == 0 { 0.0 } else { *count as f64 / total as f64 };
                    let corners = [(x + 2, y + 2), (x + CELL.0 - 2, y + CELL.1 - 2)];
                    root.draw(&Rectangle::new(corners, FIRST.mix(0.08 + 0.4 * share).filled()))?;
                    let (middle, centre) = (x + CELL.0 / 2, y + CELL.1 / 2);
                    text(root, &number::count(*count), (middle, centre - 44), &style(28.0, INK, HPos::Center))?;
                    text(root, name, (middle, centre - 4), &plain(HPos::Center))?;
                    let share = format!("{} of the row", number::percent(share, 1));
                    text(root, &share, (middle, centre + LINE - 4), &plain(HPos::Center))?;
                }
            }
            Ok(())
        })
    }
}
