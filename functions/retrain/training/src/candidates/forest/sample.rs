//! The bootstrap: the rows that a tree is grown on.

use churn_common::random::{Rng, below};

/// The positions of rows by user.
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
    /// `users` is the user of each row.
    pub(super) fn new(users: &[u32]) -> Self {
        let mut order: Vec<(u32, u32)> = users.iter().zip(0u32..).map(|(&user, row)| (user, row)).collect();
        order.sort_unstable();
        Self { rows: order.chunk_by(|a, b| a.0 == b.0).map(|rows| rows.iter().map(|r| r.1).collect()).collect() }
    }

    /// Draws as many users as there are, with replacement, and all rows of each. Snapshots of a user are correlated:
    /// drawn one by one, they would make the trees more alike. Stops before the rows exceed `max_rows`, but draws at
    /// least one user.
    pub(super) fn draw(&self, rng: &mut Rng, max_rows: usize) -> Bag {
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
    use churn_common::random::rng;

    #[test]
    fn rows_of_a_user_are_drawn_together_up_to_the_maximum() {
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
