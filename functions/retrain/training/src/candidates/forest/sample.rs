//! The bootstrap: which rows a tree sees.

use crate::random::below;
use rand_xoshiro::rand_core::RngCore;

/// Rows by user.
pub(super) struct Users {
    rows: Vec<Vec<u32>>,
}

/// The rows drawn for one tree.
pub(super) struct Bag {
    /// The distinct rows.
    pub(super) rows: Vec<u32>,
    /// `(n_rows,)`, how many times each row was drawn.
    pub(super) copies: Vec<u32>,
}

impl Users {
    /// Groups rows by the user each is about.
    pub(super) fn new(users: &[u32]) -> Self {
        let mut order: Vec<(u32, u32)> = users.iter().zip(0u32..).map(|(&user, row)| (user, row)).collect();
        order.sort_unstable();
        Self { rows: order.chunk_by(|a, b| a.0 == b.0).map(|rows| rows.iter().map(|r| r.1).collect()).collect() }
    }

    /// Draws as many users as there are, with replacement, all rows of a user at once: snapshots of one user are
    /// alike, and drawn one by one they would leave the trees less different than they seem. Ends early before the
    /// user whose rows would make it more than `max_rows`; the first user always counts.
    pub(super) fn draw(&self, rng: &mut impl RngCore, max_rows: usize) -> Bag {
        let n_rows = self.rows.iter().map(Vec::len).sum();
        let mut bag = Bag { rows: Vec::new(), copies: vec![0; n_rows] };
        let mut drawn = 0;
        for _ in 0..self.rows.len() {
            let rows = &self.rows[below(rng, self.rows.len())];
            drawn += rows.len();
            if drawn > max_rows && drawn > rows.len() {
                break;
            }
            for &row in rows {
                if bag.copies[row as usize] == 0 {
                    bag.rows.push(row);
                }
                bag.copies[row as usize] += 1;
            }
        }
        bag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::rng;

    #[test]
    fn all_rows_of_a_user_are_drawn_together_and_no_more_than_allowed() {
        let users = [7, 3, 7, 9, 3, 7];
        for tree in 0..50 {
            for max_rows in [2, 4, 100] {
                let bag = Users::new(&users).draw(&mut rng(1, tree), max_rows);
                assert_eq!(bag.copies[0], bag.copies[2]);
                assert_eq!(bag.copies[0], bag.copies[5]);
                assert_eq!(bag.copies[1], bag.copies[4]);
                let total = bag.copies.iter().sum::<u32>() as usize;
                assert!((1..=max_rows.max(3)).contains(&total), "{total} rows of at most {max_rows}");
                assert!(bag.rows.iter().all(|&row| bag.copies[row as usize] > 0));
            }
        }
    }
}
