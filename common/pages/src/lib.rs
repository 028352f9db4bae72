//! Parts of HTML pages in English and Arabic without external resources: skeleton, style sheet, tables, tiles, SVG
//! charts and number formats.

pub mod chart;
pub mod number;
mod page;
mod parts;
mod table;

pub use chart::{Chart, ChartError};
pub use page::{Heading, Page, Section};
pub use parts::{Answer, Tile, answers, charts, tiles};
pub use table::{Column, Row, cell, estimate_cell, table};
