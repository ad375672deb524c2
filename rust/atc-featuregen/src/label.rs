//! Forward returns of the published mid, the raw material of every label.

use crate::book::Book;
use crate::event::{Control, Event, Kind};
use crate::merge::merge;
use crate::prices::spread_bps;
use crate::spec::Spec;
use crate::tables::Tables;

/// What is measured at each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSpec {
    /// A label each, ns.
    pub horizons_ns: Vec<i64>,
    /// Length of the two stretches whose mean mids are compared, ns; 0: the mids in force at t and at t + H.
    pub smooth_ns: i64,
}

impl LabelSpec {
    fn check(&self) -> Result<(), String> {
        let smooth = self.smooth_ns;
        if smooth < 0 {
            return Err(format!("a smoothing of {smooth} ns: expected 0 or more"));
        }
        if let Some(bad) = self.horizons_ns.iter().find(|horizon| **horizon <= 0) {
            return Err(format!("a horizon of {bad} ns: expected more than 0"));
        }
        if let Some(short) = self.horizons_ns.iter().find(|horizon| **horizon < smooth) {
            return Err(format!(
                "a smoothing of {smooth} ns over a horizon of {short} ns: expected at most the horizon, or the \
                 stretch after t would begin before it"
            ));
        }
        Ok(())
    }
}

/// Why a label is null; the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NullCause {
    /// A RESET falls inside.
    Reset = 1,
    /// A silence of more than `max_gap` overlaps, or the data end before t + H: which of the two it is, who reads a day
    /// at a time cannot know.
    Gap = 2,
    /// No mid is in force at t (smoothed: throughout the stretch up to t).
    NoQuoteBefore = 3,
    /// No mid is in force at t + H (smoothed: throughout the stretch up to t + H).
    NoQuoteAfter = 4,
}

/// The label of one horizon at some rows, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForwardReturns {
    /// r = 10⁴·ln(m_{t+H}/m_t), bps; NaN is null.
    pub r_bps: Vec<f64>,
    /// End of the interval that the label looks at, t + H, ns.
    pub t1: Vec<i64>,
    /// 0, or a `NullCause`.
    pub null_cause: Vec<u8>,
}

/// What the labeller says of some rows, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// Start of the interval that a label looks at, ns: the row's t.
    pub t0: Vec<i64>,
    /// 10⁴·(ask − bid)/mid in force at t; NaN where a side is empty or they cross.
    pub spread_bps: Vec<f64>,
    /// By horizon.
    pub returns: Vec<ForwardReturns>,
}

/// Best bid and best ask, ticks.
#[derive(Clone, Copy, Debug)]
struct Quote {
    bid: i32,
    ask: i32,
}

impl Quote {
    fn of(book: &Book) -> Option<Self> {
        Some(Self { bid: book.bid()?, ask: book.ask()? })
    }

    /// Twice the mid, crossed or not.
    fn mid2(self) -> i64 {
        i64::from(self.bid) + i64::from(self.ask)
    }
}

/// Quotes at closed timestamps and the places where the stream breaks.
#[derive(Debug, Default)]
struct QuotePath {
    since: Vec<i64>,
    /// What is quoted from `since` on; none: unknown or one-sided.
    quotes: Vec<Option<Quote>>,
    resets: Vec<i64>,
    /// Silences of more than `max_gap` between market events.
    silences: Vec<(i64, i64)>,
    last_market: Option<i64>,
    book: Book,
    /// The timestamp of the book that is not closed yet.
    open: Option<i64>,
}

impl QuotePath {
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
                self.book.apply_each(t, kind, levels.iter(), max_gap)?;
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
            let quote = self.book.is_known(since, max_gap).then(|| Quote::of(&self.book)).flatten();
            self.since.push(since);
            self.quotes.push(quote);
        }
    }

    /// The last look that is not after `t`.
    fn look(&self, t: i64) -> Option<usize> {
        self.since.partition_point(|since| *since <= t).checked_sub(1)
    }

    /// The quote in force at `t`; one is carried on for `max_gap`.
    fn at(&self, t: i64, max_gap: i64) -> Option<Quote> {
        let look = self.look(t)?;
        if t - self.since[look] > max_gap { None } else { self.quotes[look] }
    }

    /// What breaks a label over `[from, t1]`.
    fn broken(&self, from: i64, t1: i64) -> Option<NullCause> {
        let reset = self.resets.partition_point(|t| *t <= from);
        if self.resets.get(reset).is_some_and(|t| *t <= t1) {
            return Some(NullCause::Reset);
        }
        let silence = self.silences.partition_point(|(_, end)| *end <= from);
        let silent = self.silences.get(silence).is_some_and(|(start, _)| *start < t1);
        (silent || self.last_market.is_none_or(|last| last < t1)).then_some(NullCause::Gap)
    }
}

