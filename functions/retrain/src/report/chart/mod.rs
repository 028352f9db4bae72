//! Charts as SVG: the one place that draws, so that all look alike.

mod bars;
mod grid;
mod lines;
mod whiskers;

pub use bars::Bars;
pub use grid::Grid;
pub use lines::{Form, Lines, Series};
pub use whiskers::{Mark, Whiskers};

use super::ReportError;
use maud::html;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

/// Width of every chart, in pixels of its own; pages scale it.
const WIDTH: u32 = 600;
/// Text and axes.
pub const INK: RGBColor = RGBColor(0x1F, 0x29, 0x37);
/// Text and lines of less weight, such as a diagonal to compare with.
pub const MUTED: RGBColor = RGBColor(0x6B, 0x72, 0x80);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xE5, 0xE7, 0xEB);
/// The ground.
pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// The first series.
pub const FIRST: RGBColor = RGBColor(0x25, 0x63, 0xEB);
/// The second series; told apart from the first by the colour-blind too.
pub const SECOND: RGBColor = RGBColor(0xC2, 0x41, 0x0C);

/// A drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Names it in its document: lower case, digits and hyphens.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// A sentence or two on how to read it.
    pub reading: String,
    /// The drawing: an `<svg>` element.
    pub svg: String,
}

/// What a chart is called.
#[derive(Debug, Clone)]
pub struct Head {
    /// As [`Chart::id`].
    pub id: String,
    /// As [`Chart::title`].
    pub title: String,
    /// As [`Chart::reading`].
    pub reading: String,
}

/// An axis of numbers.
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// From where to where.
    pub range: Range<f64>,
    /// How a number is written.
    pub format: Box<dyn Fn(f64) -> String>,
}

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

impl Head {
    /// What a chart is called.
    pub fn new(id: &str, title: impl Into<String>, reading: impl Into<String>) -> Self {
        Self { id: id.to_owned(), title: title.into(), reading: reading.into() }
    }

    /// Draws a chart of this height below its title.
    fn draw(self, height: u32, draw: impl FnOnce(&Root<'_>) -> Drawn) -> Result<Chart, ReportError> {
        let mut drawn = String::new();
        let root = SVGBackend::with_string(&mut drawn, (WIDTH, height)).into_drawing_area();
        let done = root
            .fill(&PAPER)
            .and_then(|()| text(&root, &self.title, (14, 12), &label(20.0, INK, HPos::Left).into_bold()))
            .and_then(|()| draw(&root))
            .and_then(|()| root.present());
        drop(root);
        done.map_err(|e| ReportError::Chart { id: self.id.clone(), why: e.to_string() })?;
        let svg = self.accessible(&drawn);
        Ok(Chart { id: self.id, title: self.title, reading: self.reading, svg })
    }

    /// Gives a drawing its role and the texts that stand for it.
    fn accessible(&self, drawn: &str) -> String {
        let (open, body) = drawn.split_once('>').unwrap_or((drawn, ""));
        let (title, desc) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let texts = html! {
            title id=(title) { (self.title) }
            desc id=(desc) { (self.reading) }
        };
        format!("{open} role=\"img\" aria-labelledby=\"{title} {desc}\">{}{body}", texts.into_string())
    }
}

impl Axis {
    /// An axis whose numbers are written plainly.
    pub fn new(label: impl Into<String>, range: Range<f64>) -> Self {
        // An axis needs some length, also where all values are one.
        let range = if range.end - range.start > 1e-12 {
            range
        } else {
            range.start..range.start + 1e-6_f64.max(range.start.abs())
        };
        let decimals = decimals(range.end - range.start);
        Self { label: label.into(), range, format: Box::new(move |x| super::number::grouped(x, decimals)) }
    }

    /// A share of 0 to `end`, written in percent.
    pub fn share(label: impl Into<String>, end: f64) -> Self {
        let decimals = usize::from(end < 0.05);
        Self { format: Box::new(move |x| super::number::percent(x, decimals)), ..Self::new(label, 0.0..end.max(0.001)) }
    }
}

/// Decimals that ticks of an axis of this length need.
fn decimals(length: f64) -> usize {
    (1.3 - length.log10()).ceil().clamp(0.0, 6.0) as usize
}

/// Text of this size and colour.
fn label(size: f64, colour: RGBColor, at: HPos) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, size, FontStyle::Normal);
    TextStyle { font, color: colour.to_backend_color(), pos: Pos::new(at, VPos::Top) }
}

/// Text of usual size.
fn plain(at: HPos) -> TextStyle<'static> {
    label(17.0, INK, at)
}

trait Bold {
    fn into_bold(self) -> Self;
}

impl Bold for TextStyle<'_> {
    fn into_bold(mut self) -> Self {
        self.font = self.font.style(FontStyle::Bold);
        self
    }
}

fn text(root: &Root<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    root.draw_text(text, style, at)
}

/// The names of series, each behind a mark of its colour, in a row below the title.
fn legend<'n>(root: &Root<'_>, names: impl Iterator<Item = (&'n str, RGBColor)>) -> Drawn {
    let mut x = 16;
    for (name, colour) in names {
        root.draw(&Rectangle::new([(x, 44), (x + 16, 50)], colour.filled()))?;
        text(root, name, (x + 22, 40), &plain(HPos::Left))?;
        // Names are of plain letters, about half as wide as high.
        x += 22 + 8 * name.chars().count() as i32 + 16;
    }
    Ok(())
}

/// The plane between two axes, with their labels.
fn plane<'b>(root: &Root<'b>, top: u32, x: &Axis, y: &Axis) -> Drawn<Plot<'static, 'b>> {
    let mut plot = ChartBuilder::on(root)
        .margin_top(top)
        .margin_right(24)
        .margin_bottom(8)
        .margin_left(8)
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(x.range.clone(), y.range.clone())?;
    plot.configure_mesh()
        .x_labels(7)
        .y_labels(7)
        .x_label_formatter(&|v| (x.format)(*v))
        .y_label_formatter(&|v| (y.format)(*v))
        .x_desc(x.label.as_str())
        .y_desc(y.label.as_str())
        .label_style(plain(HPos::Left))
        .axis_desc_style(plain(HPos::Left))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(plot)
}

/// The same for rows of names: no vertical axis, and room for names on the left.
fn rows<'b>(root: &Root<'b>, top: u32, room: i32, x: &Axis, count: usize) -> Drawn<Plot<'static, 'b>> {
    let mut plot = ChartBuilder::on(root)
        .margin_top(top)
        .margin_right(24)
        .margin_bottom(8)
        .margin_left(8)
        .x_label_area_size(52)
        .y_label_area_size(room)
        .build_cartesian_2d(x.range.clone(), count as f64 - 0.5..-0.5)?;
    plot.configure_mesh()
        .disable_y_mesh()
        .x_labels(6)
        .y_labels(0)
        .x_label_formatter(&|v| (x.format)(*v))
        .x_desc(x.label.as_str())
        .label_style(plain(HPos::Left))
        .axis_desc_style(plain(HPos::Left))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(plot)
}

/// Room that the longest of some names takes, in pixels.
fn room<'n>(names: impl Iterator<Item = &'n str>) -> i32 {
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    (20 + 8 * longest as i32).clamp(60, 280)
}

/// Writes the name of row `at` before it.
fn name_row(root: &Root<'_>, plot: &Plot<'_, '_>, x: &Axis, at: usize, name: &str) -> Drawn {
    let (left, middle) = plot.backend_coord(&(x.range.start, at as f64));
    text(root, name, (left - 10, middle - 8), &plain(HPos::Right))
}
