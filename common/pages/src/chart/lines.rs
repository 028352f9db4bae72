//! Line and scatter charts.

use super::canvas::{Drawn, Plot, draw, legend, plane};
use super::{Axis, Caption, Chart, ChartError};
use plotters::prelude::*;

pub struct Lines {
    pub caption: Caption,
    pub x: Axis,
    pub y: Axis,
    /// In drawing order: the first is at the bottom.
    pub series: Vec<Series>,
}

pub struct Series {
    /// The name in the legend, if any.
    pub name: Option<&'static str>,
    pub colour: RGBColor,
    pub form: Form,
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// A line through the points.
    Line,
    /// A thin reference line.
    Guide,
    /// A dot per point.
    Dots,
    /// A dot per point, and a vertical line between these values.
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
    /// A series without a name.
    pub fn new(form: Form, colour: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self { name: None, colour, form, points }
    }

    /// Sets the name in the legend.
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
