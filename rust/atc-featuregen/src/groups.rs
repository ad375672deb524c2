//! Taker groups, and what is computed from their sizes and sides.

use crate::order_stats::OrderStats;
use crate::spec::{SECOND, Spec};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

/// A taker group, as far as it is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Group {
    /// `ev_seq` of its last print.
    pub ev_seq: u64,
    /// Exchange time of all its prints.
    pub ts_exch: Option<i64>,
    /// +1, −1 or 0.
    pub side: i8,
    /// Lots.
    pub size: i64,
    /// Ticks × lots.
    pub notional: i128,
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
    fn add(&mut self, group: &Group) {
        self.count += 1;
        self.volume += i128::from(group.size);
        self.signed += i128::from(group.side) * i128::from(group.size);
        self.notional += group.notional;
    }

    fn remove(&mut self, group: &Group) {
        self.count -= 1;
        self.volume -= i128::from(group.size);
        self.signed -= i128::from(group.side) * i128::from(group.size);
        self.notional -= group.notional;
    }

    /// Signed volume over volume; `None` without volume.
    pub fn imbalance(&self) -> Option<f64> {
        (self.volume != 0).then(|| self.signed as f64 / self.volume as f64)
    }

    /// Twice the mid against twice the volume-weighted price, in bps; `None` without volume.
    pub fn deviation_bps(&self, mid2: i64) -> Option<f64> {
        if self.volume == 0 {
            return None;
        }
        let paid2 = 2 * self.notional;
        let at_mid2 = i128::from(mid2) * self.volume;
        Some(1e4 * ((at_mid2 - paid2) as f64 / paid2 as f64))
    }
}

/// Windows of [`GroupWindows::flow`], s.
pub const FLOW_WINDOWS_S: [i64; 6] = [1, 5, 30, 60, 300, 1_800];
/// Window of the robust size score, s.
const ROBUST_S: i64 = 300;

/// All groups of the last half hour; the newest may still grow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupWindows {
    groups: Timeline<Group>,
    flows: [(u64, Flow); FLOW_WINDOWS_S.len()],
    sizes: (u64, OrderStats),
    judged: (u64, OrderStats),
    window_judged: i64,
    open: bool,
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
            window_judged: spec.big_trade.window_s * SECOND,
            open: false,
            big_before: None,
            big_newest: None,
        }
    }

    /// The group that may still grow, with its t.
    pub fn open(&self) -> Option<&(i64, Group)> {
        self.groups.last().filter(|_| self.open)
    }

    /// The newest group with its t, open or not.
    pub fn newest(&self) -> Option<&(i64, Group)> {
        self.groups.last()
    }

    /// Nothing joins the newest group any more.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// A print of the open group's key: `true` if it joins, given that it came in time.
    pub fn joins(&self, ts_exch: Option<i64>, side: i8) -> bool {
        self.open().is_some_and(|(_, group)| group.ts_exch == ts_exch && group.side == side)
    }

    /// Adds a print at `t`, to the open group if it joins, else as a new group.
    pub fn print(&mut self, t: i64, print: Group, spec: &Spec) -> Result<(), String> {
        let mut group = print;
        if self.joins(print.ts_exch, print.side) {
            // Out it goes and in again, grown: every window sees one item.
            self.advance(t);
            let (_, before) = self.take_newest().expect("an open group");
            group.size =
                before.size.checked_add(print.size).ok_or("the size of a taker group overflows 63 bits")?;
            group.notional += before.notional;
        } else {
            self.big_before = self.big_newest.or(self.big_before);
            self.big_newest = None;
            self.advance(t);
        }
        self.open = true;
        let earlier = &self.judged.1;
        let big = earlier.len() >= spec.min_values
            && group.size > earlier.nearest_rank(spec.big_trade.quantile_pct);
        self.big_newest = big.then_some((t, group.side));
        self.groups.push(t, group);
        for (_, flow) in &mut self.flows {
            flow.add(&group);
        }
        self.sizes.1.insert(group.size);
        self.judged.1.insert(group.size);
        Ok(())
    }

    fn take_newest(&mut self) -> Option<(i64, Group)> {
        let (t, group) = self.groups.pop()?;
        for (_, flow) in &mut self.flows {
            flow.remove(&group);
        }
        self.sizes.1.remove(group.size);
        self.judged.1.remove(group.size);
        Some((t, group))
    }

    /// Lets go of the groups that left the windows that end at `t`.
    pub fn advance(&mut self, t: i64) {
        let mut oldest = self.groups.end().saturating_sub(1);
        for ((first, flow), window) in self.flows.iter_mut().zip(FLOW_WINDOWS_S) {
            let end = self.groups.seek(*first, t - window * SECOND);
            for number in *first..end {
                flow.remove(self.groups.get(number));
            }
            *first = end;
            oldest = oldest.min(end);
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
        }
        self.groups.forget_before(oldest);
    }

    /// Sums over `FLOW_WINDOWS_S[index]`, at the time of the last [`Self::advance`].
    pub fn flow(&self, index: usize) -> &Flow {
        &self.flows[index].1
    }

    /// Robust score of `size` among the sizes of the last 300 s.
    pub fn robust_size(&self, size: i64, min_values: u64) -> Option<f64> {
        self.sizes.1.robust(size, min_values)
    }

    /// Side of the latest big group if it is fresh at `t`, else 0; `None` while nothing can be judged.
    pub fn big_fresh_sign(&self, t: i64, spec: &Spec) -> Option<f64> {
        if self.judged.1.len() < spec.min_values + 1 {
            return None;
        }
        let latest = self.big_newest.or(self.big_before);
        let fresh = latest.filter(|(since, _)| t - since <= spec.big_trade.fresh_s * SECOND);
        Some(fresh.map_or(0.0, |(_, side)| f64::from(side)))
    }
}
