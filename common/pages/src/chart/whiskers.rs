//! Charts of named values with their intervals.

use super::canvas::{draw, plain, row_name, rows, text};
use super::colour::PAPER;
use super::{Axis, Caption, Chart, ChartError, FIRST, MUTED};
use churn_common::metrics::Estimate;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

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
    /// Text next to the value.
    pub note: String,
}

impl Whiskers {
    /// # Errors
    /// If the charting library fails.
    pub fn draw(self) -> Result<Chart, ChartError> {
        let Self { caption, x, marks, guide } = self;
        let names: Vec<&str> = marks.iter().map(|mark| mark.name.as_str()).collect();
        draw(caption, 120 + 40 * marks.len() as u32, |root| {
            let mut plot = rows(root, &x, &names)?;
            if let Some(guide) = guide {
                let ends = vec![(guide, -0.5), (guide, marks.len() as f64 - 0.5)];
                plot.draw_series([PathElement::new(ends, MUTED.stroke_width(1))])?;
            }
            let within = |v: f64| v.clamp(x.range.start, x.range.end);
            for (at, mark) in marks.iter().enumerate() {
                row_name(root, &plot, &x, at, &mark.name)?;
                let Some(value) = mark.value.value else { continue };
                let ends = mark.value.low.zip(mark.value.high).unwrap_or((value, value));
                let line = vec![(within(ends.0), at as f64), (within(ends.1), at as f64)];
                plot.draw_series([PathElement::new(line, FIRST.stroke_width(2))])?;
                plot.draw_series([Circle::new((within(value), at as f64), 5, FIRST.filled())])?;
                // The note is above the line and extends towards the middle, so that it stays inside the chart.
                let (px, py) = plot.backend_coord(&(within(value), at as f64));
                let middle = (x.range.start + x.range.end) / 2.0;
                let side = if value > middle { HPos::Right } else { HPos::Left };
                let width = 7 * mark.note.chars().count() as i32;
                let left = if value > middle { px - width } else { px };
                // Covers the guide behind the note.
                root.draw(&Rectangle::new([(left, py - 22), (left + width, py - 7)], PAPER.filled()))?;
                text(root, &mark.note, (px, py - 22), &plain(side))?;
            }
            Ok(())
        })
    }
}
