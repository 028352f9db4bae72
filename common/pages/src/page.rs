//! The skeleton of every page. The templates escape all text.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

/// Colours and layout, also for the dark scheme and for print.
pub(crate) const STYLE: &str = include_str!("style.css");

/// A page without external resources.
pub struct Page {
    pub title: String,
    pub arabic_title: &'static str,
    /// One line below the title.
    pub subtitle: Markup,
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
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { span { (self.title) } span lang="ar" dir="rtl" { (self.arabic_title) } }
                        p class="muted" { (self.subtitle) }
                    }
                    nav aria-label="Contents" {
                        ul {
                            @for Section { heading, .. } in &self.sections {
                                li { a href=(format!("#{}", heading.id)) { (heading.english) } }
                            }
                        }
                    }
                    main { @for section in &self.sections { (section) } }
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
    use crate::{Row, Tile, table, tiles};

    const HOSTILE: &str = "<script>alert('&amp;')</script>";

    #[test]
    fn all_text_is_escaped() {
        let content = html! {
            (tiles(&[Tile { name: HOSTILE, value: HOSTILE.to_owned(), note: HOSTILE.to_owned() }]))
            (table(HOSTILE, &[HOSTILE, HOSTILE], [Row::from(vec![HOSTILE.to_owned(), HOSTILE.to_owned()])]))
        };
        let section = Section::new(Heading::new("first", "First", "الأول"), content);
        let page = Page {
            title: HOSTILE.into(),
            arabic_title: "صفحة",
            subtitle: html! { (HOSTILE) },
            sections: vec![section],
        };
        let html = page.render().into_string();
        assert!(!html.contains("<script"), "{html}");

        // Without the head, whose void elements are not XML.
        let body = &html[html.find("<body>").unwrap()..html.rfind("</html>").unwrap()];
        let document = roxmltree::Document::parse(body).unwrap();
        let texts = document.descendants().filter(|node| node.is_text() && node.text() == Some(HOSTILE)).count();
        assert_eq!(texts, 2 + 3 + 5, "title and subtitle, tile, table");
        assert!(document.descendants().any(|node| node.attribute("id") == Some("first")));
    }

    #[test]
    fn page_has_no_external_resources() {
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
