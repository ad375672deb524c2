//! Pairs that a score puts in the right order, block by block.

use crate::bad_rows::{BadRows, check_below, same_length};

/// Rows in rising order of a score, each in a block of time and of one of two classes.
#[derive(Clone, Copy, Debug)]
pub struct ScoredRows<'a> {
    /// The rows by rising rank; tied ones in any order.
    pub order: &'a [i64],
    /// The rank of each row's score among the distinct ones.
    pub rank: &'a [i64],
    /// The block of each row, from 0.
    pub block: &'a [i64],
    /// Whether each row is positive: 0 is not.
    pub positive: &'a [u8],
}

impl ScoredRows<'_> {
    /// Twice the concordant pairs plus the tied ones, `blocks` × `blocks` side by side, the positive's block first.
    ///
    /// On the way up through the ranks stands, block by block, twice the number of negatives below; each positive adds
    /// them to the row of its block. Where positives are the more frequent class the way leads down, and negatives add
    /// the positives above. Time: O(n + blocks · rows of the rarer class).
    ///
    /// # Errors
    /// Columns of different lengths, a block or a row that there is not.
    pub fn twice_concordant(&self, blocks: usize) -> Result<Vec<i64>, BadRows> {
        self.check(blocks)?;
        let positives = self.positive.iter().filter(|&&positive| positive != 0).count();
        if 2 * positives <= self.positive.len() {
            return Ok(self.passed(self.order.iter().copied(), blocks, true));
        }
        let mirrored = self.passed(self.order.iter().rev().copied(), blocks, false);
        let transposed = (0..blocks * blocks).map(|cell| mirrored[cell % blocks * blocks + cell / blocks]);
        Ok(transposed.collect())
    }

    /// Twice the rows of the other class that each row of the class `counting` comes after, and once those that it is
    /// tied with, on the way through `order`; by block, the counting row's first.
    fn passed(&self, order: impl Iterator<Item = i64>, blocks: usize, counting: bool) -> Vec<i64> {
        let mut twice = vec![0_i64; blocks * blocks];
        let mut before = vec![0_i64; blocks];
        // Of the rows that are tied: where each is, first those that count, then the others.
        let (mut here, mut there) = (Vec::new(), Vec::new());
        let mut order = order.map(|row| row as usize).peekable();
        while let Some(row) = order.next() {
            let block = self.block[row] as usize;
            if (self.positive[row] != 0) == counting {
                here.push(block)
            } else {
                there.push(block)
            }
            if order.peek().is_some_and(|&next| self.rank[next] == self.rank[row]) {
                continue;
            }
            there.iter().for_each(|&block| before[block] += 1);
            for block in here.drain(..) {
                let sums = &mut twice[block * blocks..(block + 1) * blocks];
                sums.iter_mut().zip(&before).for_each(|(sum, count)| *sum += count);
            }
            there.drain(..).for_each(|block| before[block] += 1);
        }
        twice
    }

    fn check(&self, blocks: usize) -> Result<(), BadRows> {
        let n = self.order.len();
        same_length(&[n, self.rank.len(), self.block.len(), self.positive.len()])?;
        check_below(self.order, n)?;
        check_below(self.block, blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scattered::scattered;

    /// Every pair looked at.
    fn by_pairs(score: &[i64], block: &[i64], positive: &[u8], blocks: usize) -> Vec<i64> {
        let mut twice = vec![0; blocks * blocks];
        for a in 0..score.len() {
            for b in 0..score.len() {
                if positive[a] != 0 && positive[b] == 0 {
                    let won = i64::from(score[a] > score[b]) + i64::from(score[a] >= score[b]);
                    twice[block[a] as usize * blocks + block[b] as usize] += won;
                }
            }
        }
        twice
    }

    fn rising(score: &[i64]) -> Vec<i64> {
        let mut order: Vec<i64> = (0..score.len() as i64).collect();
        order.sort_by_key(|&row| score[row as usize]);
        order
    }

    #[test]
    fn the_pass_counts_what_a_look_at_every_pair_counts() {
        for (distinct, rate) in [(7, 1), (7, 9), (1_000, 5), (1, 5)] {
            let (score, block) = (scattered(300, distinct, 1), scattered(300, 6, 2));
            let positive: Vec<u8> =
                scattered(300, 10, 3).iter().map(|&of_ten| u8::from(of_ten < rate)).collect();
            let order = rising(&score);
            let rows = ScoredRows { order: &order, rank: &score, block: &block, positive: &positive };
            assert_eq!(rows.twice_concordant(6).unwrap(), by_pairs(&score, &block, &positive, 6));
        }
    }

    #[test]
    fn one_class_or_no_row_has_no_pairs() {
        let rows = ScoredRows { order: &[1, 0], rank: &[1, 0], block: &[0, 1], positive: &[1, 1] };
        assert_eq!(rows.twice_concordant(2).unwrap(), [0; 4]);
        let none = ScoredRows { order: &[], rank: &[], block: &[], positive: &[] };
        assert_eq!(none.twice_concordant(1).unwrap(), [0]);
        assert!(none.twice_concordant(0).unwrap().is_empty());
    }

    #[test]
    fn rows_that_do_not_fit_together_are_refused() {
        let rows = ScoredRows { order: &[0, 1], rank: &[0, 1], block: &[0, 2], positive: &[0, 1] };
        assert_eq!(rows.twice_concordant(2), Err(BadRows::Beyond(2, 2)));
        assert_eq!(ScoredRows { order: &[0, -1], ..rows }.twice_concordant(3), Err(BadRows::Beyond(-1, 2)));
        let short = ScoredRows { rank: &[0], ..rows };
        assert_eq!(short.twice_concordant(3), Err(BadRows::Lengths(vec![2, 1, 2, 2])));
    }
}
