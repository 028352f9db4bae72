//! Charts of the exploration.

use crate::report::chart::{Axis, Chart, FIRST, Form, Head, Lines, Mark, SECOND, Series, Whiskers};
use crate::report::exploration::{DayActivity, Exploration};
use crate::report::{GroupRate, ReportError, number};
use churn_common::metrics::Estimate;

/// Most pages that are drawn.
const PAGES: usize = 12;
/// Days from which on an axis tells months instead of days.
const MONTHS_FROM: usize = 300;

/// What happened on each day.
pub fn daily(told: &Exploration) -> Result<Vec<Chart>, ReportError> {
    let reading = "Each point is a UTC day of the log; the last may have been under way when the log was read.";
    let charts = [
        (Head::new("daily-users", "Active users per day", reading), "users with an event", FIRST, users as Of),
        (Head::new("daily-events", "Events per day", reading), "events", FIRST, events),
        (
            Head::new("daily-cancellations", "Users who cancelled per day", reading),
            "users who cancelled",
            SECOND,
            cancelled,
        ),
    ];
    let drawn = charts.into_iter().map(|(head, label, colour, of)| {
        let values: Vec<u64> = told.daily.iter().map(of).collect();
        let top = values.iter().copied().max().unwrap_or(0).max(1) as f64;
        Lines {
            head,
            x: day_axis(&told.daily),
            y: Axis {
                format: Box::new(|x| number::grouped(x, usize::from(x.fract() != 0.0))),
                ..Axis::new(label, 0.0..top * 1.05)
            },
            series: vec![Series::new(
                Form::Line,
                colour,
                values.iter().enumerate().map(|(at, n)| (at as f64, *n as f64)).collect(),
            )],
        }
        .draw()
    });
    drawn.collect()
}

type Of = fn(&DayActivity) -> u64;

fn users(day: &DayActivity) -> u64 {
    day.users
}

fn events(day: &DayActivity) -> u64 {
    day.events
}

fn cancelled(day: &DayActivity) -> u64 {
    day.cancelled
}

fn day_axis(daily: &[DayActivity]) -> Axis {
    let last = daily.len().saturating_sub(1).max(1);
    let (Some(first), Some(end)) = (daily.first().map(|d| d.day), daily.last().map(|d| d.day)) else {
        return Axis::new("day", 0.0..1.0);
    };
    let part = if daily.len() < MONTHS_FROM { 5..10 } else { 0..7 };
    let unit = if daily.len() < MONTHS_FROM { "month-day" } else { "year-month" };
    Axis {
        format: Box::new(move |x| {
            first.plus(x.round() as i32).to_string().get(part.clone()).unwrap_or_default().to_owned()
        }),
        ..Axis::new(format!("UTC day ({unit}), {first} to {end}"), 0.0..last as f64)
    }
}

/// Churn by group.
pub fn groups(told: &Exploration) -> Result<Vec<Chart>, ReportError> {
    let reading = "Dots are the share of rows that churned, lines its 95 % interval by user, the vertical line that of all rows. \
                   Groups whose lines overlap may not differ at all.";
    let charts = [
        ("churn-by-level", "Churn rate by subscription level", &told.by_level),
        ("churn-by-gender", "Churn rate by gender", &told.by_gender),
        ("churn-by-tenure", "Churn rate by time since registration", &told.by_tenure),
        ("churn-by-cutoff", "Churn rate by cutoff", &told.by_cutoff),
    ];
    charts
        .into_iter()
        .filter(|(_, _, groups)| !groups.is_empty())
        .map(|(id, title, groups)| {
            let end = groups.iter().filter_map(|g| g.churn.rate.high).fold(0.0, f64::max);
            Whiskers {
                head: Head::new(id, title, reading),
                x: Axis::share("rows that churned, % of the group's rows", (end * 1.1).min(1.0)),
                marks: newest(groups).iter().map(mark).collect(),
                guide: told.churn.rate.value,
            }
            .draw()
        })
        .collect()
}

/// Groups as far as a chart holds them: of many cutoffs, the newest.
fn newest(groups: &[GroupRate]) -> &[GroupRate] {
    groups.get(groups.len().saturating_sub(20)..).unwrap_or(groups)
}

fn mark(group: &GroupRate) -> Mark {
    let churn = &group.churn;
    let rate = churn.rate.value.map_or_else(String::new, |rate| number::percent(rate, 1));
    Mark {
        name: group.group.clone(),
        value: churn.rate,
        note: format!("{rate}, {} of {}", number::count(churn.positives), number::count(churn.rows)),
    }
}

/// Pages visited before the cutoff. The axis is logarithmic, so that half and double lie equally far from even.
pub fn pages(told: &Exploration) -> Result<Vec<Chart>, ReportError> {
    let told: Vec<_> = told.pages.iter().filter(|p| p.ratio.value.is_some()).take(PAGES).collect();
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let log = |x: Option<f64>| x.map(f64::log2);
    let ends = told.iter().flat_map(|p| [log(p.ratio.low), log(p.ratio.high)]).flatten();
    // Even with wild intervals the axis stays readable: lines are cut off at an eighth and at eightfold.
    let reach = ends.map(f64::abs).fold(0.5, f64::max).min(3.0) * 1.05;
    let marks = told.iter().map(|page| Mark {
        name: page.page.clone(),
        value: Estimate { value: log(page.ratio.value), low: log(page.ratio.low), high: log(page.ratio.high) },
        note: format!(
            "{} against {}",
            number::short(page.churned.value.unwrap_or(0.0)),
            number::short(page.others.value.unwrap_or(0.0))
        ),
    });
    let chart = Whiskers {
        head: Head::new(
            "pages",
            "Pages of users who churned later, against the others",
            "Visits per active day in the observation window, which ends at the cutoff: nothing after it is counted. \
             Right of the line, users who churned afterwards visited the page more often; lines are 95 % intervals. \
             Pages come first whose difference chance explains least.",
        ),
        x: Axis {
            format: Box::new(|x| format!("{}×", number::tick((x.exp2() * 1000.0).round() / 1000.0))),
            ..Axis::new("visits per active day, churned ÷ others (ratio)", -reach..reach)
        },
        marks: marks.collect(),
        guide: Some(0.0),
    };
    Ok(vec![chart.draw()?])
}
