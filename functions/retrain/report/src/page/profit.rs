//! The section about the profit of a retention campaign.

use crate::Report;
use crate::charts::ReportCharts;
use churn_common::metrics::Estimate;
use churn_common::model::Card;
use churn_pages::{Column, cell, charts, number, table};
use maud::{Markup, html};

pub fn section(report: &Report, drawn: &ReportCharts) -> Markup {
    let card = &report.card;
    let profit = &card.profit;
    html! {
        p {
            "A campaign contacts the users with the highest probabilities, at " (number::short(profit.contact_cost)) " each. Users \
            who would stay accept the offer, which costs " (number::short(profit.offer_cost)) ". Of the users who would \
            churn, " (number::percent(profit.mean_acceptance(), 0)) " accept it and stay on average, and each of them is worth "
            (number::short(profit.customer_lifetime_value)) ". These numbers are settings. Amounts are per active user."
        }
        p { (best(card)) }
        (charts(&drawn.profit))
        (table("Profit of a campaign on the held-out rows, intervals by user", &[Column::Text("measure"), Column::Text("value")], rows(card).into_iter().map(|row| row.map(cell).to_vec())))
    }
}

/// Whether a campaign pays.
fn best(card: &Card) -> String {
    let points = card.profit.curve.iter().filter_map(|point| Some((point.share, point.profit.value?)));
    match points.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
        None => "No held-out row churned: the profit is undefined.".to_owned(),
        Some((share, profit)) if profit > 0.0 => format!(
            "With the mean acceptance, contacting {} of the users brings most: {} for each active user.",
            number::percent(share, 0),
            number::short(profit)
        ),
        Some(_) => {
            "With the mean acceptance, contacting users costs more than it brings, whatever their share.".to_owned()
        }
    }
}

fn rows(card: &Card) -> [[String; 2]; 3] {
    let metric = |name: &str| card.metrics.get(name).unwrap_or(&Estimate::UNDEFINED);
    [
        ["expected maximum profit (EMPC)".to_owned(), number::estimate_short(metric("empc"))],
        ["share of the users to contact for it".to_owned(), number::estimate_percent(metric("empc_share"))],
        [
            "profit of contacting the users with the label 1".to_owned(),
            number::estimate_short(&card.profit.at_threshold),
        ],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    #[test]
    fn page_says_whether_a_campaign_pays() {
        let mut card = report().0;
        assert_eq!(
            best(&card),
            "With the mean acceptance, contacting 50 % of the users brings most: 20 for each active user."
        );
        for point in &mut card.profit.curve {
            point.profit.value = Some(-point.share);
        }
        card.profit.curve.remove(0);
        assert!(best(&card).ends_with("costs more than it brings, whatever their share."));
        for point in &mut card.profit.curve {
            point.profit = Estimate::UNDEFINED;
        }
        assert!(best(&card).contains("undefined"));
        let expected = [
            ["expected maximum profit (EMPC)", "22.5 (95 %: 18 to 27)"],
            ["share of the users to contact for it", "41.0 % (95 %: 35.0 % to 47.0 %)"],
        ];
        assert_eq!(rows(&card)[..2], expected.map(|row| row.map(str::to_owned)));
    }
}
