//! The expected maximum profit of a retention campaign (EMPC; Verbraken, Verbeke and Baesens 2013, "A novel profit maximizing
//! metric for measuring classification performance of customer churn prediction models", IEEE TKDE 25(5), 961-973).
//!
//! A campaign contacts the users with the highest probabilities. A contact costs `f`. Users who would stay accept the offer,
//! which costs `d`. A share γ of the users who would churn accepts it and stays, which is worth the customer lifetime value. The
//! share to contact is chosen for each γ, and the profit is the mean over the distribution of γ.

mod campaign;
mod contacts;
#[cfg(test)]
mod tests;

use crate::settings::ProfitSettings;
use campaign::Campaign;
use churn_common::metrics::{Estimate, EstimateParams, Estimates, Resampled, UserBootstrap};
use churn_common::model::card::{ProfitPoint, ProfitReport};
use contacts::Ranked;

/// Steps of the profit curve.
const STEPS: u32 = 20;

/// The metrics `empc` and `empc_share`, and the profit curve of `probabilities` `(n_rows,)`, with intervals by `users`
/// `(n_rows,)`. All are undefined if no row churned.
pub(crate) fn estimate(
    labels: &[bool],
    probabilities: &[f64],
    users: &[u32],
    settings: &ProfitSettings,
    params: &EstimateParams,
) -> (Estimates, ProfitReport) {
    let (ranked, campaign) = (Ranked::new(labels, probabilities, users), Campaign::new(settings));
    let shares: Vec<f64> = (0..=STEPS).map(|step| f64::from(step) / f64::from(STEPS)).collect();
    let resampled = UserBootstrap::new(ranked.users(), params).run(|copies| {
        let contacts = ranked.contacts(copies);
        let best = campaign.expected_maximum(&contacts);
        let at_threshold = contacts.at_threshold(params.threshold);
        let points = std::iter::once(at_threshold).chain(shares.iter().map(|share| contacts.at_share(*share)));
        let profits = points.map(|point| campaign.mean_profit(point, contacts.all()));
        [best.map(|best| best.profit), best.map(|best| best.share)].into_iter().chain(profits).collect()
    });
    let mut estimates = resampled.iter().map(Resampled::estimate);
    let mut next = || estimates.next().unwrap_or(Estimate::UNDEFINED);
    let metrics = Estimates::from([("empc".to_owned(), next()), ("empc_share".to_owned(), next())]);
    let ProfitSettings { customer_lifetime_value, offer_cost, contact_cost, acceptance_alpha, acceptance_beta } =
        *settings;
    let report = ProfitReport {
        customer_lifetime_value,
        offer_cost,
        contact_cost,
        acceptance_alpha,
        acceptance_beta,
        at_threshold: next(),
        curve: shares.iter().map(|share| ProfitPoint { share: *share, profit: next() }).collect(),
    };
    (metrics, report)
}
