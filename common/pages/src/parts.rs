//! Charts, tiles and answers of sections.

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

/// A question that a page answers first.
pub struct Answer<'a> {
    pub question: &'a str,
    /// The answer in a few words.
    pub short: String,
    /// What it is based on.
    pub details: Markup,
}

/// Questions and answers side by side.
pub fn answers(answers: &[Answer<'_>]) -> Markup {
    html! {
        dl class="answers" {
            @for Answer { question, short, details } in answers {
                div { dt { (question) } dd { b { (short) } " " (details) } }
            }
        }
    }
}
