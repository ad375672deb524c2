//! Forward returns of the published mid, the raw material of every label.

use crate::book::Book;
use crate::event::{Control, Event, Kind};
use crate::merge::{Tables, merge};
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
#[derive(Debug, Default)]
struct MidPath {
    mids: Vec<(i64, Option<i64>)>,
    resets: Vec<i64>,
    /// Silences of more than `max_gap` between market events.
    silences: Vec<(i64, i64)>,
    last_market: Option<i64>,
    book: Book,
    /// The timestamp of the book that is not closed yet.
    open: Option<i64>,
}

impl MidPath {
    fn take(&mut self, event: &Event<'_>, max_gap: i64) -> Result<(), String> {
        if event.is_ignored() {
            return Ok(());
        }
        let t = event.ts_recv;
        self.close(t, max_gap);
        if event.is_market() {
            if let Some(last) = self.last_market.filter(|last| t - last > max_gap) {
                self.silences.push((last, t));
                self.book = Book::default();
            }
            self.last_market = Some(t);
        }
        match event.kind {
            Kind::Book(kind, levels) => {
                self.book.apply(t, kind, levels, max_gap)?;
                self.open = Some(t);
            }
            Kind::Control(Control::Reset) => {
                self.book = Book::default();
                self.resets.push(t);
                self.open = Some(t);
            }
            _ => {}
        }
        Ok(())
    }

    /// An event at `now` has come: a timestamp before it is closed.
    fn close(&mut self, now: i64, max_gap: i64) {
        if let Some(since) = self.open.take_if(|since| *since < now) {
            let mid2 = self.book.is_known(since, max_gap).then(|| self.book.mid2()).flatten();
            self.mids.push((since, mid2));
        }
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

/// Forward returns from tables that come in parts.
#[derive(Debug)]
pub struct Labeller {
    max_gap: i64,
    path: MidPath,
}

impl Labeller {
    /// A labeller that has seen nothing.
    pub fn new(spec: &Spec) -> Result<Self, String> {
        spec.check()?;
        Ok(Self { max_gap: spec.max_gap_ns, path: MidPath::default() })
    }

    /// Takes a part. All its events come after those of the part before, and no timestamp lies in two parts.
    pub fn feed(&mut self, tables: &Tables<'_>) -> Result<(), String> {
        merge(tables, |event| self.path.take(event, self.max_gap).map(|()| true))
    }

    /// r over `horizon` ns for rows at `times`.
    pub fn finish(mut self, times: &[i64], horizon: i64) -> Result<ForwardReturns, String> {
        if horizon <= 0 {
            return Err(format!("a horizon of {horizon} ns: expected more than 0"));
        }
        self.path.close(i64::MAX, self.max_gap);
        let mut labels = ForwardReturns::default();
        for &t0 in times {
            let t1 = t0 + horizon;
            let mids = self.path.at(t0, self.max_gap).zip(self.path.at(t1, self.max_gap));
            let r = mids
                .filter(|_| !self.path.is_broken(t0, t1))
                .map(|(m0, m1)| 1e4 * libm::log(m1 as f64 / m0 as f64));
            labels.r_bps.push(r.unwrap_or(f64::NAN));
            labels.t0.push(t0);
            labels.t1.push(t1);
        }
        Ok(labels)
    }
}

/// r over `horizon` ns for rows at `times`. The tables must hold the quotes in force at the first row and all events up to the
/// last row's t + `horizon`; whatever is missing is null.
pub fn forward_returns(
    spec: &Spec,
    tables: &Tables<'_>,
    times: &[i64],
    horizon: i64,
) -> Result<ForwardReturns, String> {
    let mut labeller = Labeller::new(spec)?;
    labeller.feed(tables)?;
    labeller.finish(times, horizon)
}
