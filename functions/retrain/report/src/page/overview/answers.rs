//! The four questions of a retention manager and their answers, for each verdict.

use super::verdict::{GateResult, Offers, Ranking, Verdict, saving};
use crate::Report;
use churn_common::label::{Definition, Label};
use churn_common::metrics::Estimate;
use churn_common::model::card::{Gate, OfferCosts};
use churn_pages::{Answer, answers, number};
use maud::{Markup, html};

pub fn all(report: &Report, verdict: Verdict) -> Markup {
    answers(&[
        purpose(report, verdict.ranking),
        certainty(report, verdict.ranking),
        effect(report, verdict.offers),
        next_step(report, verdict),
    ])
}

fn purpose(report: &Report, ranking: Ranking) -> Answer<'static> {
    let card = &report.card;
    let short = match ranking {
        Ranking::BetterThanChance => "Finding users who are likely to leave",
        Ranking::NoBetterThanChance => "No use is shown: it may rank users no better than chance",
        Ranking::Unknown => "Not measured: too few held-out rows",
        Ranking::Leaking => "Unknown: its results are too good to be true",
    };
    let details = format!(
        "It predicts the probability that a user will {}, from {} days of activity.",
        event(&card.label),
        card.window_days
    );
    Answer { question: "What is the model good for?", short: short.to_owned(), details: html! { (details) } }
}

/// What the model predicts, as a verb phrase.
fn event(label: &Label) -> String {
    let cancel = format!("cancel within {} days", label.horizon_days);
    let inactive = format!("be inactive for {} days", label.inactivity_days);
    match label.definition {
        Definition::Cancellation => cancel,
        Definition::Inactivity => inactive,
        Definition::Either => format!("{cancel} or {inactive}"),
    }
}

fn certainty(report: &Report, ranking: Ranking) -> Answer<'static> {
    let test = &report.card.test;
    let rows = format!(
        "{} of {} held-out rows churned",
        number::count(test.positives as u64),
        number::count(test.rows as u64)
    );
    let question = "How sure is that?";
    let roc_auc = report.card.metrics.get("roc_auc").unwrap_or(&Estimate::UNDEFINED);
    let (Some(value), Some((low, high))) = (roc_auc.value, roc_auc.interval()) else {
        let details = html! { (rows) ": too few for an interval." };
        return Answer { question, short: "Not sure at all".to_owned(), details };
    };
    let [value, low, high] = [value, low, high].map(|x| number::grouped(100.0 * x, 0));
    let what = if test.rows == test.users { "user" } else { "row" };
    let details = html! {
        "Of a " (what) " that leaves and one that stays, it ranks the first higher in " (value) " of 100 cases; by chance, in \
        50. "
        (rows) ", so the true number may be anywhere from " (low) " to " (high) " (95 % interval)."
        @if ranking == Ranking::Leaking { " A leakage check failed, so these numbers are not credible." }
    };
    Answer { question, short: format!("{value} of 100 pairs in the right order"), details }
}

fn effect(report: &Report, offers: Offers) -> Answer<'static> {
    let decision = &report.card.decision;
    let question = "What does acting on it bring?";
    let Some(OfferCosts { by_model, without, .. }) = decision.offer_costs() else {
        let details = html! { "The report has no costs at the decision threshold." };
        return Answer { question, short: "Not measured".to_owned(), details };
    };
    let [by_model, without] = [by_model, without].map(number::short);
    let change = format!("cost {by_model} with offers, {without} without");
    let short = match offers {
        Offers::None => format!("Nothing: no user gets an offer, cost {without}"),
        Offers::Lose => format!("It loses money: {change}"),
        Offers::Even => format!("Nothing: {change}"),
        Offers::MaySave => format!("It may save money, or lose it: {change}"),
        Offers::Save => format!("It saves money: {change}"),
    };
    let details = html! {
        @if offers == Offers::None { "No held-out row reaches the decision threshold." }
        @else { (reached(report)) " Saving " (number::estimate_short(&saving(report))) ", if an offer keeps each user it reaches." }
        " A lost user costs " (number::short(decision.false_negative_cost)) ", a needless offer "
        (number::short(decision.false_positive_cost)) "."
    };
    Answer { question, short, details }
}

