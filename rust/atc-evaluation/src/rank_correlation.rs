//! Spearman's ρ of resamples of blocks of rows.

use crate::bad_rows::{BadRows, check_below, same_length};

/// Resamples that are made at a time: their sums fit the registers, their ranks of 100 bins the fastest cache.
const LANES: usize = 16;

type Lanes = [f64; LANES];

/// Rows in two rankings, each cut into bins, and in blocks of time.
#[derive(Clone, Copy, Debug)]
pub struct BinnedRows<'a> {
    /// The bin of each row in the one ranking, from 0, rising.
    pub left: &'a [i64],
    /// The same in the other.
    pub right: &'a [i64],
    /// The block of each row, from 0.
    pub block: &'a [i64],
}

/// Rows of one block that lie in the same two bins.
#[derive(Clone, Copy, Debug)]
struct Cell {
    left: u32,
    right: u32,
    rows: f64,
}

impl BinnedRows<'_> {
    /// Pearson's ρ of the mid-ranks in `bins` bins of the left and of the right ranking, of each resample; NaN where
    /// one of them has a single bin. `times` says how often each of `blocks` blocks is in a resample: resamples ×
    /// blocks side by side.
    ///
    /// Twice the mid-ranks less their mean, and their products, are whole numbers; sums of those that pass 2⁵³
    /// (2·10⁵ rows) are rounded, in an order that is always the same.
    /// Time: O(resamples · (n + blocks · bins)), where rows of a block in the same two bins count once.
    ///
    /// # Errors
    /// Columns of different lengths, a bin or block that there is not.
    pub fn spearman(&self, bins: [usize; 2], blocks: usize, times: &[i64]) -> Result<Vec<f64>, BadRows> {
        same_length(&[self.left.len(), self.right.len(), self.block.len()])?;
        check_below(self.left, bins[0])?;
        check_below(self.right, bins[1])?;
        check_below(self.block, blocks)?;
        if blocks == 0 {
            return Ok(Vec::new());
        }
        let cells = self.cells(bins[1], blocks);
        let sizes: Vec<f64> =
            cells.iter().map(|of_block| of_block.iter().map(|cell| cell.rows).sum()).collect();
        let margins = [margin(&cells, bins[0], |cell| cell.left), margin(&cells, bins[1], |cell| cell.right)];
        let mut found = Vec::with_capacity(times.len() / blocks);
        for resamples in times.chunks(LANES * blocks) {
            let drawn = side_by_side(resamples, blocks);
            let n = weighed(&sizes, &drawn);
            let [(x, xx), (y, yy)] = [&margins[0], &margins[1]].map(|margin| mid_ranks(margin, &drawn, &n));
            let mut xy = [0.0; LANES];
            for (of_block, times) in cells.iter().zip(&drawn) {
                let mut sum = [0.0; LANES];
                for cell in of_block {
                    let (x, y) = (&x[cell.left as usize], &y[cell.right as usize]);
                    for lane in 0..LANES {
                        sum[lane] += cell.rows * (x[lane] * y[lane]);
                    }
                }
                for lane in 0..LANES {
                    xy[lane] += times[lane] * sum[lane];
                }
            }
            let rho = |lane: usize| {
                let scale = (xx[lane] * yy[lane]).sqrt();
                if scale > 0.0 { xy[lane] / scale } else { f64::NAN }
            };
            found.extend((0..resamples.len() / blocks).map(rho));
        }
        Ok(found)
    }

    /// What lies in each block, by rising bins.
    fn cells(&self, right_bins: usize, blocks: usize) -> Vec<Vec<Cell>> {
        let mut at: Vec<Vec<u64>> = vec![Vec::new(); blocks];
        for ((&left, &right), &block) in self.left.iter().zip(self.right).zip(self.block) {
            at[block as usize].push(left as u64 * right_bins as u64 + right as u64);
        }
        let counted = |mut places: Vec<u64>| {
            places.sort_unstable();
            let cell = |same: &[u64]| Cell {
                left: (same[0] / right_bins as u64) as u32,
                right: (same[0] % right_bins as u64) as u32,
                rows: same.len() as f64,
            };
            places.chunk_by(|a, b| a == b).map(cell).collect()
        };
        at.into_iter().map(counted).collect()
    }
}

/// How many rows of each block lie in each bin: by bin, then by block.
fn margin(cells: &[Vec<Cell>], bins: usize, bin: impl Fn(&Cell) -> u32) -> Vec<Vec<f64>> {
    let mut rows = vec![vec![0.0; cells.len()]; bins];
    for (block, of_block) in cells.iter().enumerate() {
        for cell in of_block {
            rows[bin(cell) as usize][block] += cell.rows;
        }
    }
    rows
}

