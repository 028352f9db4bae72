//! The summary of the measured effect of offers.

use super::super::text::{Text, count};
use churn_common::metrics::Estimate;
use churn_pages::number::{count as grouped_count, grouped, percent, short};
use monitor::effect::{Arm, Comparison, Conclusion, Contamination, Effect, PerProtocol, ProtocolComparison};

pub fn effect(effect: &Effect) -> Text {
    let mut text = Text::new();
    text.line(2, format!("effect of offers: {}", conclusion(effect)));
    let Comparison { treatment, control, difference, difference_at_any_time, .. } = &effect.overall;
    if treatment.users + control.users > 0 {
        text.line(4, format!("churn in treatment {}, in control {}", rate(treatment), rate(control)));
    }
    if difference.value.is_some() {
        text.line(4, format!("difference in percentage points: {}", points(difference)));
        text.line(4, format!("the same for looks on any day: {}", points(difference_at_any_time)));
    }
    if let Some(contacts) = contacts(&effect.overall.contacts_per_retained_user) {
        text.line(4, format!("users to contact for each user retained: {contacts}"));
    }
    if let Some(revenue) = &effect.overall.retained_revenue {
        text.line(4, format!("retained revenue: {}", revenue.text(short)));
    }
    if let Some(per_protocol) = &effect.per_protocol {
        add_per_protocol(&mut text, per_protocol);
    }
    text
}

fn points(estimate: &Estimate) -> String {
    estimate.text(|x| grouped(100.0 * x, 1)).to_string()
}

fn add_per_protocol(text: &mut Text, PerProtocol { received, accepted, contamination, .. }: &PerProtocol) {
    text.line(4, "per protocol, which is not randomised and shows no effect by itself:");
    for (name, ProtocolComparison { treatment, control, difference }) in
        [("with an offer", received), ("of those who accepted", accepted)]
    {
        text.line(6, format!("churn {name} {}, in control without an offer {}", rate(treatment), rate(control)));
        if difference.value.is_some() {
            text.line(6, format!("difference in percentage points: {}", points(difference)));
        }
    }
    let Contamination { control_users, control_with_offer, treatment_users, treatment_without_offer } = contamination;
    let of = |part: u64, users: u64| format!("{} of {}", grouped_count(part), count(users, "user"));
    text.line(6, format!("control with an offer: {}", of(*control_with_offer, *control_users)));
    text.line(6, format!("treatment without an offer: {}", of(*treatment_without_offer, *treatment_users)));
}

fn conclusion(effect: &Effect) -> String {
    let plan = &effect.plan;
    match effect.conclusion {
        Conclusion::ChurnReduced => "users with offers churn less often".into(),
        Conclusion::ChurnIncreased => "users with offers churn more often".into(),
        Conclusion::NoDifferenceShown => {
            format!(
                "no difference shown, with enough users to show a reduction of {}",
                percent(plan.min_detectable_effect, 0)
            )
        }
        Conclusion::NotEnoughData => {
            let progress = match plan.users_needed.zip(plan.users_still_needed) {
                Some((needed, missing)) => {
                    let known = grouped_count(needed - missing);
                    format!("{known} of {} needed", count(needed, "user"))
                }
                None => "both groups need users".into(),
            };
            let date = plan.enough_data_on.map(|day| format!(", expected on {day}")).unwrap_or_default();
            format!("not enough data yet: {progress}{date}")
        }
    }
}

/// Such as `9.1 % of 220 users`.
fn rate(arm: &Arm) -> String {
    let rate = arm.rate.map_or("undefined".to_owned(), |rate| percent(rate, 1));
    format!("{rate} of {}", count(arm.users, "user"))
}