/// Churned users per offer, compared with random choice.
fn reached(report: &Report) -> String {
    let (confusion, test) = (&report.card.evaluation.confusion, &report.card.test);
    let per_churned = |rows: u64, churned: u64| match churned {
        0 => "none".to_owned(),
        churned => format!("1 in {}", number::short(rows as f64 / churned as f64)),
    };
    let offers = confusion.tp + confusion.fp;
    let who = if test.rows == test.users { "users who leave" } else { "rows that churned" };
    format!(
        "{} offers on the held-out rows reach {} of {} {who}: {}; by random choice, {}.",
        number::count(offers),
        number::count(confusion.tp),
        number::count(test.positives as u64),
        per_churned(offers, confusion.tp),
        per_churned(test.rows as u64, test.positives as u64)
    )
}

fn next_step(report: &Report, verdict: Verdict) -> Answer<'static> {
    let gate = report.card.gate.as_ref();
    let in_use = "The model passed the promotion gate and became champion.";
    let (short, details) = match verdict {
        Verdict { gate: GateResult::Rejected, .. } => ("Do not use this model", rejected(gate)),
        Verdict { gate: GateResult::NotRun, .. } => {
            ("Wait for the promotion gate", html! { "It has not compared the model with the champion." })
        }
        Verdict { ranking: Ranking::Leaking, .. } => {
            ("Do not use this model", html! { (in_use) " See " a href="#leakage" { "the failed check" } "." })
        }
        Verdict { ranking: Ranking::NoBetterThanChance | Ranking::Unknown, .. } => (
            "Do not choose users by it yet",
            html! { (in_use) " Send no offers by it. Train again when more users have churned." },
        ),
        Verdict { offers: Offers::None, .. } => (
            "Check the decision threshold",
            html! { (in_use) " Compare thresholds in " a href="#decision" { "Threshold and cost" } "." },
        ),
        Verdict { offers: Offers::Lose | Offers::Even, .. } => (
            "Send no offers at these costs",
            html! {
                (in_use) " Check that the two costs are yours, and compare thresholds in "
                a href="#decision" { "Threshold and cost" } "."
            },
        ),
        Verdict { offers: Offers::MaySave, .. } => (
            "Try offers on a part of the users",
            html! { (in_use) " Send offers to users with label 1, except a random control group, and compare the two." },
        ),
        Verdict { offers: Offers::Save, .. } => (
            "Send offers to users with label 1",
            html! { (in_use) " Leave out a random control group, and compare the two." },
        ),
    };
    Answer { question: "What to do next?", short: short.to_owned(), details }
}

