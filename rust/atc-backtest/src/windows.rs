//! Intervals of time in which something is not allowed.

/// Half-open intervals, ns UTC, merged where they touch.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<[i64; 2]>);

impl Windows {
    /// In any order; they may overlap. Refuses one that ends before it begins.
    pub fn new(name: &str, intervals: &[[i64; 2]]) -> Result<Self, String> {
        if let Some([from, to]) = intervals.iter().find(|[from, to]| from > to) {
            return Err(format!("'{name}' holds [{from}, {to}], which ends before it begins"));
        }
        let mut sorted = intervals.to_vec();
        sorted.sort_unstable();
        let mut merged: Vec<[i64; 2]> = Vec::with_capacity(sorted.len());
        for [from, to] in sorted {
            match merged.last_mut() {
                Some(last) if from <= last[1] => last[1] = last[1].max(to),
                _ => merged.push([from, to]),
            }
        }
        Ok(Self(merged))
    }

    /// Whether `t` lies in one of them.
    pub fn contains(&self, t: i64) -> bool {
        let after = self.0.partition_point(|[from, _]| *from <= t);
        after > 0 && t < self.0[after - 1][1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_open_and_merged() {
        let windows = Windows::new("closed", &[[50, 60], [10, 20], [15, 30], [30, 31]]).unwrap();
        let inside: Vec<i64> = (0..70).filter(|t| windows.contains(*t)).collect();
        assert_eq!(inside, (10..31).chain(50..60).collect::<Vec<_>>());
        assert!(!Windows::default().contains(5));
    }

    #[test]
    fn an_end_before_its_begin_is_refused() {
        let why = Windows::new("closed", &[[5, 4]]).unwrap_err();
        assert_eq!(why, "'closed' holds [5, 4], which ends before it begins");
    }
}
