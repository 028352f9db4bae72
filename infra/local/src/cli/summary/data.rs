//! The summary of a data check.

use super::super::text::{Text, count};
use churn_pages::number;
use retrain::{DataCheck, Need, Requirement, RequirementName};

pub fn checked(check: &DataCheck) -> Text {
    let mut text = Text::new();
    if let Some((first, last)) = check.data_range {
        let (users, cancelled) = (count(check.users as u64, "user"), number::count(check.cancelled_users as u64));
        text.line(0, format!("Data of {first} to {last}: {users}, {cancelled} cancelled"));
    }
    text.line(
        0,
        match (check.can_train, check.is_reliable) {
            (true, true) => "The data suffice for a reliable model.".to_owned(),
            (true, false) => "A model can be trained, but the data do not suffice for a reliable one.".to_owned(),
            (false, _) => format!("No model can be trained: {}", check.detail.as_deref().unwrap_or_default()),
        },
    );
    if check.requirements.is_empty() {
        return text;
    }
    text.blank().row(row(["", "found", "to train", "reliable", "missing, and by when"]));
    for requirement in &check.requirements {
        let needed = |need: Option<Need>| need.map_or_else(String::new, |need| number::count(need.needed as u64));
        text.row(row([
            name(requirement.name),
            &number::count(requirement.found as u64),
            &needed(requirement.to_train),
            &needed(requirement.reliable),
            &missing(requirement),
        ]));
    }
    text.blank().line(0, "Days are estimated at the current rate.");
    for advice in check.requirements.iter().filter_map(|requirement| requirement.advice.as_ref()) {
        text.line(0, format!("Note: {advice}"));
    }
    text
}

/// 80 columns.
fn row([name, found, to_train, reliable, missing]: [&str; 5]) -> String {
    format!("  {name:<27}{found:>8}{to_train:>10}{reliable:>10}  {missing}")
}

/// What is missing to train, or else to a reliable model.
fn missing(requirement: &Requirement) -> String {
    let needs = [requirement.to_train, requirement.reliable];
    let Some(need) = needs.into_iter().flatten().find(|need| need.missing > 0) else { return String::new() };
    let missing = number::count(need.missing as u64);
    need.expected_on.map_or(missing.clone(), |day| format!("{missing}, {day}"))
}

fn name(name: RequirementName) -> &'static str {
    match name {
        RequirementName::HistoryDays => "days of history",
        RequirementName::LabelledCutoffs => "labelled cutoffs",
        RequirementName::Users => "users",
        RequirementName::ChurnedRows => "churned rows",
        RequirementName::RetainedRows => "retained rows",
        RequirementName::ChurnedUsers => "churned users",
        RequirementName::HeldOutChurnedRows => "held-out churned rows",
        RequirementName::HeldOutRetainedRows => "held-out retained rows",
        RequirementName::HeldOutChurnedUsers => "held-out churned users",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Day;
    use retrain::Reason;

    #[test]
    fn summary_has_a_row_for_each_requirement() {
        let day = |text| Day::parse(text).unwrap();
        let need = |needed, missing, expected_on| Some(Need { needed, missing, expected_on });
        let history = Requirement {
            name: RequirementName::HistoryDays,
            found: 30,
            to_train: need(42, 12, Some(day("2018-11-12"))),
            reliable: need(63, 33, Some(day("2018-12-03"))),
            advice: None,
        };
        let held_out = Requirement {
            name: RequirementName::HeldOutChurnedUsers,
            found: 3_000_000,
            to_train: None,
            reliable: need(4_000_000, 1_000_000, None),
            advice: Some("the number of held-out users does not grow with time: it takes more users".to_owned()),
        };
        let mut check = DataCheck {
            can_train: false,
            is_reliable: false,
            reason: Some(Reason::InsufficientHistory),
            detail: Some("the log has 30 days, expected at least 42".to_owned()),
            data_range: Some((day("2018-10-01"), day("2018-10-31"))),
            users: 1_200,
            cancelled_users: 52,
            requirements: vec![history, held_out],
        };
        let text = checked(&check).to_string();
        let expected = "\
Data of 2018-10-01 to 2018-10-31: 1,200 users, 52 cancelled
No model can be trained: the log has 30 days, expected at least 42

                                found  to train  reliable  missing, and by when
  days of history                  30        42        63  12, 2018-11-12
  held-out churned users     3,000,000           4,000,000  1,000,000

Days are estimated at the current rate.
Note: the number of held-out users does not grow with time: it takes more users
";
        assert_eq!(text, expected);
        (check.can_train, check.is_reliable) = (true, true);
        assert!(checked(&check).to_string().contains("The data suffice for a reliable model."));
        check.is_reliable = false;
        assert!(checked(&check).to_string().contains("do not suffice for a reliable one"));
    }
}
