//! Offers to users at risk, which keep a share of them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::vec::IntoIter;

use super::random::Random;
use churn_common::calendar::Timestamp;
use serde::Serialize;

/// Days after an accepted offer in which the user does not cancel. The default horizon of labels is 14 days.
pub const OFFER_DAYS: i32 = 30;

/// The id of every simulated offer.
const OFFER: &str = "simulated";

/// Who gets offers, and how well they work. The default is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offers {
    /// Probability that a user accepts an offer, 0 to 1: users with offers cancel this much less often in the days after it.
    pub effect: f64,
    /// Times of offers in milliseconds since 1970, ascending, by `userId`.
    pub sent: BTreeMap<u32, Vec<i64>>,
}

/// The outcome of an offer, as a line of an object below `offers/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferOutcome {
    pub user_id: String,
    /// Milliseconds since 1970.
    pub ts: i64,
    pub offer_id: &'static str,
    pub accepted: bool,
}

/// Writes outcomes as newline-delimited JSON.
///
/// # Errors
/// A write to `out` fails.
pub fn write_outcomes(outcomes: &[OfferOutcome], out: &mut impl Write) -> io::Result<()> {
    for outcome in outcomes {
        serde_json::to_writer(&mut *out, outcome)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// The offers of one user.
#[derive(Debug)]
pub struct UserOffers {
    effect: f64,
    /// Those that the user has not seen yet.
    next: IntoIter<i64>,
    /// Times of those that the user has seen, in milliseconds since 1970, and whether the user accepted them.
    seen: Vec<(i64, bool)>,
    /// End of the last accepted offer in milliseconds since 1970.
    kept_until: i64,
}

impl UserOffers {
    pub fn new(offers: &Offers, user_id: u32) -> Self {
        let sent = offers.sent.get(&user_id).cloned().unwrap_or_default();
        Self { effect: offers.effect, next: sent.into_iter(), seen: Vec::new(), kept_until: i64::MIN }
    }

    /// The outcomes of the offers that user `user_id` has seen.
    pub fn outcomes(&self, user_id: u32) -> impl Iterator<Item = OfferOutcome> {
        let outcome =
            move |&(ts, accepted)| OfferOutcome { user_id: user_id.to_string(), ts, offer_id: OFFER, accepted };
        self.seen.iter().map(outcome)
    }

    /// Whether the user does not cancel at `now`. Accepts or declines the offers sent since the last call.
    pub fn keep(&mut self, now: i64, random: &mut Random) -> bool {
        while let Some(sent) = self.next.as_slice().first().copied().filter(|sent| *sent <= now) {
            self.next.next();
            // Without an effect, the log is that without offers.
            let accepted = self.effect > 0.0 && random.chance(self.effect);
            self.seen.push((sent, accepted));
            if accepted {
                self.kept_until = Timestamp::from_millis(sent).plus_days(OFFER_DAYS).millis();
            }
        }
        now < self.kept_until
    }
}

#[cfg(test)]
mod tests {
    use super::super::mood::Mood;
    use super::super::params::DAY_MS;
    use super::*;
    use churn_common::calendar::Day;
    use churn_common::metrics::Estimate;
    use churn_common::risk::{Epoch, EpochLength, Group};
    use monitor::effect::{AssignedOutcome, Conclusion, Effect, EffectParams, LeftOut, OfferReceived, users_needed};

    const HORIZON_DAYS: u16 = 14;
    /// Score from which a user is at risk.
    const HIGH: f64 = 0.2;
    const EFFECT: f64 = 0.3;
    const CONTROL_SHARE: f64 = 0.5;

    fn first_day() -> Day {
        Day::parse("2027-01-01").unwrap()
    }

    /// Probability of a cancellation within the horizon if the hazard stays as it is.
    fn score(mood: &Mood) -> f64 {
        1.0 - (-f64::from(HORIZON_DAYS) * mood.hazard()).exp()
    }

    /// A user who becomes at risk on a day of the year. In the treatment group, the user gets an offer on this day.
    fn user(effect: f64, random: &mut Random) -> AssignedOutcome {
        let mut mood = Mood::draw(random);
        while score(&mood) < HIGH {
            mood = Mood::draw(random);
        }
        let probability = score(&mood);
        let became_high_on = first_day().plus(random.below(365) as i32);
        let group = if random.chance(CONTROL_SHARE) { Group::Control } else { Group::Treatment };
        let now = |day: u16| became_high_on.plus(i32::from(day)).start().millis();
        let sent = BTreeMap::from([(1, vec![now(0)])]);
        let offers = if group == Group::Treatment { Offers { effect, sent } } else { Offers::default() };
        let mut offers = UserOffers::new(&offers, 1);
        for day in 0..HORIZON_DAYS {
            mood.live(1.0, offers.keep(now(day), random), random);
        }
        let epoch = Epoch::at(became_high_on, EpochLength::Quarter);
        let (churned, offer) = (Some(mood.is_leaving()), OfferReceived::None);
        AssignedOutcome { epoch, group, became_high_on, probability, churned, offer }
    }

    fn year(users: u64, effect: f64, seed: u64) -> Effect {
        let mut random = Random::new(seed);
        let outcomes: Vec<AssignedOutcome> = (0..users).map(|_| user(effect, &mut random)).collect();
        let params = EffectParams {
            as_of: first_day().plus(400),
            label_delay_days: HORIZON_DAYS,
            min_detectable_effect: EFFECT,
            power: 0.8,
            min_rows_per_class: 10,
            value_per_user: None,
        };
        Effect::measure(&outcomes, LeftOut::default(), &params).unwrap()
    }

    /// Of 100 simulated years, those whose 95 % interval excludes 0, and those whose conclusion is a difference.
    fn differences(users: u64, effect: f64) -> [usize; 2] {
        let excludes_0 = |difference: Estimate| !(difference.low < Some(0.0) && difference.high > Some(0.0));
        let is_shown = |c: Conclusion| matches!(c, Conclusion::ChurnReduced | Conclusion::ChurnIncreased);
        let years: Vec<Effect> = (0..100).map(|seed| year(users, effect, seed)).collect();
        [
            years.iter().filter(|year| excludes_0(year.overall.difference)).count(),
            years.iter().filter(|year| is_shown(year.conclusion)).count(),
        ]
    }

    /// The limits are those of the binomial distribution: with 100 years, 91 to 99 and 71 to 89 have a probability of 95 % or more
    /// for a rate of 95 % and of 80 %.
    #[test]
    fn an_effect_is_found_and_no_effect_is_not() {
        let rate = year(4000, 0.0, 1000).overall.control.rate.unwrap();
        let users = users_needed(rate, EFFECT, 0.8, CONTROL_SHARE).unwrap();
        assert!((0.15..0.35).contains(&rate) && (500..2000).contains(&users), "{rate}, {users}");
        let [fixed, at_any_time] = differences(users, 0.0);
        assert!((1..=9).contains(&fixed) && at_any_time <= 5, "without an effect: {fixed}, {at_any_time}");
        let [fixed, at_any_time] = differences(users, EFFECT);
        assert!((71..=89).contains(&fixed) && at_any_time > 20, "with an effect: {fixed}, {at_any_time}");
    }

    #[test]
    fn accepted_offer_keeps_the_user_for_30_days() {
        let mut random = Random::new(1);
        let offers = Offers { effect: 1.0, sent: BTreeMap::from([(7, vec![5 * DAY_MS, 50 * DAY_MS])]) };
        let mut of_user = UserOffers::new(&offers, 7);
        let kept = [0, 5, 34, 35, 49, 60, 79, 80].map(|day| of_user.keep(day * DAY_MS, &mut random));
        assert_eq!(kept, [false, true, true, false, false, true, true, false]);
        assert!(!UserOffers::new(&offers, 8).keep(5 * DAY_MS, &mut random), "no offer");
        let mut useless = UserOffers::new(&Offers { effect: 0.0, ..offers }, 7);
        assert!(!useless.keep(5 * DAY_MS, &mut random));
        let seen = |offers: &UserOffers| offers.outcomes(7).map(|o| (o.ts / DAY_MS, o.accepted)).collect::<Vec<_>>();
        assert_eq!((seen(&of_user), seen(&useless)), (vec![(5, true), (50, true)], vec![(5, false)]));
        let mut lines = Vec::new();
        write_outcomes(&useless.outcomes(7).collect::<Vec<_>>(), &mut lines).unwrap();
        let expected = "{\"user_id\":\"7\",\"ts\":432000000,\"offer_id\":\"simulated\",\"accepted\":false}\n";
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
}
