//! The skeleton of every page. The templates escape all text.

use crate::table::width_rules;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

/// Colours and layout, also for the dark scheme and for print.
pub(crate) const STYLE: &str = include_str!("style.css");

/// A page without external resources.
pub struct Page {
    pub title: String,
    pub arabic_title: &'static str,
    /// One line below the title.
    pub subtitle: Markup,
    /// The first screen, before the table of contents.
    pub summary: Section,
    pub sections: Vec<Section>,
}

/// A section with an entry in the table of contents.
pub struct Section {
    pub heading: Heading,
    pub content: Markup,
}

#[derive(Debug, Clone, Copy)]
pub struct Heading {
    /// Anchor, unique on the page.
    pub id: &'static str,
    pub english: &'static str,
    pub arabic: &'static str,
}

impl Heading {
    pub fn new(id: &'static str, english: &'static str, arabic: &'static str) -> Self {
        Self { id, english, arabic }
    }
}

impl Section {
    pub fn new(heading: Heading, content: Markup) -> Self {
        Self { heading, content }
    }
}

impl Render for Page {
    fn render(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(width_rules())) }
                }
                body {
                    header {
                        h1 { span { (self.title) } span lang="ar" dir="rtl" { (self.arabic_title) } }
                        p class="muted" { (self.subtitle) }
                    }
                    main {
                        (self.summary)
                        nav aria-label="Contents" {
                            ul {
                                @for Section { heading, .. } in &self.sections {
                                    li { a href=(format!("#{}", heading.id)) { (heading.english) } }
                                }
                            }
                        }
                        @for section in &self.sections { (section) }
                    }
                }
            }
        }
    }
}

impl Render for Section {
    fn render(&self) -> Markup {
        html! { section aria-labelledby=(self.heading.id) { (self.heading) (self.content) } }
    }
}

impl Render for Heading {
    fn render(&self) -> Markup {
        html! { h2 id=(self.id) { span { (self.english) } " " span lang="ar" dir="rtl" { (self.arabic) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Column, Row, Tile, answers, cell, table, tiles};

    const HOSTILE: &str = "<script>alert('&amp;')</script>";

    fn page() -> String {
        let text = || HOSTILE.to_owned();
        let content = html! {
            (tiles(&[Tile { name: HOSTILE, value: text(), note: text() }]))
            (answers(&[Answer { question: HOSTILE, short: text(), details: html! { i { (HOSTILE) } } }]))
            (table(HOSTILE, &[Column::Text(HOSTILE), Column::Number(HOSTILE)], [Row::from(vec![cell(HOSTILE); 2])]))
        };
        let section = |id, content| Section::new(Heading::new(id, "First", "الأول"), content);
        let page = Page {
            title: HOSTILE.into(),
            arabic_title: "صفحة",
            subtitle: html! { (HOSTILE) },
            summary: section("summary", html! {}),
            sections: vec![section("first", content)],
        };
        page.render().into_string()
    }

    #[test]
    fn all_text_is_escaped() {
        let html = page();
        assert!(!html.contains("<script"), "{html}");

        // Without the head, whose void elements are not XML.
        let body = &html[html.find("<body>").unwrap()..html.rfind("</html>").unwrap()];
        let document = roxmltree::Document::parse(body).unwrap();
        let texts = document.descendants().filter(|node| node.is_text() && node.text() == Some(HOSTILE)).count();
        assert_eq!(texts, 2 + 3 + 3 + 5, "title and subtitle, tile, answer, table");
        assert!(document.descendants().any(|node| node.attribute("id") == Some("first")));
    }

    #[test]
    fn summary_is_before_the_table_of_contents() {
        let html = page();
        let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text}"));
        assert!(at("id=\"summary\"") < at("<nav") && at("<nav") < at("id=\"first\""));
        assert!(!html.contains("href=\"#summary\""), "{html}");
    }

    #[test]
    fn page_has_no_external_resources() {
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    /// The rules inside the braces of `@media print`.
    #[test]
    fn paper_shows_whole_tables_and_breaks_between_rows() {
        let print = STYLE.split_once("@media print {").unwrap().1;
        for rule in [
            "nav, .hint { display: none; }",
            ".scroll { overflow: visible; }",
            "thead { display: table-header-group; }",
            "tr, figure, .answers div, .scores li, .warning, li { break-inside: avoid; }",
            "details::details-content { content-visibility: visible;",
        ] {
            assert!(print.contains(rule), "{rule}");
        }
        let screen = &STYLE[..STYLE.find("@media print").unwrap()];
        assert_eq!(screen.matches("overflow-x: auto").count(), 1, "only tables scroll: {screen}");
        assert!(screen.contains("pre-wrap"), "settings do not scroll");
    }
}
