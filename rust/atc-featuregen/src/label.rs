//! Forward returns of the published mid, the raw material of every label.

use crate::batch::{Tables, merge};
use crate::book::Book;
use crate::event::{Control, Kind};
use crate::spec::Spec;

/// Labels of some rows, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForwardReturns {
    /// r = 10⁴·ln(m_{t+H}/m_t), bps; NaN is null.
    pub r_bps: Vec<f64>,
    /// Start of the interval that the label looks at, ns: the row's t.
    pub t0: Vec<i64>,
    /// Its end, t + H.
    pub t1: Vec<i64>,
}

/// Mids at closed timestamps and the places where the stream breaks.
#[derive(Default)]
struct MidPath {
    mids: Vec<(i64, Option<i64>)>,
    resets: Vec<i64>,
    /// Silences of more than `max_gap` between market events.
    silences: Vec<(i64, i64)>,
    last_market: Option<i64>,
}

impl MidPath {
    fn read(tables: &Tables<'_>, spec: &Spec) -> Result<Self, String> {
        let mut path = Self::default();
        let mut book = Book::default();
        let mut open: Option<i64> = None;
        merge(tables, |event| {
            if event.is_ignored() {
                return Ok(true);
            }
            let t = event.ts_recv;
            if let Some(since) = open.filter(|since| *since < t) {
                path.mids.push((since, known_mid(&book, since, spec)));
                open = None;
            }
            if event.is_market() {
                if let Some(last) = path.last_market.filter(|last| t - last > spec.max_gap_ns) {
                    path.silences.push((last, t));
                    book = Book::default();
                }
                path.last_market = Some(t);
            }
            match event.kind {
                Kind::Book(kind, levels) => {
                    book.apply(t, kind, levels, spec.max_gap_ns)?;
                    open = Some(t);
                }
                Kind::Control(Control::Reset) => {
                    book = Book::default();
                    path.resets.push(t);
                    open = Some(t);
                }
                _ => {}
            }
            Ok(true)
        })?;
        if let Some(since) = open {
            path.mids.push((since, known_mid(&book, since, spec)));
        }
        Ok(path)
    }

    /// Twice the mid in force at `t`.
    fn at(&self, t: i64, max_gap: i64) -> Option<i64> {
        let number = self.mids.partition_point(|(since, _)| *since <= t).checked_sub(1)?;
        let (since, mid2) = self.mids[number];
        if t - since > max_gap { None } else { mid2 }
    }

    /// A reset in `(t0, t1]`, a silence that overlaps, or the end of the data before `t1`.
    fn is_broken(&self, t0: i64, t1: i64) -> bool {
        let reset = self.resets.partition_point(|t| *t <= t0);
        let silence = self.silences.partition_point(|(_, end)| *end <= t0);
        self.resets.get(reset).is_some_and(|t| *t <= t1)
            || self.silences.get(silence).is_some_and(|(start, _)| *start < t1)
            || self.last_market.is_none_or(|last| last < t1)
    }
}

fn known_mid(book: &Book, t: i64, spec: &Spec) -> Option<i64> {
    book.is_known(t, spec.max_gap_ns).then(|| book.mid2()).flatten()
}

/// r over `horizon` ns for rows at `times`. The tables must hold the quotes in force at the first row and all events up to the
/// last row's t + `horizon`; whatever is missing is null.
pub fn forward_returns(
    spec: &Spec,
    tables: &Tables<'_>,
    times: &[i64],
    horizon: i64,
) -> Result<ForwardReturns, String> {
    spec.check()?;
    if horizon <= 0 {
        return Err(format!("a horizon of {horizon} ns: expected more than 0"));
    }
    let path = MidPath::read(tables, spec)?;
    let mut labels = ForwardReturns::default();
    for &t0 in times {
        let t1 = t0 + horizon;
        let mids = path.at(t0, spec.max_gap_ns).zip(path.at(t1, spec.max_gap_ns));
        let r =
            mids.filter(|_| !path.is_broken(t0, t1)).map(|(m0, m1)| 1e4 * libm::log(m1 as f64 / m0 as f64));
        labels.r_bps.push(r.unwrap_or(f64::NAN));
        labels.t0.push(t0);
        labels.t1.push(t1);
    }
    Ok(labels)
}
