//! SVG charts in one style.

mod axis;
mod bars;
mod canvas;
mod colour;
mod grid;
mod lines;
mod plot;
#[cfg(test)]
mod tests;
mod text;
mod whiskers;

pub use axis::Axis;
pub use bars::{Bar, Bars};
pub use colour::{FIRST, MUTED, SECOND};
pub use grid::Grid;
pub use lines::{Form, Lines, Series};
pub use whiskers::{Mark, Whiskers};

use maud::html;
use plotters::drawing::DrawingAreaErrorKind;

/// A drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Lower-case letters, digits and hyphens; unique on the page.
    pub id: String,
    pub title: String,
    /// One or two sentences: what the chart shows and how to read it.
    pub description: String,
    /// An `<svg>` element.
    pub svg: String,
}

/// The id and texts of a chart, as in [`Chart`].
#[derive(Debug, Clone)]
pub struct Caption {
    pub id: String,
    pub title: String,
    pub description: String,
}

#[derive(Debug, thiserror::Error)]
#[error("chart {id}: {source}")]
pub struct ChartError {
    pub id: String,
    #[source]
    source: DrawingAreaErrorKind<std::io::Error>,
}

impl Caption {
    pub fn new(id: &str, title: impl Into<String>, description: impl Into<String>) -> Self {
        Self { id: id.to_owned(), title: title.into(), description: description.into() }
    }

    /// The chart with this caption, from an `<svg>` element without texts.
    fn chart(self, drawn: canvas::Drawn<String>) -> Result<Chart, ChartError> {
        match drawn {
            Ok(svg) => {
                let svg = self.accessible(&svg);
                Ok(Chart { id: self.id, title: self.title, description: self.description, svg })
            }
            Err(source) => Err(ChartError { id: self.id, source }),
        }
    }

    /// Adds the role and the texts for screen readers.
    fn accessible(&self, svg: &str) -> String {
        let (open, body) = svg.split_once('>').unwrap_or((svg, ""));
        let (title, desc) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let texts = html! {
            title id=(title) { (self.title) }
            desc id=(desc) { (self.description) }
        };
        format!("{open} role=\"img\" aria-labelledby=\"{title} {desc}\">{}{body}", texts.into_string())
    }
}
