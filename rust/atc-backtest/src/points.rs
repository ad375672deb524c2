//! The times at which accounts are looked at: cuts of the day and the grid of the curve.

use crate::account::Carry;
use crate::spec::Spec;

/// What is due at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A cut of the day, with the carry that is due.
    Cut(Carry),
    /// A point of the curve.
    Grid,
}

/// The points of a session in order; where both fall together, the cut comes first.
#[derive(Debug)]
pub struct Points {
    cuts: Vec<(i64, Carry)>,
    next_cut: usize,
    next_grid: i64,
    curve_ns: i64,
    end: i64,
}

impl Points {
    /// Of a session.
    pub fn new(spec: &Spec) -> Self {
        let due = spec.carry_rate_e9.iter().zip(&spec.carry_step);
        let due = due.map(|(rate_e9, step)| Carry { rate_e9: *rate_e9, step: *step });
        let cuts = spec.day_cuts_ns.iter().copied().zip(due).collect();
        let first = -(-spec.begin_ns).div_euclid(spec.curve_ns) * spec.curve_ns;
        Self { cuts, next_cut: 0, next_grid: first, curve_ns: spec.curve_ns, end: spec.end_ns }
    }

    fn cut(&self) -> i64 {
        self.cuts.get(self.next_cut).map_or(i64::MAX, |(cut, _)| *cut)
    }

    fn grid(&self) -> i64 {
        if self.next_grid < self.end { self.next_grid } else { i64::MAX }
    }

    /// When the next one is, `i64::MAX` after the last.
    pub fn next(&self) -> i64 {
        self.cut().min(self.grid())
    }

    /// The next one, which there must be.
    pub fn take(&mut self) -> (i64, Point) {
        let (cut, grid) = (self.cut(), self.grid());
        if cut <= grid {
            self.next_cut += 1;
            (cut, Point::Cut(self.cuts[self.next_cut - 1].1))
        } else {
            self.next_grid += self.curve_ns;
            (grid, Point::Grid)
        }
    }
}
