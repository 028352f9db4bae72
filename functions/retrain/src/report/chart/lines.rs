//! Lines and points over a plane.

use super::{Axis, Chart, Drawn, Head, Plot, legend, plane};
use crate::report::ReportError;
use plotters::prelude::*;

/// Lines and points over a plane.
pub struct Lines {
    /// What the chart is called.
    pub head: Head,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the first at the bottom.
    pub series: Vec<Series>,
}

/// Points that belong together.
pub struct Series {
    /// What they are; `None` where the title says it.
    pub name: Option<&'static str>,
    /// Their colour.
    pub colour: RGBColor,
    /// How they are drawn.
    pub form: Form,
    /// Where they are.
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// A line through them.
    Line,
    /// A thin line, to compare with.
    Guide,
    /// A dot each.
    Dots,
    /// A dot each, and a vertical line from and to these values.
    Intervals(Vec<(f64, f64)>),
}

impl Lines {
    /// Draws it.
    ///
    /// # Errors
    /// If the library cannot.
    pub fn draw(self) -> Result<Chart, ReportError> {
        let Self { head, x, y, series } = self;
        head.draw(400, |root| {
            let named: Vec<_> = series.iter().filter_map(|s| Some((s.name?, s.colour))).collect();
            let mut plot = plane(root, if named.is_empty() { 48 } else { 70 }, &x, &y)?;
            legend(root, named.into_iter())?;
            series.iter().try_for_each(|series| series.draw(&mut plot))
        })
    }
}

impl Series {
    /// Points without a name.
    pub fn new(form: Form, colour: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self { name: None, colour, form, points }
    }

    /// The same with a name.
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    fn draw(&self, plot: &mut Plot<'_, '_>) -> Drawn {
        let points = || self.points.iter().copied();
        let line = |width| LineSeries::new(points(), self.colour.stroke_width(width));
        match &self.form {
            Form::Line => plot.draw_series(line(2)).map(|_| ()),
            Form::Guide => plot.draw_series(line(1)).map(|_| ()),
            Form::Dots => plot.draw_series(points().map(|at| Circle::new(at, 5, self.colour.filled()))).map(|_| ()),
            Form::Intervals(ends) => {
                let whiskers = points().zip(ends).map(|((x, _), (low, high))| {
                    PathElement::new(vec![(x, *low), (x, *high)], self.colour.stroke_width(2))
                });
                plot.draw_series(whiskers)?;
                plot.draw_series(points().map(|at| Circle::new(at, 4, self.colour.filled()))).map(|_| ())
            }
        }
    }
}
