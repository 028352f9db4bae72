//! The drawing area of a chart: title, name of the vertical axis and legend above the content, name of the horizontal axis
//! below it.

use super::colour::{INK, MUTED, PAPER};
use super::text::{LINE, SIZE, TITLE_SIZE, bold, fit, plain, style, width, wrap};
use super::{Caption, Chart, ChartError};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Width of every chart; pages scale it.
pub(super) const WIDTH: i32 = 600;
/// Space on the left and on the right of texts.
pub(super) const MARGIN: i32 = 14;
/// Width of a line of text.
pub(super) const TEXT_WIDTH: i32 = WIDTH - 2 * MARGIN;
/// Space below the texts above the content.
const GAP: i32 = 12;

pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// What surrounds the content of a chart.
pub(super) struct Frame<'a> {
    pub caption: Caption,
    /// The name of the vertical axis, above it.
    pub y: Option<&'a str>,
    /// The name and colour of each series.
    pub legend: Vec<(&'a str, RGBColor)>,
    /// The name of the horizontal axis, below it.
    pub x: Option<&'a str>,
}

/// Where the content is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    pub top: i32,
    /// From the end of the content to the end of the chart.
    pub bottom: i32,
}

/// A text at a place.
struct Placed {
    text: String,
    at: (i32, i32),
    style: TextStyle<'static>,
}

/// A coloured mark and its name.
struct Entry {
    name: String,
    colour: RGBColor,
    at: (i32, i32),
}

impl Frame<'_> {
    /// Draws a chart whose content has this height.
    pub(super) fn draw(self, height: i32, body: impl FnOnce(&Root<'_>, Content) -> Drawn) -> Result<Chart, ChartError> {
        let (mut texts, mut y) = (Vec::new(), 12);
        for text in wrap(&self.caption.title, TITLE_SIZE, TEXT_WIDTH * 9 / 10) {
            texts.push(Placed { text, at: (MARGIN, y), style: bold(style(TITLE_SIZE, INK, HPos::Left)) });
            y += LINE + 2;
        }
        y += 4;
        let entries = entries(&self.legend, &mut y);
        for text in self.y.map(|name| wrap(name, SIZE, TEXT_WIDTH)).unwrap_or_default() {
            texts.push(Placed { text, at: (MARGIN, y), style: style(SIZE, MUTED, HPos::Left) });
            y += LINE;
        }
        let x_name = self.x.map(|name| wrap(name, SIZE, TEXT_WIDTH)).unwrap_or_default();
        let content = Content { top: y + GAP, bottom: LINE * x_name.len() as i32 + GAP };
        let end = content.top + height;
        for (text, row) in x_name.into_iter().zip(0..) {
            texts.push(Placed { text, at: (WIDTH / 2, end + LINE * row), style: style(SIZE, MUTED, HPos::Center) });
        }
        let mut svg = String::new();
        let drawn = fill(&mut svg, end + content.bottom, &texts, &entries, |root| body(root, content));
        self.caption.chart(drawn.map(|()| svg))
    }
}

/// Places the legend in as many rows as it needs; `y` is moved below it.
fn entries(names: &[(&str, RGBColor)], y: &mut i32) -> Vec<Entry> {
    let mut x = MARGIN;
    let mut entries = Vec::with_capacity(names.len());
    for (name, colour) in names {
        let name = fit(name, SIZE, TEXT_WIDTH - 24);
        let end = x + 24 + width(&name, SIZE);
        if end > MARGIN + TEXT_WIDTH && x > MARGIN {
            (x, *y) = (MARGIN, *y + LINE);
        }
        let next = x + 24 + width(&name, SIZE) + 20;
        entries.push(Entry { name, colour: *colour, at: (x, *y) });
        x = next;
    }
    if !names.is_empty() {
        *y += LINE + 2;
    }
    entries
}

fn fill(
    svg: &mut String,
    height: i32,
    texts: &[Placed],
    entries: &[Entry],
    body: impl FnOnce(&Root<'_>) -> Drawn,
) -> Drawn {
    let root = SVGBackend::with_string(svg, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&PAPER)?;
    for Placed { text: content, at, style } in texts {
        text(&root, content, *at, style)?;
    }
    for Entry { name, colour, at: (x, y) } in entries {
        root.draw(&Rectangle::new([(*x, y + 6), (x + 16, y + 14)], colour.filled()))?;
        text(&root, name, (x + 24, *y), &plain(HPos::Left))?;
    }
    body(&root)?;
    root.present()
}

pub(super) fn text(root: &Root<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    root.draw_text(text, style, at)
}