/// Why the gate rejected the model, and what serves instead.
fn rejected(gate: Option<&Gate>) -> Markup {
    let reasons = gate.map(|gate| gate.reasons.as_slice()).unwrap_or_default();
    let champion = gate.and_then(|gate| gate.comparison.as_ref()).map(|comparison| &comparison.champion);
    html! {
        "The " a href="#leakage" { "promotion gate" } " did not promote it"
        @if let Some(first) = reasons.first() { ": " (first.detail) }
        @if reasons.len() > 1 { "; and " (reasons.len() - 1) " more" }
        ". "
        @match champion {
            Some(champion) => { "Champion " (champion) " stays in use." },
            None => "The champion, if there is one, stays in use.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::section;
    use crate::Report;
    use crate::testing::report;
    use churn_common::metrics::Estimate;
    use churn_common::model::card::{GateReason, GateReasonKind};

    /// The summary of a good model after changes, as text.
    fn summary(change: impl FnOnce(&mut Report)) -> String {
        let (card, data) = report();
        let mut report: Report = serde_json::from_slice(&data.files(&card).unwrap().json).unwrap();
        change(&mut report);
        let html = section(&report).into_string();
        let mut text = String::new();
        for part in html.split('<') {
            text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        }
        text
    }

    fn has_chance_ranking(report: &mut Report) {
        let roc_auc = Estimate { value: Some(0.536), low: Some(0.351), high: Some(0.716) };
        report.card.metrics.insert("roc_auc".to_owned(), roc_auc);
    }

    /// The cost of the decision threshold becomes that without offers plus this.
    fn costs_more(report: &mut Report, more: f64) {
        let without = report.card.decision.offer_costs().unwrap().without;
        let threshold = report.card.decision.decision.threshold.get();
        let row = report.card.decision.trade_off.iter_mut().find(|row| row.threshold == threshold).unwrap();
        row.cost = without + more;
        let row = report.held_out.trade_off.iter_mut().find(|row| row.threshold == threshold).unwrap();
        row.saving = Estimate { value: Some(-more), low: Some(-more - 20.0), high: Some(20.0 - more) };
    }

    fn has(text: &str, expected: &[&str], unexpected: &[&str]) {
        expected.iter().for_each(|expected| assert!(text.contains(expected), "{expected}: {text}"));
        unexpected.iter().for_each(|unexpected| assert!(!text.contains(unexpected), "{unexpected}: {text}"));
    }

    const NO_USE: &str = "No use is shown";
    const SEND: &str = "Send offers to users with label 1";

    #[test]
    fn good_model_is_recommended_with_its_certainty_and_saving() {
        let text = summary(|_| {});
        let sure = "of 100 pairs in the right order";
        let good =
            ["Finding users who are likely to leave", "will cancel within 10 days", sure, "It saves money", SEND];
        has(&text, &good, &[NO_USE, "may save", "loses money", "Do not", "users who leave:"]);
        has(
            &text,
            &["rows that churned: 1 in 1.", "by random choice, 1 in ", "A lost user costs 10, a needless offer 1."],
            &[],
        );
        let once = summary(|report| report.card.test.users = report.card.test.rows);
        has(&once, &["users who leave: 1 in 1."], &["rows that churned:"]);
    }

    #[test]
    fn model_that_may_rank_by_chance_is_not_recommended_even_if_it_seems_to_save() {
        let text = summary(has_chance_ranking);
        let chance = [
            NO_USE,
            "54 of 100 pairs in the right order",
            "from 35 to 72 (95 % interval)",
            "It may save money, or lose it",
            "became champion",
        ];
        has(&text, &chance, &["It saves money", SEND, "likely to leave"]);
        has(&text, &["Do not choose users by it yet"], &[]);
    }

    #[test]
    fn model_whose_offers_lose_money_is_good_for_ranking_only() {
        let lose = summary(|report| costs_more(report, 13.0));
        has(
            &lose,
            &["Finding users", "It loses money: cost ", "Send no offers at these costs", "Saving -13 (95 %"],
            &[SEND, "saves money"],
        );
        let even = summary(|report| costs_more(report, 0.0));
        has(&even, &["Nothing: cost ", "Send no offers"], &[SEND, "It loses", "saves money"]);
        let unsure = summary(|report| costs_more(report, -5.0));
        has(
            &unsure,
            &["It may save money, or lose it", "Try offers on a part", "control group"],
            &["It loses", "It saves"],
        );
        let both = summary(|report| {
            has_chance_ranking(report);
            costs_more(report, 13.0);
        });
        has(&both, &[NO_USE, "It loses money", "Do not choose users by it yet"], &[SEND, "Finding users"]);
    }

    #[test]
    fn rejected_model_is_not_recommended_and_the_first_reason_is_stated() {
        let reason = |detail: &str| GateReason { kind: GateReasonKind::Miscalibrated, detail: detail.to_owned() };
        let text = summary(|report| {
            let gate = report.card.gate.as_mut().unwrap();
            (gate.passed, gate.reasons) = (false, vec![reason("miscalibrated: much"), reason("and more")]);
        });
        let rejected = [
            "Do not use this model",
            "did not promote it: miscalibrated: much; and 1 more. The champion, if there is one",
        ];
        has(&text, &rejected, &["became champion", SEND]);
        let not_run = summary(|report| report.card.gate = None);
        has(&not_run, &["Wait for the promotion gate"], &["became champion", SEND]);
    }

    #[test]
    fn model_without_offers_without_interval_or_with_a_leak_has_its_own_answers() {
        let silent = summary(|report| {
            let threshold = report.card.decision.decision.threshold.get();
            let row = report.card.decision.trade_off.iter_mut().find(|row| row.threshold == threshold).unwrap();
            row.predicted_positives = 0;
        });
        has(&silent, &["Nothing: no user gets an offer", "Check the decision threshold"], &[SEND, "Saving"]);
        let unmeasured = summary(|report| report.card.decision.trade_off.clear());
        has(&unmeasured, &["Not measured", "Check the decision threshold"], &[SEND, "cost 0", "No held-out row"]);
        let few = summary(|report| report.card.metrics.retain(|name, _| name != "roc_auc"));
        has(&few, &["Not measured: too few held-out rows", "Not sure at all"], &[SEND, "of 100 pairs"]);
        let leak = summary(|report| {
            report.card.leakage_checks.test_score.passed = false;
            report.card.gate.as_mut().unwrap().passed = false;
        });
        has(&leak, &["too good to be true", "not credible", "Do not use this model"], &[SEND, "It saves money"]);
    }
}
