//! The sections about the exploration.

use crate::charts::ReportCharts;
use crate::{GroupRate, PageVisits, Report};
use churn_pages::{Column, Tile, cell, charts, estimate_cell, number, table, tiles};
use maud::{Markup, html};

pub fn log(report: &Report, drawn: &ReportCharts) -> Markup {
    let (exploration, card) = (&report.exploration, &report.card);
    let (users, events, sessions) = (exploration.users, exploration.events, exploration.sessions);
    let mut counts = vec![
        Tile {
            name: "Days",
            value: number::count(exploration.daily.len() as u64),
            note: format!("{} to {}, the last may be incomplete", card.data_range.0, card.data_range.1),
        },
        Tile {
            name: "Users",
            value: number::count(users),
            note: format!("{} cancelled", number::count(exploration.cancelled_users)),
        },
        Tile { name: "Events", value: number::count(events), note: per_user(events, users) },
        Tile { name: "Sessions", value: number::count(sessions), note: per_user(sessions, users) },
    ];
    if exploration.out_of_range_events > 0 {
        counts.push(Tile {
            name: "Out-of-range events",
            value: number::count(exploration.out_of_range_events),
            note: "on other days, for example from a wrong clock; excluded from this report".to_owned(),
        });
    }
    let overlaps = &card.overlaps;
    if overlaps.slices > 0 {
        counts.push(Tile {
            name: "Duplicate events",
            value: number::count(overlaps.duplicate_events),
            note: "in more than one log file; each counts once".to_owned(),
        });
        counts.push(Tile {
            name: "Lost events",
            value: number::count(overlaps.lost_events),
            note: "not counted, because a larger log file has other events in their place".to_owned(),
        });
    }
    html! {
        (tiles(&counts))
        (charts(&drawn.daily))
    }
}

fn per_user(n: u64, users: u64) -> String {
    if users == 0 { String::new() } else { format!("{} per user", number::short(n as f64 / users as f64)) }
}

pub fn groups(report: &Report, drawn: &ReportCharts) -> Markup {
    let (exploration, card) = (&report.exploration, &report.card);
    let churn = &exploration.churn;
    let all = [GroupRate { group: "rows".into(), churn: *churn }];
    let groupings: [(&str, &[GroupRate]); 5] = [
        ("all", &all),
        ("level", &exploration.by_level),
        ("gender", &exploration.by_gender),
        ("tenure", &exploration.by_tenure),
        ("cutoff", &exploration.by_cutoff),
    ];
    let row = |(grouping, g): (&str, &GroupRate)| {
        let [rows, users, positives] = [g.churn.rows, g.churn.users, g.churn.positives].map(number::count);
        let name = format!("{grouping}: {}", g.group);
        let mut cells = Vec::from([name, rows, users, positives].map(cell));
        cells.push(estimate_cell(&g.churn.rate, |x| number::percent(x, 1)));
        cells
    };
    let rows = groupings.into_iter().flat_map(|(grouping, groups)| groups.iter().map(move |g| (grouping, g))).map(row);
    html! {
        p {
            "A row is a user at a cutoff who was active in the " (card.window_days) " days before it and had not cancelled. "
            (number::count(churn.positives)) " of " (number::count(churn.rows)) " rows churned: "
            (number::estimate_percent(&churn.rate)) ". Training and held-out rows are counted together. Intervals resample \
            users, because the rows of a user at several cutoffs are correlated. If all resamples have the same rate, for \
            example in a group without churn, the interval is Wilson's with the number of users as trials."
        }
        (charts(&drawn.groups))
        (table(
            "Churn rate by group, with 95 % intervals",
            &[
                Column::Text("group"),
                Column::Number("rows"),
                Column::Number("users"),
                Column::Number("churned rows"),
                Column::Estimate("churn rate"),
            ],
            rows,
        ))
    }
}

pub fn pages(report: &Report, drawn: &ReportCharts) -> Markup {
    let row = |p: &PageVisits| {
        let estimate = |estimate| estimate_cell(estimate, |x| number::grouped(x, 3));
        vec![cell(&p.page), estimate(&p.churned), estimate(&p.retained), estimate(&p.ratio)]
    };
    html! {
        p {
            "Visits to each page per active day in the observation window before the cutoff. Events after the cutoff and the \
            pages of the cancellation process are excluded. Values are means over rows; intervals resample users."
        }
        (charts(&drawn.pages))
        (table(
            "Visits per active day, with 95 % intervals",
            &[
                Column::Text("page"),
                Column::Estimate("churned"),
                Column::Estimate("retained"),
                Column::Estimate("ratio"),
            ],
            report.exploration.page_visits.iter().map(row),
        ))
    }
}
