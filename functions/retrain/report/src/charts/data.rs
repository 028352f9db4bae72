//! Charts of the exploration.

use crate::GroupRate;
use crate::exploration::{DayActivity, Exploration};
use churn_common::metrics::Estimate;
use churn_pages::chart::{Axis, Caption, FIRST, Form, Lines, Mark, SECOND, Series, Whiskers};
use churn_pages::{Chart, ChartError, number};

/// Maximum number of pages in the chart.
const MAX_PAGES: usize = 12;
/// Maximum number of groups in a chart; the newest cutoffs are drawn.
const MAX_GROUPS: usize = 20;
/// Number of days at which an axis shows months instead of days.
const MONTHS_FROM: usize = 300;

/// Activity by day.
pub fn daily(exploration: &Exploration) -> Result<Vec<Chart>, ChartError> {
    let description = "Each point is a UTC day of the log. The last day may be incomplete.";
    let users: fn(&DayActivity) -> u64 = |day| day.users;
    let charts = [
        ("daily-users", "Active users per day", "users with an event", FIRST, users),
        ("daily-events", "Events per day", "events", FIRST, |day| day.events),
        ("daily-cancellations", "Cancellations per day", "users who cancelled", SECOND, |day| day.cancelled),
    ];
    let drawn = charts.into_iter().map(|(id, title, label, colour, count)| {
        let values: Vec<u64> = exploration.daily.iter().map(count).collect();
        let top = values.iter().copied().max().unwrap_or(0).max(1) as f64;
        Lines {
            caption: Caption::new(id, title, description),
            x: day_axis(&exploration.daily),
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
pub fn groups(exploration: &Exploration) -> Result<Vec<Chart>, ChartError> {
    let description = "Dots are churn rates, horizontal lines their 95 % intervals by user. The vertical line is the churn \
                       rate of all rows. If the intervals of two groups overlap, the difference may be chance.";
    let charts = [
        ("churn-by-level", "Churn rate by subscription level", &exploration.by_level),
        ("churn-by-gender", "Churn rate by gender", &exploration.by_gender),
        ("churn-by-tenure", "Churn rate by time since registration", &exploration.by_tenure),
        ("churn-by-cutoff", "Churn rate by cutoff", &exploration.by_cutoff),
    ];
    charts
        .into_iter()
        .filter(|(_, _, groups)| !groups.is_empty())
        .map(|(id, title, groups)| {
            let end = groups.iter().filter_map(|g| g.churn.rate.high).fold(0.0, f64::max);
            let oldest_drawn = groups.len().saturating_sub(MAX_GROUPS);
            Whiskers {
                caption: Caption::new(id, title, description),
                x: Axis::share("churn rate, %", (end * 1.1).min(1.0)),
                marks: groups.iter().skip(oldest_drawn).map(mark).collect(),
                guide: exploration.churn.rate.value,
            }
            .draw()
        })
        .collect()
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

/// Page visits before the cutoff. The axis is logarithmic, so that half and double are equally far from 1.
pub fn pages(exploration: &Exploration) -> Result<Vec<Chart>, ChartError> {
    let pages: Vec<_> = exploration.page_visits.iter().filter(|p| p.ratio.value.is_some()).take(MAX_PAGES).collect();
    if pages.is_empty() {
        return Ok(Vec::new());
    }
    let log = |x: Option<f64>| x.map(f64::log2);
    let ends = pages.iter().flat_map(|p| [log(p.ratio.low), log(p.ratio.high)]).flatten();
    // Wide intervals are clipped at an eighth and at eightfold, so that the axis stays readable.
    let reach = ends.map(f64::abs).fold(0.5, f64::max).min(3.0) * 1.05;
    let marks = pages.iter().map(|page| Mark {
        name: page.page.clone(),
        value: Estimate { value: log(page.ratio.value), low: log(page.ratio.low), high: log(page.ratio.high) },
        note: format!(
            "churned {}, retained {}",
            number::short(page.churned.value.unwrap_or(0.0)),
            number::short(page.retained.value.unwrap_or(0.0))
        ),
    });
    let chart = Whiskers {
        caption: Caption::new(
            "pages",
            "Page visits of churned users relative to retained users",
            "Visits per active day in the observation window, which ends at the cutoff. On the right of the vertical line, \
             users who churned afterwards visited the page more often. Horizontal lines are 95 % intervals. The most \
             significant pages come first.",
        ),
        x: Axis {
            format: Box::new(|x| format!("{}×", number::tick((x.exp2() * 1000.0).round() / 1000.0))),
            ..Axis::new("visits per active day, churned ÷ retained (ratio)", -reach..reach)
        },
        marks: marks.collect(),
        guide: Some(0.0),
    };
    Ok(vec![chart.draw()?])
}
