//! Sums, ranks and judgements over the taker groups of the last half hour.

use crate::fixed::to_f64;
use crate::groups::Print;
use crate::order_stats::OrderStats;
use crate::spec::{SECOND, Spec};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

/// What a window keeps of a group.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Item {
    notional: i128,
    size: i64,
    side: i8,
}

/// Sums over one window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    /// Groups.
    pub count: u64,
    /// Σ size, lots.
    pub volume: i128,
    /// Σ side × size, lots.
    pub signed: i128,
    /// Σ price × size, ticks × lots.
    pub notional: i128,
}

impl Flow {
    fn add(&mut self, group: &Item) {
        self.count += 1;
        self.volume += i128::from(group.size);
        self.signed += i128::from(group.side) * i128::from(group.size);
        self.notional += group.notional;
    }

    fn remove(&mut self, group: &Item) {
        self.count -= 1;
        self.volume -= i128::from(group.size);
        self.signed -= i128::from(group.side) * i128::from(group.size);
        self.notional -= group.notional;
    }

    /// Signed volume over volume; `None` without volume.
    pub fn imbalance(&self) -> Option<f64> {
        (self.volume != 0).then(|| to_f64(self.signed) / to_f64(self.volume))
    }

    /// Twice the mid against twice the volume-weighted price, in bps; `None` without volume.
    pub fn deviation_bps(&self, mid2: i64) -> Option<f64> {
        if self.volume == 0 {
            return None;
        }
        let paid2 = 2 * self.notional;
        let at_mid2 = i128::from(mid2) * self.volume;
        Some(1e4 * (to_f64(at_mid2 - paid2) / to_f64(paid2)))
    }
}

/// Windows of [`GroupWindows::flow`], s.
pub const FLOW_WINDOWS_S: [i64; 6] = [1, 5, 30, 60, 300, 1_800];
/// Window of the robust size score, s.
const ROBUST_S: i64 = 300;

/// All groups of the last half hour; the newest may still grow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupWindows {
    groups: Timeline<Item>,
    flows: [(u64, Flow); FLOW_WINDOWS_S.len()],
    sizes: (u64, OrderStats),
    judged: (u64, OrderStats),
    /// The newest group is among the sizes: only when another follows, or a row asks, for until then it may grow.
    newest_counted: bool,
    window_judged: i64,
    /// Before this time no group leaves a window.
    next_expiry: i64,
    big_before: Option<(i64, i8)>,
    big_newest: Option<(i64, i8)>,
}

impl GroupWindows {
    /// Empty.
    pub fn new(spec: &Spec) -> Self {
        Self {
            groups: Timeline::new(),
            flows: Default::default(),
            sizes: Default::default(),
            judged: Default::default(),
            newest_counted: true,
            window_judged: spec.big_trade.window_s * SECOND,
            next_expiry: i64::MAX,
            big_before: None,
            big_newest: None,
        }
    }

    /// A print; a group that grows goes out and in again, so that every window sees one item.
    pub fn print(&mut self, print: &Print, spec: &Spec) {
        let (t, group) = (print.t, &print.group);
        self.advance(t);
        if print.joined {
            self.take_newest();
        } else {
            self.count_newest();
            self.big_before = self.big_newest.or(self.big_before);
        }
        let earlier = &self.judged.1;
        let big = earlier.len() >= spec.min_values
            && group.size > earlier.nearest_rank(spec.big_trade.quantile_pct);
        self.big_newest = big.then_some((t, group.side));
        let item = Item { notional: group.notional, size: group.size, side: group.side };
        self.groups.push(t, item);
        self.next_expiry = self.next_expiry.min(t + self.shortest_window());
        for (_, flow) in &mut self.flows {
            flow.add(&item);
        }
        self.newest_counted = false;
    }

    fn count_newest(&mut self) {
        if let Some((_, group)) = self.groups.last().filter(|_| !self.newest_counted) {
            self.sizes.1.insert(group.size);
            self.judged.1.insert(group.size);
            self.newest_counted = true;
        }
    }

    fn shortest_window(&self) -> i64 {
        self.window_judged.min(FLOW_WINDOWS_S[0] * SECOND)
    }

    fn take_newest(&mut self) {
        let (_, group) = self.groups.pop().expect("an open group, which no window lets go of");
        for (_, flow) in &mut self.flows {
            flow.remove(&group);
        }
        if self.newest_counted {
            self.sizes.1.remove(group.size);
            self.judged.1.remove(group.size);
        }
    }

    /// Lets go of the groups that left the windows that end at `t`.
    pub fn advance(&mut self, t: i64) {
        if t < self.next_expiry {
            return;
        }
        self.count_newest();
        let mut oldest = self.groups.end();
        self.next_expiry = i64::MAX;
        for ((first, flow), window) in self.flows.iter_mut().zip(FLOW_WINDOWS_S) {
            let end = self.groups.seek(*first, t - window * SECOND);
            for number in *first..end {
                flow.remove(self.groups.get(number));
            }
            *first = end;
            oldest = oldest.min(end);
            if end < self.groups.end() {
                self.next_expiry = self.next_expiry.min(self.groups.time(end) + window * SECOND);
            }
        }
        for ((first, stats), window) in
            [(&mut self.sizes, ROBUST_S * SECOND), (&mut self.judged, self.window_judged)]
        {
            let end = self.groups.seek(*first, t - window);
            for number in *first..end {
                stats.remove(self.groups.get(number).size);
            }
            *first = end;
            oldest = oldest.min(end);
            if end < self.groups.end() {
                self.next_expiry = self.next_expiry.min(self.groups.time(end) + window);
            }
        }
        self.groups.forget_before(oldest);
    }

    /// Sums over `FLOW_WINDOWS_S[index]`, at the time of the last [`Self::advance`].
    pub fn flow(&self, index: usize) -> &Flow {
        &self.flows[index].1
    }

    /// Robust score of `size` among the sizes of the last 300 s.
    pub fn robust_size(&mut self, size: i64, min_values: u64) -> Option<f64> {
        self.count_newest();
        self.sizes.1.robust(size, min_values)
    }

    /// Side of the latest big group if it is fresh at `t`, else 0; `None` while nothing can be judged.
    pub fn big_fresh_sign(&self, t: i64, spec: &Spec) -> Option<f64> {
        if self.judged.1.len() + u64::from(!self.newest_counted) < spec.min_values + 1 {
            return None;
        }
        let latest = self.big_newest.or(self.big_before);
        let fresh = latest.filter(|(since, _)| t - since <= spec.big_trade.fresh_s * SECOND);
        Some(fresh.map_or(0.0, |(_, side)| f64::from(side)))
    }
}
