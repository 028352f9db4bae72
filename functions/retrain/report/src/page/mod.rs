//! The page: which section stands where.

mod candidates;
mod data;
mod decision;
mod features;
mod guards;
mod overview;
mod scores;

use super::Report;
use super::charts::ReportCharts;
use churn_pages::{Heading, Page, Section};
use maud::{Markup, html};

/// The page of a report.
pub fn page(report: &Report, charts: &ReportCharts) -> Page {
    let card = &report.card;
    let section = |id, english, arabic, content| Section::new(Heading::new(id, english, arabic), content);
    Page {
        title: format!("Churn model {}", card.version),
        arabic_title: "تقرير تدريب نموذج توقّع المغادرة",
        subtitle: html! {
            "Trained " time datetime=(card.created_at) { (card.created_at) } " on the log from "
            (card.log_span.0) " to " (card.log_span.1) "."
        },
        sections: vec![
            section("overview", "At a glance", "نظرة سريعة", overview::section(report)),
            section("data", "The data", "البيانات", data::log(report, charts)),
            section("groups", "Who churned", "من غادر", data::groups(report, charts)),
            section("pages", "What they did before", "ما فعلوه قبل المغادرة", data::pages(report, charts)),
            section(
                "scores",
                "Scores on held-out rows",
                "التقييم على بيانات لم يرها النموذج",
                scores::section(report, charts),
            ),
            section("decision", "Threshold and cost", "عتبة القرار والتكلفة", decision::section(report, charts)),
            section(
                "features",
                "What the model lives on",
                "العوامل المؤثرة في النموذج",
                features::section(card, charts),
            ),
            section("candidates", "Candidates compared", "مقارنة النماذج المرشحة", candidates::section(card, charts)),
            section("guards", "Leak checks and gate", "فحوص التسرّب وشرط الاعتماد", guards::section(card)),
            section("notes", "Notes and settings", "ملاحظات وإعدادات", notes(report)),
        ],
    }
}

fn notes(report: &Report) -> Markup {
    let card = &report.card;
    html! {
        ul { @for note in &card.notes { li { (note) } } }
        p { "The same data for machines are in " code { "report.json" } " beside this page." }
        details {
            summary { "Every training setting" }
            // Pretty-printed JSON.
            pre { (format!("{:#}", card.settings)) }
        }
    }
}
