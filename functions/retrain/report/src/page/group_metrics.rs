//! The section about the label in groups of users.

use crate::Report;
use crate::group_metrics::{GroupMetrics, MIN_GROUP_USERS};
use churn_common::metrics::Estimate;
use churn_pages::{Column, cell, number, table};
use maud::{Markup, html};

pub fn section(report: &Report) -> Markup {
    let groups = &report.held_out.by_group;
    html! {
        p {
            "Does the model serve all groups alike? On the held-out rows, recall is the share of a group's churned rows that have \
            the label 1, and precision the share of its rows with the label 1 that churned. Above 0, the last column means that \
            more users of the group churned than predicted. If the intervals of two groups overlap, the difference may be chance."
        }
        @let small = groups.iter().filter(|group| group.is_too_small).count();
        @if small > 0 {
            p class="muted" {
                "Too few users: fewer than " (MIN_GROUP_USERS) " users of the group churned, or fewer than " (MIN_GROUP_USERS)
                " stayed (" (number::count(small as u64)) " of " (number::count(groups.len() as u64)) " groups)."
            }
        }
        (table(
            "Label and calibration by group on the held-out rows, intervals by user",
            &[
                Column::Text("group"),
                Column::Number("users"),
                Column::Number("churned users"),
                Column::Estimate("recall"),
                Column::Estimate("precision"),
                Column::Estimate("churn rate minus mean probability"),
            ],
            groups.iter().map(|group| row(group).map(cell).to_vec()),
        ))
    }
}

fn row(group: &GroupMetrics) -> [String; 6] {
    let metric = |text: String| if group.is_too_small { "too few users".to_owned() } else { text };
    let signed = |estimate: &Estimate| estimate.text(|x| format!("{:+.1} %", 100.0 * x)).to_string();
    [
        if group.grouping == "all" { "all rows".to_owned() } else { format!("{}: {}", group.grouping, group.group) },
        number::count(group.users),
        number::count(group.churned_users),
        metric(number::estimate_percent(&group.recall)),
        metric(number::estimate_percent(&group.precision)),
        metric(signed(&group.calibration_in_the_large)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_group_is_named_as_such() {
        let estimate = Estimate { value: Some(0.05), low: Some(-0.01), high: Some(0.11) };
        let group = GroupMetrics {
            grouping: "gender".to_owned(),
            group: "female".to_owned(),
            rows: 2_000,
            users: 1_200,
            churned_users: 80,
            is_too_small: false,
            recall: estimate,
            precision: Estimate::UNDEFINED,
            calibration_in_the_large: estimate,
        };
        let expected = [
            "gender: female",
            "1,200",
            "80",
            "5.0 % (95 %: -1.0 % to 11.0 %)",
            "undefined",
            "+5.0 % (95 %: -1.0 % to +11.0 %)",
        ];
        assert_eq!(row(&group), expected);
        let small = row(&GroupMetrics { is_too_small: true, ..group });
        assert_eq!(small[3..], ["too few users"; 3]);
    }
}
