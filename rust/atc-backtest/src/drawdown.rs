//! The largest fall of an equity, or of the difference of two, looked at after everything that moves it.

use serde::Deserialize;

/// Whose fall is followed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawdownSpec {
    /// Name of a strategy.
    pub strategy: String,
    /// Of one whose equity is taken off; none: the fall of the strategy's own.
    pub against: Option<String>,
}

/// The largest fall from a peak so far of a path that begins at 0, money units.
#[derive(Clone, Debug)]
pub struct Drawdown {
    /// Place of the strategy.
    strategy: usize,
    against: Option<usize>,
    peak: i128,
    /// So far.
    pub fall: i128,
}

impl Drawdown {
    /// Of a path that has not begun; `place` finds a strategy by its name.
    pub fn new(of: &DrawdownSpec, place: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        let against = match &of.against {
            Some(name) => Some(place(name)?),
            None => None,
        };
        Some(Self { strategy: place(&of.strategy)?, against, peak: 0, fall: 0 })
    }

    /// Looks at the path; `equity` tells that of a strategy.
    pub fn look(&mut self, equity: impl Fn(usize) -> i128) {
        let now = equity(self.strategy) - self.against.map_or(0, equity);
        self.peak = self.peak.max(now);
        self.fall = self.fall.max(self.peak - now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fall(against: Option<&str>, path: &[[i128; 2]]) -> i128 {
        let of = DrawdownSpec { strategy: "a".to_owned(), against: against.map(str::to_owned) };
        let mut found = Drawdown::new(&of, |name| ["a", "b"].iter().position(|one| *one == name)).unwrap();
        path.iter().for_each(|equity| found.look(|place| equity[place]));
        found.fall
    }

    #[test]
    fn from_the_peak_so_far() {
        assert_eq!(fall(None, &[[-2, 0], [5, 0], [1, 0], [7, 0], [6, 0]]), 4);
        assert_eq!(fall(None, &[[-2, 0], [-1, 0]]), 2, "a path begins at 0");
        assert_eq!(fall(Some("b"), &[[5, 5], [1, 1], [9, 7], [3, 4]]), 3);
    }

    #[test]
    fn of_strategies_that_there_are() {
        let of = DrawdownSpec { strategy: "a".to_owned(), against: Some("c".to_owned()) };
        assert!(Drawdown::new(&of, |name| (name == "a").then_some(0)).is_none());
    }
}
