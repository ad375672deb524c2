//! Finished rows.

use serde::{Deserialize, Serialize};

/// Rows that are gathered before they are written to the columns: a row is one piece of memory, a column is sixty.
const BLOCK: usize = 64;

/// Finished rows in key order, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Time of the row, ns UTC.
    pub ts_recv: Vec<i64>,
    /// With `ts_recv` (and the symbol) the key of the row.
    pub ev_seq: Vec<u64>,
    /// When the row became known, ns UTC: the time of decision.
    pub ts_close: Vec<i64>,
    /// One vector a column; NaN is null.
    pub columns: Vec<Vec<f32>>,
}

/// Where the engine puts them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowBuffer {
    ts_recv: Vec<i64>,
    ev_seq: Vec<u64>,
    ts_close: Vec<i64>,
    columns: Vec<Vec<f32>>,
    /// The newest rows, row by row.
    block: Vec<f32>,
}

impl RowBuffer {
    /// Empty, for rows of so many columns.
    pub fn new(columns: usize) -> Self {
        let columns = vec![Vec::new(); columns];
        Self { ts_recv: Vec::new(), ev_seq: Vec::new(), ts_close: Vec::new(), columns, block: Vec::new() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ts_recv.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.ts_recv.is_empty()
    }

    /// Takes the rows out.
    pub fn take(&mut self) -> Rows {
        self.settle();
        Rows {
            ts_recv: std::mem::take(&mut self.ts_recv),
            ev_seq: std::mem::take(&mut self.ev_seq),
            ts_close: std::mem::take(&mut self.ts_close),
            columns: self.columns.iter_mut().map(std::mem::take).collect(),
        }
    }

    /// Appends a row of as many values as there are columns; what is not finite becomes null.
    pub fn push(&mut self, t: i64, ev_seq: u64, ts_close: i64, values: &[f64]) {
        debug_assert_eq!(values.len(), self.columns.len());
        self.ts_recv.push(t);
        self.ev_seq.push(ev_seq);
        self.ts_close.push(ts_close);
        self.block.extend(values.iter().map(|x| {
            let x = *x as f32;
            if x.is_finite() { x } else { f32::NAN }
        }));
        if self.block.len() >= BLOCK * values.len() {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let width = self.columns.len();
        for (place, column) in self.columns.iter_mut().enumerate() {
            column.extend(self.block.chunks_exact(width).map(|row| row[place]));
        }
        self.block.clear();
    }

    /// Keeps those whose t lies in `[from, to)`.
    pub fn keep_between(&mut self, from: i64, to: i64) {
        let start = self.ts_recv.partition_point(|t| *t < from);
        let end = self.ts_recv.partition_point(|t| *t < to).max(start);
        if start == 0 && end == self.len() {
            return;
        }
        self.settle();
        keep(&mut self.ts_recv, start, end);
        keep(&mut self.ev_seq, start, end);
        keep(&mut self.ts_close, start, end);
        for column in &mut self.columns {
            keep(column, start, end);
        }
    }
}

fn keep<T>(items: &mut Vec<T>, start: usize, end: usize) {
    items.truncate(end);
    items.drain(..start);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_hold_every_row_once_whatever_the_block() {
        for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let mut buffer = RowBuffer::new(2);
            for i in 0..count {
                buffer.push(i as i64, i as u64, i as i64, &[i as f64, f64::INFINITY]);
            }
            assert_eq!(buffer.len(), count);
            buffer.keep_between(1, 100);
            let kept: Vec<f32> = (1..count.clamp(1, 100)).map(|i| i as f32).collect();
            let rows = buffer.take();
            assert!(buffer.is_empty() && rows.ts_recv.len() == kept.len());
            assert_eq!(rows.columns[0], kept);
            assert!(rows.columns[1].len() == kept.len() && rows.columns[1].iter().all(|x| x.is_nan()));
        }
    }
}
