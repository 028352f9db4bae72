//! Bar charts.

use super::canvas::{Frame, MARGIN, TEXT_WIDTH, text};
use super::plot::{TICKS, rows};
use super::text::{LINE, SIZE, fit, plain, style};
use super::{Axis, Caption, Chart, ChartError, FIRST, MUTED};
use crate::number;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Horizontal bars from 0, each below its name.
pub struct Bars {
    pub caption: Caption,
    pub x: Axis,
    /// Top to bottom.
    pub bars: Vec<Bar>,
}

pub struct Bar {
    pub name: String,
    /// A second, muted line.
    pub detail: Option<String>,
    pub value: f64,
}

/// Height of a bar, and the space below it.
const BAR: i32 = 18;
const GAP: i32 = 12;

impl Bars {
    /// # Errors
    /// If the charting library fails.
    pub fn draw(self) -> Result<Chart, ChartError> {
        let Self { caption, x, bars } = self;
        let lines = if bars.iter().any(|bar| bar.detail.is_some()) { 2 } else { 1 };
        let (row, texts) = (LINE * lines + BAR + GAP, LINE * lines);
        let n = bars.len() as i32;
        let frame = Frame { caption, y: None, legend: Vec::new(), x: Some(&x.label) };
        frame.draw(row * n + TICKS, |root, content| {
            let mut plot = rows(root, content, &x, f64::from(row * n)..0.0)?;
            for (bar, top) in bars.iter().zip((0..).step_by(row as usize)) {
                let y = content.top + top;
                let line = |text: &str| fit(text, SIZE, TEXT_WIDTH);
                text(root, &line(&bar.name), (MARGIN, y + 2), &plain(HPos::Left))?;
                if let Some(detail) = &bar.detail {
                    text(root, &line(detail), (MARGIN, y + 2 + LINE), &style(SIZE, MUTED, HPos::Left))?;
                }
                let ends = [f64::from(top + texts), f64::from(top + texts + BAR)];
                plot.draw_series([Rectangle::new([(0.0, ends[0]), (bar.value, ends[1])], FIRST.filled())])?;
                let (end, _) = plot.backend_coord(&(bar.value, ends[0]));
                text(root, &number::short(bar.value), (end + 6, y + texts - 1), &plain(HPos::Left))?;
            }
            Ok(())
        })
    }
}
