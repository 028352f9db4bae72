//! Numbers of users contacted, in the order of their probabilities.

use std::collections::BTreeSet;

struct Row {
    probability: f64,
    churned: bool,
    user: usize,
}

/// Rows by probability, highest first.
pub(super) struct Ranked {
    rows: Vec<Row>,
    users: usize,
}

/// Users contacted, by whether they would churn. Counts, or their expectation within rows of equal probability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Contacted {
    pub churning: f64,
    pub staying: f64,
}

/// The users contacted down to each probability.
pub(super) struct Contacts {
    /// Each with its probability; highest first.
    curve: Vec<(f64, Contacted)>,
}

impl Contacted {
    pub fn total(self) -> f64 {
        self.churning + self.staying
    }
}

impl Ranked {
    /// All parts have the same length.
    pub fn new(labels: &[bool], probabilities: &[f64], users: &[u32]) -> Self {
        let distinct: Vec<u32> = users.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let rows = labels.iter().zip(probabilities).zip(users);
        let mut rows: Vec<Row> = rows
            .map(|((&churned, &probability), user)| Row {
                probability,
                churned,
                user: distinct.partition_point(|other| other < user),
            })
            .collect();
        rows.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Self { rows, users: distinct.len() }
    }

    /// Number of distinct users.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The rows of user `u` count `copies[u]` times.
    pub fn contacts(&self, copies: &[u32]) -> Contacts {
        let mut so_far = Contacted::default();
        let down_to = |tie: &[Row]| {
            for row in tie {
                let n = f64::from(copies.get(row.user).copied().unwrap_or(0));
                *(if row.churned { &mut so_far.churning } else { &mut so_far.staying }) += n;
            }
            (tie.first().map_or(0.0, |row| row.probability), so_far)
        };
        Contacts { curve: self.rows.chunk_by(|a, b| a.probability == b.probability).map(down_to).collect() }
    }
}

impl Contacts {
    /// All users.
    pub fn all(&self) -> Contacted {
        self.curve.last().map(|(_, all)| *all).unwrap_or_default()
    }

    /// The users at or above a probability.
    pub fn at_threshold(&self, threshold: f64) -> Contacted {
        let above = self.curve.partition_point(|(probability, _)| *probability >= threshold);
        self.before(above)
    }

    /// The first `share` of the users. If it ends within rows of equal probability, the expectation for a random order.
    pub fn at_share(&self, share: f64) -> Contacted {
        let wanted = share * self.all().total();
        let at = self.curve.partition_point(|(_, contacted)| contacted.total() < wanted);
        let (before, after) = (self.before(at), self.before(at + 1));
        let size = after.total() - before.total();
        let part = if size > 0.0 { (wanted - before.total()) / size } else { 0.0 };
        Contacted {
            churning: before.churning + part * (after.churning - before.churning),
            staying: before.staying + part * (after.staying - before.staying),
        }
    }

    /// The users down to the probability before position `at`.
    fn before(&self, at: usize) -> Contacted {
        let last = at.min(self.curve.len()).checked_sub(1);
        last.and_then(|last| self.curve.get(last)).map(|(_, contacted)| *contacted).unwrap_or_default()
    }

    /// The corners of the convex hull of the ROC curve, from no user to all: the only shares that are best for some acceptance.
    pub fn hull(&self) -> Vec<Contacted> {
        let mut hull = vec![Contacted::default()];
        for (_, next) in &self.curve {
            while let [.., before, last] = hull.as_slice() {
                let along = (last.staying - before.staying, last.churning - before.churning);
                let ahead = (next.staying - last.staying, next.churning - last.churning);
                // The last corner is kept only if the curve is less steep after it.
                if ahead.0 * along.1 > ahead.1 * along.0 {
                    break;
                }
                hull.pop();
            }
            if hull.last() != Some(next) {
                hull.push(*next);
            }
        }
        hull
    }
}
