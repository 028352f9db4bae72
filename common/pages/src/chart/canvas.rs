//! The drawing area of a chart: title, text, legend and axes.

use super::axis::Axis;
use super::colour::{GRID, INK, PAPER};
use super::{Caption, Chart, ChartError};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Width of every chart in pixels; pages scale it.
const WIDTH: u32 = 600;

pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// Draws a chart of this height; `body` draws the content below the title.
pub(super) fn draw(caption: Caption, height: u32, body: impl FnOnce(&Root<'_>) -> Drawn) -> Result<Chart, ChartError> {
    let mut svg = String::new();
    let drawn = fill(&mut svg, height, &caption.title, body);
    caption.chart(drawn.map(|()| svg))
}

fn fill(svg: &mut String, height: u32, title: &str, body: impl FnOnce(&Root<'_>) -> Drawn) -> Drawn {
    let root = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    root.fill(&PAPER)?;
    text(&root, title, (14, 12), &bold(label(20.0, INK, HPos::Left)))?;
    body(&root)?;
    root.present()
}

pub(super) fn label(size: f64, colour: RGBColor, at: HPos) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, size, FontStyle::Normal);
    TextStyle { font, color: colour.to_backend_color(), pos: Pos::new(at, VPos::Top) }
}

/// Text of the default size.
pub(super) fn plain(at: HPos) -> TextStyle<'static> {
    label(17.0, INK, at)
}

fn bold(mut style: TextStyle<'_>) -> TextStyle<'_> {
    style.font = style.font.style(FontStyle::Bold);
    style
}

pub(super) fn text(root: &Root<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    root.draw_text(text, style, at)
}

/// The legend: a row below the title with the name and colour of each series.
pub(super) fn legend<'n>(root: &Root<'_>, names: impl Iterator<Item = (&'n str, RGBColor)>) -> Drawn {
    let mut x = 16;
    for (name, colour) in names {
        root.draw(&Rectangle::new([(x, 44), (x + 16, 50)], colour.filled()))?;
        text(root, name, (x + 22, 40), &plain(HPos::Left))?;
        // The width of a character is about half its height.
        x += 22 + 8 * name.chars().count() as i32 + 16;
    }
    Ok(())
}

/// A plane with two labelled axes.
pub(super) fn plane<'b>(root: &Root<'b>, top: u32, x: &Axis, y: &Axis) -> Drawn<Plot<'static, 'b>> {
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

/// Named rows above a horizontal axis. `names` set the width of the left margin.
pub(super) fn rows<'b>(root: &Root<'b>, x: &Axis, names: &[&str]) -> Drawn<Plot<'static, 'b>> {
    let mut plot = ChartBuilder::on(root)
        .margin_top(48)
        .margin_right(24)
        .margin_bottom(8)
        .margin_left(8)
        .x_label_area_size(52)
        .y_label_area_size(width(names))
        .build_cartesian_2d(x.range.clone(), names.len() as f64 - 0.5..-0.5)?;
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

/// Width of the longest name in pixels.
fn width(names: &[&str]) -> i32 {
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    (20 + 8 * longest as i32).clamp(60, 280)
}

/// Draws the name of row `at` on its left.
pub(super) fn row_name(root: &Root<'_>, plot: &Plot<'_, '_>, x: &Axis, at: usize, name: &str) -> Drawn {
    let (left, middle) = plot.backend_coord(&(x.range.start, at as f64));
    text(root, name, (left - 10, middle - 8), &plain(HPos::Right))
}
