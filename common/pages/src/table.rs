//! Tables. A table that is wider than its place scrolls sideways, shows a hint, and can be scrolled with the keyboard.

use churn_common::metrics::Estimate;
use maud::{Markup, html};
use std::fmt::Write as _;

/// What the cells of a column contain. It sets their alignment and the space that they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column<'a> {
    Text(&'a str),
    Number(&'a str),
    /// Numbers with intervals: see [`estimate_cell`].
    Estimate(&'a str),
}

pub struct Row {
    pub is_highlighted: bool,
    /// The first one is the name of the row.
    pub cells: Vec<Markup>,
}

impl From<Vec<Markup>> for Row {
    fn from(cells: Vec<Markup>) -> Self {
        Self { is_highlighted: false, cells }
    }
}

/// Least widths, in rem. A table up to the first one fits a phone.
const WIDTHS: [u32; 24] =
    [22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 64, 68, 72, 80];

impl<'a> Column<'a> {
    fn name(self) -> &'a str {
        let (Self::Text(name) | Self::Number(name) | Self::Estimate(name)) = self;
        name
    }

    fn class(self) -> Option<&'static str> {
        match self {
            Self::Text(_) => None,
            Self::Number(_) => Some("number"),
            Self::Estimate(_) => Some("number estimate"),
        }
    }

    /// In rem.
    fn width(self) -> f64 {
        match self {
            Self::Text(_) => 8.0,
            Self::Number(_) => 5.0,
            Self::Estimate(_) => 7.5,
        }
    }
}

/// A cell of text.
pub fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}

/// An estimate and its interval, such as `0.712 (0.650 to 0.771)`. The interval may be on its own line.
pub fn estimate_cell(estimate: &Estimate, number: impl Fn(f64) -> String) -> Markup {
    html! {
        span { (estimate.text(&number).value()) }
        @if let Some((low, high)) = estimate.interval() { " " small { "(" (number(low)) " to " (number(high)) ")" } }
    }
}

/// A table whose first column has the names of the rows.
pub fn table(caption: &str, columns: &[Column<'_>], rows: impl IntoIterator<Item = impl Into<Row>>) -> Markup {
    let width = columns.iter().map(|column| column.width()).sum::<f64>();
    let class = WIDTHS.iter().find(|least| f64::from(**least) >= width).unwrap_or(&WIDTHS[WIDTHS.len() - 1]);
    let is_complete = |row: &Row| {
        debug_assert_eq!(row.cells.len(), columns.len(), "a row of the table {caption} has a cell per column")
    };
    html! {
        div class={ "wide w" (class) } {
            p class="hint" aria-hidden="true" { "Scroll sideways for all columns →" }
            div class="scroll" role="region" aria-label=(caption) tabindex="0" {
                table {
                    caption { span { (caption) } }
                    thead { tr { @for column in columns { th scope="col" class=[column.class()] { (column.name()) } } } }
                    tbody {
                        @for Row { is_highlighted, cells } in rows.into_iter().map(Into::into).inspect(is_complete) {
                            tr class=[is_highlighted.then_some("marked")] {
                                @for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
                                    @if at == 0 { th scope="row" class=[column.class()] { (cell) } } @else { td class=[column.class()] { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// On a screen, a table is at least as wide as its columns need. If its place is narrower, it scrolls, and the hint is shown.
pub(crate) fn width_rules() -> String {
    let mut rules = String::from("@media screen {\n");
    for width in WIDTHS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            rules,
            ".w{width} table {{ min-width: {width}rem; }} @container (max-width: {}.99rem) {{ .w{width} .hint {{ display: block; }} }}",
            width - 1
        );
    }
    rules.push_str("}\n");
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::Document;

    const COLUMNS: [Column<'static>; 4] =
        [Column::Text("page"), Column::Number("rows"), Column::Estimate("rate"), Column::Estimate("cost")];

    #[test]
    fn table_is_in_a_region_that_the_keyboard_scrolls_with_a_hint_before_it() {
        let row = ["a", "1", "2", "3"].map(cell).to_vec();
        let html = table("Rates", &COLUMNS, [Row { is_highlighted: true, cells: row }]).into_string();
        let document = Document::parse(&html).unwrap();
        let find = |name: &str| document.descendants().find(|node| node.has_tag_name(name)).unwrap();
        let region = find("table").parent().unwrap();
        let attributes = ["class", "role", "aria-label", "tabindex"].map(|name| region.attribute(name).unwrap());
        assert_eq!(attributes, ["scroll", "region", "Rates", "0"]);
        let hint = region.prev_sibling().unwrap();
        assert_eq!((hint.attribute("class"), hint.attribute("aria-hidden")), (Some("hint"), Some("true")));
        // 8 + 5 + 2 · 7.5 rem.
        assert_eq!(region.parent().unwrap().attribute("class"), Some("wide w28"));
        assert_eq!(find("tbody").descendants().filter(|node| node.attribute("scope") == Some("row")).count(), 1);
        let numbers = document
            .descendants()
            .filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("number")));
        assert_eq!(numbers.count(), 6, "three of the head and three of the row");
    }

    #[test]
    fn hint_is_shown_exactly_where_the_table_does_not_fit() {
        let rules = width_rules();
        for width in WIDTHS {
            let scrolls = format!(".w{width} table {{ min-width: {width}rem; }}");
            let hint = format!("@container (max-width: {}.99rem) {{ .w{width} .hint", width - 1);
            assert!(rules.contains(&scrolls) && rules.contains(&hint), "{rules}");
        }
        assert!(rules.starts_with("@media screen {"), "paper has no hints, and its tables have any width");
        let many = [Column::Estimate("x"); 30];
        assert!(table("", &many, [Row::from(vec![cell("x"); 30])]).into_string().contains("wide w80"));
    }

    #[test]
    fn cell_has_the_estimate_and_its_interval() {
        let text = |estimate: Estimate| estimate_cell(&estimate, |x| format!("{x:.2}")).into_string();
        let estimate = Estimate { value: Some(0.7), low: Some(0.6), high: Some(0.8) };
        assert_eq!(text(estimate), "<span>0.70</span> <small>(0.60 to 0.80)</small>");
        assert_eq!(text(Estimate { low: None, ..estimate }), "<span>0.70</span>");
        assert_eq!(text(Estimate::UNDEFINED), "<span>undefined</span>");
    }
}
