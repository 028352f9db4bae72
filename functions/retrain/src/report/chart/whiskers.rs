//! Named rows of values with their intervals.

use super::{Axis, Chart, FIRST, Head, MUTED, PAPER, name_row, plain, room, rows, text};
use crate::report::ReportError;
use churn_common::metrics::Estimate;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Named rows of values with their intervals.
pub struct Whiskers {
    /// What the chart is called.
    pub head: Head,
    /// The axis of the values.
    pub x: Axis,
    /// The rows, from the top.
    pub marks: Vec<Mark>,
    /// A value to compare with.
    pub guide: Option<f64>,
}

/// A row.
pub struct Mark {
    /// Its name.
    pub name: String,
    /// Its value and interval, in units of the axis; what is undefined is left out.
    pub value: Estimate,
    /// What is written beside it.
    pub note: String,
}

impl Whiskers {
    /// Draws it.
    ///
    /// # Errors
    /// If the library cannot.
    pub fn draw(self) -> Result<Chart, ReportError> {
        let Self { head, x, marks, guide } = self;
        let height = 120 + 40 * marks.len() as u32;
        head.draw(height, |root| {
            let mut plot = rows(root, 48, room(marks.iter().map(|m| m.name.as_str())), &x, marks.len())?;
            if let Some(guide) = guide {
                let ends = vec![(guide, -0.5), (guide, marks.len() as f64 - 0.5)];
                plot.draw_series([PathElement::new(ends, MUTED.stroke_width(1))])?;
            }
            let within = |v: f64| v.clamp(x.range.start, x.range.end);
            for (at, mark) in marks.iter().enumerate() {
                name_row(root, &plot, &x, at, &mark.name)?;
                let Some(value) = mark.value.value else { continue };
                let ends = mark.value.low.zip(mark.value.high).unwrap_or((value, value));
                let line = vec![(within(ends.0), at as f64), (within(ends.1), at as f64)];
                plot.draw_series([PathElement::new(line, FIRST.stroke_width(2))])?;
                plot.draw_series([Circle::new((within(value), at as f64), 5, FIRST.filled())])?;
                // Above the line, where nothing else is; towards the middle, so that it stays inside.
                let (px, py) = plot.backend_coord(&(within(value), at as f64));
                let middle = (x.range.start + x.range.end) / 2.0;
                let side = if value > middle { HPos::Right } else { HPos::Left };
                let width = 7 * mark.note.chars().count() as i32;
                let left = if value > middle { px - width } else { px };
                // No line shines through it.
                root.draw(&Rectangle::new([(left, py - 22), (left + width, py - 7)], PAPER.filled()))?;
                text(root, &mark.note, (px, py - 22), &plain(side))?;
            }
            Ok(())
        })
    }
}
