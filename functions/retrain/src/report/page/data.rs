//! The exploration.

use super::parts::{charts, scores, table};
use crate::report::figures::Figures;
use crate::report::{GroupRate, PageUse, Report, number};
use maud::{Markup, html};

/// The log.
pub fn log(report: &Report, figures: &Figures) -> Markup {
    let (told, card) = (&report.exploration, &report.card);
    let mut counts = vec![
        (
            "Days",
            number::count(told.daily.len() as u64),
            format!("{} to {}, the last maybe under way", card.log_span.0, card.log_span.1),
        ),
        ("Users", number::count(told.users), format!("{} of them cancelled", number::count(told.cancelled_users))),
        ("Events", number::count(told.events), per_user(told.events, told.users)),
        ("Sessions", number::count(told.sessions), per_user(told.sessions, told.users)),
    ];
    if told.events_outside > 0 {
        let note = "on other days, as of a clock that is off; counted nowhere here".to_owned();
        counts.push(("Stray events", number::count(told.events_outside), note));
    }
    html! {
        (scores(&counts))
        (charts(&figures.daily))
    }
}

fn per_user(n: u64, users: u64) -> String {
    if users == 0 { String::new() } else { format!("{} a user", number::short(n as f64 / users as f64)) }
}

/// Churn by group.
pub fn groups(report: &Report, figures: &Figures) -> Markup {
    let (told, card) = (&report.exploration, &report.card);
    let all = [GroupRate { group: "rows".into(), churn: told.churn }];
    let groupings: [(&str, &[GroupRate]); 5] = [
        ("all", &all),
        ("level", &told.by_level),
        ("gender", &told.by_gender),
        ("tenure", &told.by_tenure),
        ("cutoff", &told.by_cutoff),
    ];
    let row = |(of, g): (&str, &GroupRate)| {
        let churn = &g.churn;
        let [rows, users, positives] = [churn.rows, churn.users, churn.positives].map(number::count);
        vec![format!("{of}: {}", g.group), rows, users, positives, number::percent_interval(&churn.rate)]
    };
    let rows = groupings.into_iter().flat_map(|(of, groups)| groups.iter().map(move |g| (of, g))).map(row);
    html! {
        p {
            "A row is a user at a cutoff who was active in the " (card.window_days) " days before it and had not cancelled. "
            (number::count(told.churn.positives)) " of " (number::count(told.churn.rows)) " rows churned: "
            (number::percent_interval(&told.churn.rate)) ". Rows of training and test are counted together. Intervals \
            resample users, as a user may have rows at several cutoffs, which are alike. Where resampling tells nothing, as \
            where nobody in a group churned, they are Wilson's, and a user counts once."
        }
        (charts(&figures.groups))
        (table("Churn rate by group", &["group", "rows", "users", "rows that churned", "rate (95 % interval)"], rows))
    }
}

/// Pages visited before the cutoff.
pub fn pages(report: &Report, figures: &Figures) -> Markup {
    let row = |p: &PageUse| {
        vec![p.page.clone(), number::interval(&p.churned), number::interval(&p.others), number::interval(&p.ratio)]
    };
    html! {
        p {
            "Visits to each page per active day, in the observation window before the cutoff only: what happens after it, \
            in the horizon of the label, is not counted, nor are the pages of cancelling, so nothing here gives the answer \
            away. Means over rows, each weighing the same; intervals resample users."
        }
        (charts(&figures.pages))
        (table(
            "Visits per active day (95 % intervals)",
            &["page", "churned later", "others", "ratio"],
            report.exploration.pages.iter().map(row),
        ))
    }
}
