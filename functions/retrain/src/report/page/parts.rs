//! Parts that sections share.

use crate::report::chart::Chart;
use maud::{Markup, PreEscaped, Render, html};

/// A section's heading: its name in the page, and what it says in English and in Arabic.
pub struct Heading(pub &'static str, pub &'static str, pub &'static str);

impl Render for Heading {
    fn render(&self) -> Markup {
        html! { h2 id=(self.0) { span { (self.1) } " " span lang="ar" dir="rtl" { (self.2) } } }
    }
}

/// Charts side by side.
pub fn charts(charts: &[Chart]) -> Markup {
    html! {
        div class="charts" {
            @for chart in charts {
                figure {
                    // Drawn by the charting library, which escapes what it writes.
                    (PreEscaped(&chart.svg))
                    figcaption { (chart.reading) }
                }
            }
        }
    }
}

/// A row of a table.
pub struct Row {
    /// Whether it stands out.
    pub marked: bool,
    /// Its cells.
    pub cells: Vec<String>,
}

impl From<Vec<String>> for Row {
    fn from(cells: Vec<String>) -> Self {
        Self { marked: false, cells }
    }
}

/// A table: what it tells, its columns, of which those from the second on are numbers, and its rows.
pub fn table(caption: &str, columns: &[&str], rows: impl IntoIterator<Item = impl Into<Row>>) -> Markup {
    let class = |column: usize| if column == 0 { "name" } else { "number" };
    html! {
        div class="wide" {
            table {
                caption { (caption) }
                thead { tr { @for (at, name) in columns.iter().enumerate() { th scope="col" class=(class(at)) { (name) } } } }
                tbody {
                    @for Row { marked, cells } in rows.into_iter().map(Into::into) {
                        tr class=[marked.then_some("marked")] {
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

/// Figures that stand out: what each is, its text, and a note.
pub fn scores(scores: &[(&str, String, String)]) -> Markup {
    html! {
        ul class="scores" {
            @for (name, value, note) in scores { li { (name) b { (value) } small { (note) } } }
        }
    }
}
