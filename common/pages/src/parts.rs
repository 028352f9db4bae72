//! Charts, tables and tiles of sections.

use crate::chart::Chart;
use maud::{Markup, PreEscaped, html};

/// Charts side by side.
pub fn charts(charts: &[Chart]) -> Markup {
    html! {
        div class="charts" {
            @for chart in charts {
                figure {
                    // The charting library escapes text.
                    (PreEscaped(&chart.svg))
                    figcaption { (chart.description) }
                }
            }
        }
    }
}

pub struct Row {
    pub is_highlighted: bool,
    pub cells: Vec<String>,
}

impl From<Vec<String>> for Row {
    fn from(cells: Vec<String>) -> Self {
        Self { is_highlighted: false, cells }
    }
}

/// A table with names in the first column and numbers in the others.
pub fn table(caption: &str, columns: &[&str], rows: impl IntoIterator<Item = impl Into<Row>>) -> Markup {
    let class = |column: usize| if column == 0 { "name" } else { "number" };
    html! {
        div class="wide" {
            table {
                caption { (caption) }
                thead { tr { @for (at, name) in columns.iter().enumerate() { th scope="col" class=(class(at)) { (name) } } } }
                tbody {
                    @for Row { is_highlighted, cells } in rows.into_iter().map(Into::into) {
                        tr class=[is_highlighted.then_some("marked")] {
                            @for (at, cell) in cells.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td class="number" { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A large number with its name and a note.
pub struct Tile<'a> {
    pub name: &'a str,
    pub value: String,
    pub note: String,
}

/// Tiles side by side.
pub fn tiles(tiles: &[Tile<'_>]) -> Markup {
    html! {
        ul class="scores" {
            @for Tile { name, value, note } in tiles { li { (name) b { (value) } small { (note) } } }
        }
    }
}
