//! Features as the page names them: in plain words, with the identifier beside them.

use churn_common::reasons::plain_name;
use maud::{Markup, PreEscaped, Render, html};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureName<'a> {
    /// `None` if the present schema has no such feature.
    plain: Option<String>,
    identifier: &'a str,
}

impl<'a> FeatureName<'a> {
    pub fn new(identifier: &'a str) -> Self {
        Self { plain: plain_name(identifier), identifier }
    }

    /// The plain name, or else the identifier.
    pub fn title(&self) -> &str {
        self.plain.as_deref().unwrap_or(self.identifier)
    }

    /// The identifier, unless it is the title.
    pub fn identifier(&self) -> Option<&'a str> {
        self.plain.is_some().then_some(self.identifier)
    }
}

impl Render for FeatureName<'_> {
    fn render(&self) -> Markup {
        html! {
            @match &self.plain {
                Some(plain) => { (plain) " " code { (breakable(self.identifier)) } },
                None => code { (self.identifier) },
            }
        }
    }
}

/// An identifier that may continue on a new line after each underscore.
fn breakable(identifier: &str) -> Markup {
    html! {
        @for (at, part) in identifier.split_inclusive('_').enumerate() {
            // Closed, so that the page is well-formed XML.
            @if at > 0 { (PreEscaped("<wbr/>")) }
            (part)
        }
    }
}
