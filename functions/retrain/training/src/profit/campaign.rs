//! The profit of a campaign, for one acceptance and for its distribution.

use super::contacts::{Contacted, Contacts};
use crate::settings::ProfitSettings;
use statrs::function::beta::checked_beta_reg;

/// A campaign, with costs as shares of the customer lifetime value.
pub(super) struct Campaign {
    value: f64,
    offer: f64,
    contact: f64,
    alpha: f64,
    beta: f64,
}

/// The mean over the distribution of the acceptance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ExpectedMaximum {
    /// Per user.
    pub profit: f64,
    /// Of the users to contact, 0..=1.
    pub share: f64,
}

impl Campaign {
    pub fn new(settings: &ProfitSettings) -> Self {
        let value = settings.customer_lifetime_value;
        Self {
            value,
            offer: settings.offer_cost / value,
            contact: settings.contact_cost / value,
            alpha: settings.acceptance_alpha,
            beta: settings.acceptance_beta,
        }
    }

    fn mean_acceptance(&self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// The profit per user of contacting some of `all` users, with the mean acceptance; `None` if no user would churn.
    pub fn mean_profit(&self, contacted: Contacted, all: Contacted) -> Option<f64> {
        let gain = (self.mean_acceptance() * (1.0 - self.offer) - self.contact) * contacted.churning;
        let loss = (self.offer + self.contact) * contacted.staying;
        (all.churning > 0.0).then(|| self.value * (gain - loss) / all.total())
    }

    /// The profit if the share to contact is the best one for each acceptance. Each corner of the hull is best for a range of
    /// acceptances, which ends where contacting the users up to the next corner brings as much. `None` if no user would churn.
    pub fn expected_maximum(&self, contacts: &Contacts) -> Option<ExpectedMaximum> {
        let all = contacts.all();
        if all.churning <= 0.0 {
            return None;
        }
        let hull = contacts.hull();
        let (mut profit, mut share) = (0.0, 0.0);
        let mut from = [0.0; 2];
        for (at, corner) in hull.iter().enumerate() {
            let to = match hull.get(at + 1) {
                Some(next) => self.below(self.break_even(*corner, *next))?,
                None => [1.0; 2],
            };
            // The probability of the range, and the mean of the acceptance in it times that probability.
            let [probability, moment] = [to[0] - from[0], self.mean_acceptance() * (to[1] - from[1])];
            let costs = self.contact * corner.churning + (self.offer + self.contact) * corner.staying;
            profit += (1.0 - self.offer) * corner.churning * moment - costs * probability;
            share += corner.total() * probability;
            from = to;
        }
        Some(ExpectedMaximum { profit: self.value * profit / all.total(), share: share / all.total() })
    }

    /// The acceptance at which the users between two corners cost as much as they bring.
    fn break_even(&self, corner: Contacted, next: Contacted) -> f64 {
        let (churning, staying) = (next.churning - corner.churning, next.staying - corner.staying);
        let costs = (self.offer + self.contact) * staying + self.contact * churning;
        costs / ((1.0 - self.offer) * churning)
    }

    /// The probability that the acceptance is below a value, and that one with the distribution weighted by the acceptance.
    fn below(&self, acceptance: f64) -> Option<[f64; 2]> {
        // If none of the users would churn, contacting them never pays.
        let x = if acceptance < 1.0 { acceptance } else { 1.0 };
        let at = |alpha| checked_beta_reg(alpha, self.beta, x).ok();
        Some([at(self.alpha)?, at(self.alpha + 1.0)?])
    }
}