/// How often each block is in each of at most `LANES` resamples; in those beyond the last, never.
fn side_by_side(resamples: &[i64], blocks: usize) -> Vec<Lanes> {
    let mut drawn = vec![[0.0; LANES]; blocks];
    for (lane, times) in resamples.chunks(blocks).enumerate() {
        for (place, &count) in drawn.iter_mut().zip(times) {
            place[lane] = count as f64;
        }
    }
    drawn
}

/// The sum over the blocks of each resample.
fn weighed(of_blocks: &[f64], drawn: &[Lanes]) -> Lanes {
    let mut sum = [0.0; LANES];
    for (&of_block, times) in of_blocks.iter().zip(drawn) {
        for lane in 0..LANES {
            sum[lane] += of_block * times[lane];
        }
    }
    sum
}

/// Twice the mid-rank of each bin less the mean of all, and the sum of their squares over the rows.
fn mid_ranks(margin: &[Vec<f64>], drawn: &[Lanes], n: &Lanes) -> (Vec<Lanes>, Lanes) {
    let (mut below, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let ranks = margin
        .iter()
        .map(|of_blocks| {
            let rows = weighed(of_blocks, drawn);
            let mut twice = [0.0; LANES];
            for lane in 0..LANES {
                twice[lane] = 2.0 * below[lane] + rows[lane] - n[lane];
                below[lane] += rows[lane];
                squares[lane] += rows[lane] * (twice[lane] * twice[lane]);
            }
            twice
        })
        .collect();
    (ranks, squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scattered::scattered;

    /// The rows of a resample written out, their mid-ranks counted one by one.
    fn written_out(rows: &BinnedRows<'_>, times: &[i64]) -> f64 {
        let drawn: Vec<usize> = (0..rows.block.len())
            .flat_map(|row| std::iter::repeat_n(row, times[rows.block[row] as usize] as usize))
            .collect();
        let ranks = |bin: &[i64]| -> Vec<f64> {
            let below = |at: usize| drawn.iter().filter(|&&row| bin[row] < bin[at]).count() as f64;
            let tied = |at: usize| drawn.iter().filter(|&&row| bin[row] == bin[at]).count() as f64;
            drawn.iter().map(|&row| below(row) + (tied(row) + 1.0) / 2.0).collect()
        };
        let (x, y) = (ranks(rows.left), ranks(rows.right));
        let mean = (drawn.len() as f64 + 1.0) / 2.0;
        let product =
            |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
        product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt()
    }

    #[test]
    fn a_resample_has_the_correlation_of_its_rows_written_out() {
        let (left, block) = (scattered(200, 9, 1), scattered(200, 5, 2));
        let right: Vec<i64> =
            left.iter().zip(scattered(200, 6, 3)).map(|(bin, other)| (bin + other) / 2).collect();
        let rows = BinnedRows { left: &left, right: &right, block: &block };
        let times = scattered(5 * 37, 4, 4); // two whole runs of lanes and a part of one
        let found = rows.spearman([9, 7], 5, &times).unwrap();
        assert_eq!(found.len(), 37);
        for (rho, times) in found.iter().zip(times.chunks(5)) {
            let expected = written_out(&rows, times);
            assert!((rho - expected).abs() < 1e-12, "{rho} is not {expected}");
            assert!(expected.abs() < 0.99);
        }
    }

    #[test]
    fn a_constant_has_none() {
        let rows = BinnedRows { left: &[0, 1, 1], right: &[2, 0, 1], block: &[0, 1, 1] };
        let found = rows.spearman([2, 3], 2, &[1, 1, 0, 2, 3, 0, 0, 0]).unwrap();
        assert!(found[0].is_finite() && found[1..].iter().all(|rho| rho.is_nan()));
    }

    #[test]
    fn rows_that_do_not_fit_together_are_refused() {
        let rows = BinnedRows { left: &[0, 1], right: &[0, 1], block: &[0, 1] };
        assert_eq!(rows.spearman([2, 1], 2, &[1, 1]), Err(BadRows::Beyond(1, 1)));
        assert_eq!(rows.spearman([2, 2], 1, &[1]), Err(BadRows::Beyond(1, 1)));
        let short = BinnedRows { right: &[0], ..rows };
        assert_eq!(short.spearman([2, 2], 2, &[1, 1]), Err(BadRows::Lengths(vec![2, 1, 2])));
        assert!(
            BinnedRows { left: &[], right: &[], block: &[] }.spearman([1, 1], 0, &[]).unwrap().is_empty()
        );
    }
}
