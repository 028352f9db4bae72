//! SVG charts as PNG, with a built-in font because a machine may have none. Behind the feature `png`, because font and SVG
//! crates take long to compile.

use anyhow::Context;
use epaint_default_fonts::UBUNTU_LIGHT;
use resvg::render;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Pixels per SVG unit: text is sharp in print.
const SCALE: f32 = 2.0;

/// Renders charts with the built-in font.
pub struct Renderer(Options<'static>);

impl Renderer {
    /// # Errors
    /// The built-in font has no family name.
    pub fn new() -> anyhow::Result<Self> {
        let mut options = Options::default();
        let fonts = options.fontdb_mut();
        fonts.load_font_data(UBUNTU_LIGHT.to_vec());
        let family = fonts.faces().next().and_then(|face| face.families.first()).map(|(name, _)| name.clone());
        fonts.set_sans_serif_family(family.context("the built-in font has no family name")?);
        Ok(Self(options))
    }

    /// # Errors
    /// The SVG is invalid or empty.
    pub fn png(&self, svg: &str) -> anyhow::Result<Vec<u8>> {
        let tree = Tree::from_str(svg, &self.0)?;
        let size = tree.size().to_int_size().scale_by(SCALE).context("the SVG has no size")?;
        let mut picture = Pixmap::new(size.width(), size.height()).context("the SVG has no size")?;
        render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
        Ok(picture.encode_png()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(text: &str) -> Vec<u8> {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="600" height="40">
                <text x="10" y="30" font-family="sans-serif" font-size="20">{text}</text></svg>"#
        );
        Renderer::new().unwrap().png(&svg).unwrap()
    }

    #[test]
    fn chart_is_rendered_at_twice_its_size_with_text() {
        let png = draw("Calibration of the champion");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(png[16..20], 1200u32.to_be_bytes());
        // Without a font both would be equally empty.
        assert!(png.len() > draw("").len() + 1_000, "{} bytes", png.len());
    }
}
