//! The page: what stands where. Everything that comes from data is escaped by the templates.

mod candidates;
mod data;
mod decision;
mod features;
mod guards;
mod overview;
mod parts;
mod scores;

use super::Report;
use super::figures::Figures;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use parts::Heading;

/// How the page looks, on paper and in the dark too.
pub(super) const STYLE: &str = include_str!("style.css");

/// The page of a report.
pub fn page(report: &Report, figures: &Figures) -> Markup {
    let card = &report.card;
    let title = format!("Churn model {}", card.version);
    let sections: [(Heading, Markup); 10] = [
        (Heading("overview", "At a glance", "نظرة سريعة"), overview::section(report)),
        (Heading("data", "The data", "البيانات"), data::log(report, figures)),
        (Heading("groups", "Who churned", "من غادر"), data::groups(report, figures)),
        (Heading("pages", "What they did before", "ما فعلوه قبل المغادرة"), data::pages(report, figures)),
        (
            Heading("scores", "Scores on held-out rows", "التقييم على بيانات لم يرها النموذج"),
            scores::section(report, figures),
        ),
        (Heading("decision", "Threshold and cost", "عتبة القرار والتكلفة"), decision::section(report, figures)),
        (
            Heading("features", "What the model lives on", "العوامل المؤثرة في النموذج"),
            features::section(card, figures),
        ),
        (Heading("candidates", "Candidates compared", "مقارنة النماذج المرشحة"), candidates::section(card, figures)),
        (Heading("guards", "Leak checks and gate", "فحوص التسرّب وشرط الاعتماد"), guards::section(card)),
        (Heading("notes", "Notes and settings", "ملاحظات وإعدادات"), notes(report)),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { span { (title) } span lang="ar" dir="rtl" { "تقرير تدريب نموذج توقّع المغادرة" } }
                    p class="muted" {
                        "Trained " time datetime=(card.created_at) { (card.created_at) } " on the log from "
                        (card.log_span.0) " to " (card.log_span.1) ". Figures in parentheses are 95 % intervals."
                    }
                }
                nav aria-label="Contents" {
                    ul { @for (heading, _) in &sections { li { a href=(format!("#{}", heading.0)) { (heading.1) } } } }
                }
                main {
                    @for (heading, section) in &sections {
                        section aria-labelledby=(heading.0) { (heading) (section) }
                    }
                }
            }
        }
    }
}

fn notes(report: &Report) -> Markup {
    let card = &report.card;
    html! {
        ul { @for note in &card.notes { li { (note) } } }
        p { "The same figures for machines are in " code { "report.json" } " beside this page." }
        details {
            summary { "Every training setting" }
            // Pretty-printed JSON.
            pre { (format!("{:#}", card.settings)) }
        }
    }
}
