//! Lines and points over a plane.

use super::canvas::{Drawn, Plot, draw, legend, plane};
use super::{Axis, Caption, Chart, ChartError};
use plotters::prelude::*;

/// Lines and points over a plane.
pub struct Lines {
    pub caption: Caption,
    pub x: Axis,
    pub y: Axis,
    /// Drawn in this order, so that the first is at the bottom.
    pub series: Vec<Series>,
}

/// Points of one kind.
pub struct Series {
    /// The name in the legend; `None` where the title says it.
    pub name: Option<&'static str>,
    pub colour: RGBColor,
    pub form: Form,
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
    /// # Errors
    /// If the charting library fails.
    pub fn draw(self) -> Result<Chart, ChartError> {
        let Self { caption, x, y, series } = self;
        draw(caption, 400, |root| {
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

    /// The same with a name in the legend.
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
