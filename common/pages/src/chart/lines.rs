//! Line and scatter charts.

use super::canvas::{Drawn, Frame};
use super::plot::{Plot, TICKS, plane};
use super::{Axis, Caption, Chart, ChartError};
use plotters::prelude::*;

/// Height of the plane.
const HEIGHT: i32 = 270;

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
        let legend = series.iter().filter_map(|s| Some((s.name?, s.colour))).collect();
        let frame = Frame { caption, y: Some(&y.label), legend, x: Some(&x.label) };
        frame.draw(HEIGHT + TICKS, |root, content| {
            let mut plot = plane(root, content, &x, &y)?;
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
            Form::Line => plot.draw_series(line(3)).map(|_| ()),
            Form::Guide => plot.draw_series(line(1)).map(|_| ()),
            Form::Dots => plot.draw_series(points().map(|at| Circle::new(at, 6, self.colour.filled()))).map(|_| ()),
            Form::Intervals(ends) => {
                let whiskers = points().zip(ends).map(|((x, _), (low, high))| {
                    PathElement::new(vec![(x, *low), (x, *high)], self.colour.stroke_width(3))
                });
                plot.draw_series(whiskers)?;
                plot.draw_series(points().map(|at| Circle::new(at, 5, self.colour.filled()))).map(|_| ())
            }
        }
    }
}
