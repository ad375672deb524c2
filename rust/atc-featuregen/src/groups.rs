//! Taker groups: prints that one order of a taker made.

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

/// A print and what it did to the groups.
#[derive(Clone, Copy, Debug)]
pub struct Print {
    /// Its time, ns UTC.
    pub t: i64,
    /// +1 the taker buys, −1 sells, 0 unknown.
    pub side: i8,
    /// Its size, lots.
    pub qty: i64,
    /// It joined the open group; else it opened a new one.
    pub joined: bool,
    /// Its group as of now; the group's t is the print's.
    pub group: Group,
}

/// The newest group; it may still grow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TakerGroups {
    newest: Option<(i64, Group)>,
    open: bool,
}

impl TakerGroups {
    /// The group that may still grow, with its t.
    pub fn open(&self) -> Option<&(i64, Group)> {
        self.newest.as_ref().filter(|_| self.open)
    }

    /// The newest group with its t, open or not.
    pub fn newest(&self) -> Option<&(i64, Group)> {
        self.newest.as_ref()
    }

    /// Nothing joins the newest group any more.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// A print of the open group's key: `true` if it joins, given that it came in time.
    pub fn joins(&self, ts_exch: Option<i64>, side: i8) -> bool {
        self.open().is_some_and(|(_, group)| group.ts_exch == ts_exch && group.side == side)
    }

    /// Adds a print at `t`, given as a group of its own, to the open group if it joins, else as a new group.
    pub fn print(&mut self, t: i64, print: Group) -> Result<Print, String> {
        let joined = self.joins(print.ts_exch, print.side);
        let mut group = print;
        if let Some((_, before)) = self.newest.filter(|_| joined) {
            group.size =
                before.size.checked_add(print.size).ok_or("the size of a taker group overflows 63 bits")?;
            group.notional += before.notional;
        }
        self.newest = Some((t, group));
        self.open = true;
        Ok(Print { t, side: print.side, qty: print.size, joined, group })
    }
}
