//! Planes with axes.

use super::axis::Axis;
use super::canvas::{Content, Drawn, Root};
use super::colour::{GRID, INK};
use super::text::plain;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::ops::Range;

pub(super) type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Height of the numbers below a horizontal axis.
pub(super) const TICKS: i32 = 36;
/// Space on the right for half of the last number of a horizontal axis.
const RIGHT: u32 = 40;
/// Space on the left for half of the first number of a horizontal axis.
pub(super) const LEFT: u32 = 32;
/// Width of the numbers on the left of a vertical axis.
const NUMBERS: u32 = 92;

/// A plane with numbers at both axes.
pub(super) fn plane<'b>(root: &Root<'b>, content: Content, x: &Axis, y: &Axis) -> Drawn<Plot<'static, 'b>> {
    let mut plot = ChartBuilder::on(root)
        .margin_top(content.top)
        .margin_bottom(content.bottom)
        .margin_right(RIGHT)
        .x_label_area_size(TICKS)
        .y_label_area_size(NUMBERS)
        .build_cartesian_2d(x.range.clone(), y.range.clone())?;
    plot.configure_mesh()
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|v| (x.format)(*v))
        .y_label_formatter(&|v| (y.format)(*v))
        .label_style(plain(HPos::Left))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(plot)
}

/// A plane without a vertical axis, for rows with texts.
pub(super) fn rows<'b>(root: &Root<'b>, content: Content, x: &Axis, y: Range<f64>) -> Drawn<Plot<'static, 'b>> {
    let mut plot = ChartBuilder::on(root)
        .margin_top(content.top)
        .margin_bottom(content.bottom)
        .margin_left(LEFT)
        .margin_right(RIGHT)
        .x_label_area_size(TICKS)
        .build_cartesian_2d(x.range.clone(), y)?;
    plot.configure_mesh()
        .disable_y_mesh()
        .x_labels(6)
        .y_labels(0)
        .x_label_formatter(&|v| (x.format)(*v))
        .label_style(plain(HPos::Left))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(plot)
}
