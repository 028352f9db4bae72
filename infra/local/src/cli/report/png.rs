//! Charts as PNG, with a font of this program: a machine may have none.

use anyhow::Context;
use churn_report::{Chart, Report};
use epaint_default_fonts::UBUNTU_LIGHT;
use resvg::render;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Pixels for one of the drawing's own, so that text is sharp on paper too.
const SCALE: f32 = 2.0;

/// Every chart: a file name that keeps the order of the page, and the picture.
///
/// # Errors
/// A chart cannot be drawn.
pub fn charts(report: &Report) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    fonts.load_font_data(UBUNTU_LIGHT.to_vec());
    let family = fonts.faces().next().and_then(|face| face.families.first()).map(|(name, _)| name.clone());
    fonts.set_sans_serif_family(family.context("the built-in font has no name")?);
    let named = |(at, chart): (usize, &Chart)| {
        let png = png(chart, &options).with_context(|| format!("chart {}", chart.id))?;
        Ok((format!("{:02}-{}.png", at + 1, chart.id), png))
    };
    report.charts()?.iter().enumerate().map(named).collect()
}

fn png(chart: &Chart, options: &Options<'_>) -> anyhow::Result<Vec<u8>> {
    let tree = Tree::from_str(&chart.svg, options)?;
    let size = tree.size().to_int_size().scale_by(SCALE).context("it has no size")?;
    let mut picture = Pixmap::new(size.width(), size.height()).context("it has no size")?;
    render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
    Ok(picture.encode_png()?)
}
