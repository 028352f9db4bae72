//! The exploration.

use crate::charts::ReportCharts;
use crate::{GroupRate, PageUse, Report};
use churn_pages::{Tile, charts, number, table, tiles};
use maud::{Markup, html};

/// The log.
pub fn log(report: &Report, drawn: &ReportCharts) -> Markup {
    let (exploration, card) = (&report.exploration, &report.card);
    let (users, events, sessions) = (exploration.users, exploration.events, exploration.sessions);
    let mut counts = vec![
        Tile {
            name: "Days",
            value: number::count(exploration.daily.len() as u64),
            note: format!("{} to {}, the last maybe under way", card.log_span.0, card.log_span.1),
        },
        Tile {
            name: "Users",
            value: number::count(users),
            note: format!("{} of them cancelled", number::count(exploration.cancelled_users)),
        },
        Tile { name: "Events", value: number::count(events), note: per_user(events, users) },
        Tile { name: "Sessions", value: number::count(sessions), note: per_user(sessions, users) },
    ];
    if exploration.events_outside > 0 {
        counts.push(Tile {
            name: "Stray events",
            value: number::count(exploration.events_outside),
            note: "on other days, as of a clock that is off; counted nowhere here".to_owned(),
        });
    }
    html! {
        (tiles(&counts))
        (charts(&drawn.daily))
    }
}

fn per_user(n: u64, users: u64) -> String {
    if users == 0 { String::new() } else { format!("{} a user", number::short(n as f64 / users as f64)) }
}

/// Churn by group.
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
        vec![format!("{grouping}: {}", g.group), rows, users, positives, number::estimate_percent(&g.churn.rate)]
    };
    let rows = groupings.into_iter().flat_map(|(of, groups)| groups.iter().map(move |g| (of, g))).map(row);
    html! {
        p {
            "A row is a user at a cutoff who was active in the " (card.window_days) " days before it and had not cancelled. "
            (number::count(churn.positives)) " of " (number::count(churn.rows)) " rows churned: "
            (number::estimate_percent(&churn.rate)) ". Rows of training and test are counted together. Intervals \
            resample users, as the rows of a user at several cutoffs are alike. Where all resamples agree, as in a group \
            without churn, the interval is Wilson's, with the number of users as the number of trials."
        }
        (charts(&drawn.groups))
        (table("Churn rate by group", &["group", "rows", "users", "rows that churned", "rate"], rows))
    }
}

/// Pages visited before the cutoff.
pub fn pages(report: &Report, drawn: &ReportCharts) -> Markup {
    let row = |p: &PageUse| {
        vec![p.page.clone(), number::estimate(&p.churned), number::estimate(&p.others), number::estimate(&p.ratio)]
    };
    html! {
        p {
            "Visits to each page per active day, in the observation window before the cutoff only: what happens after it, \
            in the horizon of the label, is not counted, nor are the pages of cancelling, so nothing here gives the answer \
            away. Means over rows, each weighing the same; intervals resample users."
        }
        (charts(&drawn.pages))
        (table(
            "Visits per active day",
            &["page", "churned later", "others", "ratio"],
            report.exploration.pages.iter().map(row),
        ))
    }
}
