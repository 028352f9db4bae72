//! Users of several risk levels in one list, highest probability first. Each level is a query of the index. Its keys are merged,
//! and only the records of the users of a page are read.

use super::{Cursor, Risks};
use crate::model::Risk;
use crate::pseudonym::StoredUser;
use crate::risk::UserRisk;
use crate::store::StoreError;
use std::collections::{BTreeSet, HashSet, VecDeque};

/// A list of users, read page by page.
#[derive(Debug)]
pub struct RiskList<'a> {
    risks: &'a Risks,
    queues: Vec<Queue>,
}

/// The users of one level in the index.
#[derive(Debug)]
struct Queue {
    level: Risk,
    /// The last place that was taken; `None` = before the first.
    taken: Option<Cursor>,
    /// Read from the index, but not yet taken.
    next: VecDeque<Cursor>,
    /// Whether the index has no more places.
    is_complete: bool,
}

impl<'a> RiskList<'a> {
    /// The users of these levels after a place in each. A level without a place starts at its highest probability.
    pub fn new(risks: &'a Risks, levels: impl IntoIterator<Item = (Risk, Option<Cursor>)>) -> Self {
        let queue = |(level, taken)| Queue { level, taken, next: VecDeque::new(), is_complete: false };
        Self { risks, queues: levels.into_iter().map(queue).collect() }
    }

    /// The next users, at most `limit`. Fewer only at the end of the list.
    ///
    /// # Errors
    /// The index or a record cannot be read.
    pub async fn page(&mut self, limit: u16) -> Result<Vec<UserRisk>, StoreError> {
        let limit = usize::from(limit);
        let levels: BTreeSet<Risk> = self.queues.iter().map(|queue| queue.level).collect();
        let mut page = Vec::with_capacity(limit);
        // A user whose level changes while the index is read may be found in both levels.
        let mut seen = HashSet::new();
        while page.len() < limit {
            let places = self.take(limit - page.len()).await?;
            if places.is_empty() {
                break;
            }
            let users = places.into_iter().map(|place| place.user);
            let users: Vec<StoredUser> = users.filter(|user| seen.insert(user.clone())).collect();
            let users = self.risks.in_order(&users).await?;
            page.extend(users.into_iter().filter(|user| levels.contains(&user.risk_level)));
        }
        Ok(page)
    }

    /// Whether the index has more users.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn has_more(&mut self) -> Result<bool, StoreError> {
        let has_next = |queues: &[Queue]| queues.iter().any(|queue| !queue.next.is_empty());
        if !has_next(&self.queues) {
            self.fill(1).await?;
        }
        Ok(has_next(&self.queues))
    }

    /// The last place that was taken in each level, in the order of the levels.
    pub fn into_places(self) -> Vec<Option<Cursor>> {
        self.queues.into_iter().map(|queue| queue.taken).collect()
    }

    /// Takes the next places of all levels together, at most `limit`.
    async fn take(&mut self, limit: usize) -> Result<Vec<Cursor>, StoreError> {
        let mut places = Vec::with_capacity(limit);
        while places.len() < limit {
            self.fill(limit - places.len()).await?;
            let Some(place) = take_highest(&mut self.queues) else { break };
            places.push(place);
        }
        Ok(places)
    }

    /// Reads up to `limit` places of each level of which none is left.
    async fn fill(&mut self, limit: usize) -> Result<(), StoreError> {
        let limit = u16::try_from(limit).unwrap_or(u16::MAX);
        for queue in &mut self.queues {
            while queue.next.is_empty() && !queue.is_complete {
                let (places, next) = self.risks.at_level(queue.level, limit, queue.taken.as_ref()).await?;
                (queue.next, queue.is_complete) = (places.into(), next.is_none());
            }
        }
        Ok(())
    }
}

/// Takes the highest of the first places. Of equal probabilities, that of the higher level.
fn take_highest(queues: &mut [Queue]) -> Option<Cursor> {
    let first = queues.iter_mut().filter_map(|queue| Some((queue.next.front()?.probability.get(), queue)));
    let (_, queue) = first.max_by(|(p, a), (q, b)| p.total_cmp(q).then(a.level.cmp(&b.level)))?;
    let place = queue.next.pop_front()?;
    queue.taken = Some(place.clone());
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Probability;

    fn queue(level: Risk, places: &[(f64, &str)]) -> Queue {
        let place = |(p, user): &(f64, &str)| Cursor {
            probability: Probability::new(*p).unwrap(),
            user: StoredUser::from_stored(user).unwrap(),
        };
        Queue { level, taken: None, next: places.iter().map(place).collect(), is_complete: true }
    }

    /// Also if levels overlap, as those of different models do.
    #[test]
    fn levels_are_merged_by_probability() {
        let mut queues = [
            queue(Risk::High, &[(0.9, "a"), (0.5, "b"), (0.5, "c")]),
            queue(Risk::Critical, &[(0.95, "d"), (0.5, "e"), (0.1, "f")]),
            queue(Risk::Low, &[]),
        ];
        let users: Vec<String> = std::iter::from_fn(|| take_highest(&mut queues)).map(|p| p.user.to_string()).collect();
        assert_eq!(users, ["d", "a", "e", "b", "c", "f"]);
        let taken = queues.map(|queue| queue.taken.map(|place| place.user.to_string()));
        assert_eq!(taken, [Some("c".to_owned()), Some("f".to_owned()), None]);
    }
}
