//! HTML pages in English and Arabic that load nothing: skeleton, style sheet, tables, tiles and SVG charts, and how numbers
//! are written in them. The training report is made of these parts.

pub mod chart;
pub mod number;
mod page;
mod parts;

pub use chart::{Chart, ChartError};
pub use page::{Heading, Page, Section};
pub use parts::{Row, Tile, charts, table, tiles};
