//! Parts of HTML pages in English and Arabic without external resources: skeleton, style sheet, tables, tiles, SVG
//! charts and number formats.

pub mod chart;
pub mod number;
mod page;
mod parts;

pub use chart::{Chart, ChartError};
pub use page::{Heading, Page, Section};
pub use parts::{Row, Tile, charts, table, tiles};
