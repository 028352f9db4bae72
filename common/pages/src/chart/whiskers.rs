//! Charts of named values with their intervals.

use super::canvas::{Frame, MARGIN, TEXT_WIDTH, WIDTH, text};
use super::plot::{TICKS, rows};
use super::text::{LINE, SIZE, fit, plain, style, width};
use super::{Axis, Caption, Chart, ChartError, FIRST, MUTED};
use churn_common::metrics::Estimate;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Intervals, each below its name.
pub struct Whiskers {
    pub caption: Caption,
    pub x: Axis,
    /// Top to bottom.
    pub marks: Vec<Mark>,
    /// A reference value, drawn as a vertical line.
    pub guide: Option<f64>,
}

pub struct Mark {
    pub name: String,
    /// In the unit of the axis; an undefined value is not drawn.
    pub value: Estimate,
    /// Text at the end of the name's line, or below the name if the line is too short for both.
    pub note: String,
}

/// Height of a mark, and the space below it.
const MARK: i32 = 20;
const GAP: i32 = 8;

impl Whiskers {
    /// # Errors
    /// If the charting library fails.
    pub fn draw(self) -> Result<Chart, ChartError> {
        let Self { caption, x, marks, guide } = self;
        let is_long = |mark: &Mark| width(&mark.name, SIZE) + width(&mark.note, SIZE) + MARGIN > TEXT_WIDTH;
        let lines = if marks.iter().any(is_long) { 2 } else { 1 };
        let row = LINE * lines + MARK + GAP;
        let n = marks.len() as i32;
        let frame = Frame { caption, y: None, legend: Vec::new(), x: Some(&x.label) };
        frame.draw(row * n + TICKS, |root, content| {
            let mut plot = rows(root, content, &x, f64::from(row * n)..0.0)?;
            let within = |v: f64| v.clamp(x.range.start, x.range.end);
            for (mark, top) in marks.iter().zip((0..).step_by(row as usize)) {
                let y = content.top + top;
                text(root, &fit(&mark.name, SIZE, TEXT_WIDTH), (MARGIN, y), &plain(HPos::Left))?;
                let note_style = style(SIZE, MUTED, HPos::Right);
                let note_y = y + LINE * (lines - 1);
                text(root, &fit(&mark.note, SIZE, TEXT_WIDTH), (WIDTH - MARGIN, note_y), &note_style)?;
                let ends = (top + LINE * lines, top + LINE * lines + MARK);
                // The line is interrupted by the texts.
                let guide = guide.map(|guide| vec![(guide, f64::from(ends.0)), (guide, f64::from(ends.1))]);
                plot.draw_series(guide.map(|ends| PathElement::new(ends, MUTED.stroke_width(2))))?;
                let Some(value) = mark.value.value else { continue };
                let middle = f64::midpoint(ends.0.into(), ends.1.into());
                let (low, high) = mark.value.low.zip(mark.value.high).unwrap_or((value, value));
                let line = vec![(within(low), middle), (within(high), middle)];
                plot.draw_series([PathElement::new(line, FIRST.stroke_width(3))])?;
                plot.draw_series([Circle::new((within(value), middle), 6, FIRST.filled())])?;
            }
            Ok(())
        })
    }
}