/// ∫ 2·mid dt and the time without a mid, from the first look on.
struct Areas {
    /// At each look, ticks·ns.
    area: Vec<i128>,
    /// At each look, ns.
    unknown: Vec<i64>,
}

impl Areas {
    fn of(path: &QuotePath, max_gap: i64) -> Self {
        let mut areas = Self { area: vec![0], unknown: vec![0] };
        for look in 1..path.since.len() {
            let (area, unknown) = areas.until(path, look - 1, path.since[look], max_gap);
            areas.area.push(area);
            areas.unknown.push(unknown);
        }
        areas
    }

    /// At `t`, where `look` is in force.
    fn until(&self, path: &QuotePath, look: usize, t: i64, max_gap: i64) -> (i128, i64) {
        let passed = t - path.since[look];
        let (area, unknown) = (self.area[look], self.unknown[look]);
        match path.quotes[look] {
            Some(quote) => {
                let known = passed.min(max_gap);
                (area + i128::from(quote.mid2()) * i128::from(known), unknown + passed - known)
            }
            None => (area, unknown + passed),
        }
    }

    /// ∫ 2·mid dt over `[from, to]`, if there is a mid throughout.
    fn between(&self, path: &QuotePath, from: i64, to: i64, max_gap: i64) -> Option<i128> {
        let (before, unknown_before) = self.until(path, path.look(from)?, from, max_gap);
        let (after, unknown_after) = self.until(path, path.look(to)?, to, max_gap);
        (unknown_after == unknown_before).then_some(after - before)
    }
}

/// Forward returns from tables that come in parts.
#[derive(Debug)]
pub struct Labeller {
    max_gap: i64,
    path: QuotePath,
}

impl Labeller {
    /// A labeller that has seen nothing.
    pub fn new(spec: &Spec) -> Result<Self, String> {
        spec.check()?;
        Ok(Self { max_gap: spec.max_gap_ns, path: QuotePath::default() })
    }

    /// Takes a part. All its events come after those of the part before, and no timestamp lies in two parts.
    pub fn feed(&mut self, tables: &Tables<'_>) -> Result<(), String> {
        merge(tables, |event| self.path.take(event, self.max_gap).map(|()| true))
    }

    /// The labels of rows at `times`: every horizon from the one pass over the events.
    pub fn finish(mut self, times: &[i64], wanted: &LabelSpec) -> Result<Labels, String> {
        wanted.check()?;
        self.path.close(i64::MAX, self.max_gap);
        let (path, max_gap) = (&self.path, self.max_gap);
        let spread = |t| path.at(t, max_gap).and_then(|quote| spread_bps(quote.bid, quote.ask));
        let returns = match wanted.smooth_ns {
            0 => {
                let mid = |t| path.at(t, max_gap).map(|quote| quote.mid2() as f64);
                wanted.horizons_ns.iter().map(|&horizon| returns(path, times, horizon, 0, mid)).collect()
            }
            smooth => {
                let areas = Areas::of(path, max_gap);
                let mean = |t| areas.between(path, t - smooth, t, max_gap).map(|area| area as f64);
                wanted
                    .horizons_ns
                    .iter()
                    .map(|&horizon| returns(path, times, horizon, smooth, mean))
                    .collect()
            }
        };
        Ok(Labels {
            t0: times.to_vec(),
            spread_bps: times.iter().map(|&t| spread(t).unwrap_or(f64::NAN)).collect(),
            returns,
        })
    }
}

/// The returns over `horizon`, where `mid` is what stands for the mid at a time, up to a factor that they share.
fn returns(
    path: &QuotePath,
    times: &[i64],
    horizon: i64,
    smooth: i64,
    mid: impl Fn(i64) -> Option<f64>,
) -> ForwardReturns {
    let mut found = ForwardReturns::default();
    for &t0 in times {
        let t1 = t0 + horizon;
        let r = match path.broken(t0 - smooth, t1) {
            Some(cause) => Err(cause),
            None => mid(t0).ok_or(NullCause::NoQuoteBefore).and_then(|before| {
                let after = mid(t1).ok_or(NullCause::NoQuoteAfter)?;
                Ok(1e4 * libm::log(after / before))
            }),
        };
        found.r_bps.push(r.unwrap_or(f64::NAN));
        found.t1.push(t1);
        found.null_cause.push(r.map_or_else(|cause| cause as u8, |_| 0));
    }
    found
}

/// The labels of rows at `times`. The tables must hold the quotes in force at the first row (smoothed: a stretch before it)
/// and all events up to the last row's t + H; whatever is missing is null.
pub fn label_rows(
    spec: &Spec,
    tables: &Tables<'_>,
    times: &[i64],
    wanted: &LabelSpec,
) -> Result<Labels, String> {
    let mut labeller = Labeller::new(spec)?;
    labeller.feed(tables)?;
    labeller.finish(times, wanted)
}
