//! The page and the order of its sections.

mod candidates;
mod data;
mod decision;
mod features;
mod group_metrics;
mod hyper_parameters;
mod leakage;
mod overview;
mod profit;
mod quality;
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
            "Trained " time datetime=(card.created_at) { (card.created_at.day()) } " on the log from "
            (card.data_range.0) " to " (card.data_range.1) "."
        },
        summary: section("overview", "Summary", "ملخّص", overview::section(report)),
        sections: vec![
            section("data", "The data", "البيانات", data::log(report, charts)),
            section("groups", "Churn rate by group", "معدّل المغادرة حسب الفئة", data::groups(report, charts)),
            section(
                "pages",
                "Page visits before the cutoff",
                "زيارات الصفحات قبل تاريخ القطع",
                data::pages(report, charts),
            ),
            section(
                "scores",
                "Scores on held-out rows",
                "التقييم على بيانات لم تُستخدم في التدريب",
                scores::section(report, charts),
            ),
            section("decision", "Threshold and cost", "عتبة القرار والتكلفة", decision::section(report, charts)),
            section("label-by-group", "Label by group", "التصنيف حسب الفئة", group_metrics::section(report)),
            section("profit", "Profit of a campaign", "ربح حملة الاحتفاظ", profit::section(report, charts)),
            section("features", "Feature importance", "أهمية الخصائص", features::section(card, charts)),
            section("candidates", "Candidates compared", "مقارنة النماذج المرشّحة", candidates::section(card, charts)),
            section(
                "leakage",
                "Leakage checks and promotion gate",
                "فحوص التسرّب وبوابة الترقية",
                leakage::section(card),
            ),
            section("notes", "Notes and settings", "ملاحظات وإعدادات", notes(report)),
        ],
    }
}

fn notes(report: &Report) -> Markup {
    let card = &report.card;
    html! {
        ul { @for note in &card.notes { li { (note) } } }
        p { "The file " code { "report.json" } " has the same data in machine-readable form." }
        details {
            summary { "All training settings" }
            // Pretty-printed JSON.
            pre { (format!("{:#}", card.settings)) }
        }
    }
}