/// `None` if no user is retained.
fn contacts(estimate: &Estimate) -> Option<String> {
    let value = short(estimate.value?);
    Some(match (estimate.low, estimate.high) {
        (Some(low), None) => format!("{value} (95 %: {} or more)", short(low)),
        _ => estimate.text(short).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Day;
    use churn_common::risk::{Epoch, Group};
    use monitor::effect::{AssignedOutcome, EffectParams, LeftOut, OfferReceived};

    /// The summary for users of both groups, each with the number who churned; of the treatment group, 20 more are pending.
    fn summary(treatment: [usize; 2], control: [usize; 2], value_per_user: Option<f64>) -> String {
        summary_with_offers(treatment, control, value_per_user, 0)
    }

    /// The first `offers` users of treatment got an offer, and every second of them accepted it.
    fn summary_with_offers(
        treatment: [usize; 2],
        control: [usize; 2],
        value_per_user: Option<f64>,
        offers: usize,
    ) -> String {
        let day = |text: &str| Day::parse(text).unwrap();
        let params = EffectParams {
            as_of: day("2027-01-31"),
            label_delay_days: 14,
            min_detectable_effect: 0.3,
            power: 0.8,
            min_rows_per_class: 10,
            value_per_user,
        };
        let users = |group, [n, churned]: [usize; 2]| {
            (0..n).map(move |user| AssignedOutcome {
                epoch: Epoch::from_stored("2026-Q4").unwrap(),
                group,
                became_high_on: day("2026-12-01"),
                probability: 0.25,
                churned: Some(user < churned),
                offer: match group {
                    Group::Treatment if user < offers && user % 2 == 0 => OfferReceived::Accepted,
                    Group::Treatment if user < offers => OfferReceived::Declined,
                    _ => OfferReceived::None,
                },
            })
        };
        let pending = users(Group::Treatment, [20, 0]).map(|user| AssignedOutcome { churned: None, ..user });
        let outcomes: Vec<_> =
            users(Group::Treatment, treatment).chain(users(Group::Control, control)).chain(pending).collect();
        effect(&Effect::measure(&outcomes, LeftOut::default(), &params).unwrap()).to_string()
    }

    #[test]
    fn summary_has_the_conclusion_the_rates_and_the_contacts() {
        let found = "  effect of offers: users with offers churn less often
    churn in treatment 10.0 % of 900 users, in control 31.0 % of 300 users
    difference in percentage points: -21.0 (95 %: -26.7 to -15.6)
    the same for looks on any day: -21.0 (95 %: -30.0 to -12.8)
    users to contact for each user retained: 4.76 (95 %: 3.74 to 6.41)
    retained revenue: 9,450 (95 %: 7,018 to 12,030)
";
        assert_eq!(summary([900, 90], [300, 93], Some(50.0)), found);
        let too_early = "  effect of offers: not enough data yet: 250 of 1,489 users needed, expected on
    2027-11-21
    churn in treatment 10.0 % of 200 users, in control 16.0 % of 50 users
    difference in percentage points: -6.0 (95 %: -19.0 to 3.1)
    the same for looks on any day: -6.0 (95 %: -29.0 to 7.9)
    users to contact for each user retained: 16.7 (95 %: 5.27 or more)
";
        assert_eq!(summary([200, 20], [50, 8], None), too_early);
        let per_protocol = summary_with_offers([200, 20], [50, 8], None, 100);
        let expected = too_early.to_owned()
            + "    per protocol, which is not randomised and shows no effect by itself:
      churn with an offer 20.0 % of 100 users, in control without an offer 16.0
        % of 50 users
      difference in percentage points: 4.0 (95 %: -10.2 to 15.7)
      churn of those who accepted 20.0 % of 50 users, in control without an
        offer 16.0 % of 50 users
      difference in percentage points: 4.0 (95 %: -11.3 to 19.1)
      control with an offer: 0 of 50 users
      treatment without an offer: 100 of 200 users
";
        assert_eq!(per_protocol, expected);
        let none = "  effect of offers: not enough data yet: both groups need users\n";
        assert_eq!(summary([0, 0], [0, 0], None), none);
    }
}
