//! One pass over a business day: the kinds merged by (`ts_recv`, `ev_seq`), each measure shown what it looks at.

use crate::book::{BookFigures, BookMessage, BookReplay, is_inserted};
use crate::clock::{Clock, Offset};
use crate::code;
use crate::params::Params;
use crate::places::Places;
use crate::prints::{PrintFigures, Prints};
use crate::quotes::{QuoteFigures, Quotes};
use crate::silence::{Silence, Silent};
use crate::tables::{Common, DayTables};
use serde::Serialize;

/// The figures of one day; counts are of messages unless said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// The book.
    pub book: BookFigures,
    /// Trades.
    pub prints: PrintFigures,
    /// Tickers.
    pub quotes: QuoteFigures,
    /// Control messages.
    pub controls: u64,
    /// Breaks of the update chain (GAP_START).
    pub gaps: u64,
    /// Time of the day between a GAP_START and its GAP_END, ns.
    pub gap_ns: i64,
    /// Resets.
    pub resets: u64,
    /// Market messages received in the past of the one before (BAD_TS), by the source's own clock.
    pub time_regressions: u64,
    /// Market messages with an exchange time before that of an earlier message of their kind.
    pub exch_regressions: u64,
    /// Market messages whose receive time is made from the venue's (SYNTH_RECV).
    pub synth_recv: u64,
    /// Stretches without any market event.
    pub silent: Silent,
    /// Stretches without a book message.
    pub book_silent: Silent,
    /// Receive minus exchange time.
    pub offset: Offset,
    /// Open time of the business day, ns.
    pub open_ns: i64,
}

const KINDS: [&str; 4] = ["book", "trade", "ticker", "control"];

struct Measuring<'p> {
    params: &'p Params,
    figures: Figures,
    places: Places,
    silence: Silence,
    book_silence: Silence,
    clock: Clock,
    latest_exch: [Option<i64>; 3],
    gap_since: Option<i64>,
    /// The control before was a GAP_START, of this time, within a gap.
    told_within: Option<i64>,
}

impl Measuring<'_> {
    /// What every market message of the feed tells, whatever its kind.
    fn message(&mut self, which: usize, row: usize, common: &Common<'_>) {
        let (ts, flags, exch) = (common.ts_recv[row], common.flags[row], common.ts_exch.get(row));
        self.silence.event(ts, self.params, &mut self.places);
        if which == 0 {
            self.book_silence.event(ts, self.params, &mut self.places);
        }
        let kind = KINDS[which];
        if flags & code::BAD_TS != 0 {
            self.figures.time_regressions += 1;
            let expected = "a receive time not before that of the message before";
            self.places.add("time_regressions", kind, Some(row), ts, expected, || {
                "BAD_TS: the source's clock ran backwards; ts_recv is the running maximum".into()
            });
        }
        self.figures.synth_recv += u64::from(flags & code::SYNTH_RECV != 0);
        let Some(exch) = exch else { return };
        let latest = &mut self.latest_exch[which];
        if let Some(before) = latest.filter(|before| exch < *before) {
            self.figures.exch_regressions += 1;
            let expected = "an exchange time not before that of the kind's messages before";
            self.places.add("exch_regressions", kind, Some(row), ts, expected, || {
                format!("ts_exch {:.3} ms before {before}", (before - exch) as f64 / 1e6)
            });
        }
        *latest = Some(latest.map_or(exch, |before| before.max(exch)));
        if flags & (code::SYNTH_RECV | code::BAD_TS) == 0 {
            self.clock.message(ts, exch);
        }
    }

    /// Missing trades are a gap that ends where it begins; within one of the book they end nothing.
    fn gap_control(&mut self, kind: u8, ts: i64) {
        let told_within = self.told_within.take();
        match kind {
            code::GAP_START => {
                self.told_within = self.gap_since.map(|_| ts);
                self.gap_since = self.gap_since.or(Some(ts));
            }
            code::GAP_END if told_within != Some(ts) => self.end_gap(ts),
            _ => {}
        }
    }

    fn end_gap(&mut self, ts: i64) {
        if let Some(since) = self.gap_since.take() {
            self.figures.gap_ns += ts - since;
        }
    }
}

/// Measures one business day.
pub fn measure(tables: &DayTables<'_>, params: &Params) -> (Figures, Places) {
    let DayTables { book, trade, ticker, control } = tables;
    let commons = [&book.common, &trade.common, &ticker.common, &control.common];
    let mut at = [0usize; 4];
    let mut replay = BookReplay::default();
    let (mut prints, mut quotes) = (Prints::default(), Quotes::default());
    let mut day = Measuring {
        params,
        figures: Figures::default(),
        places: Places::new(params.places),
        silence: Silence::new("silences", params.before_ns),
        book_silence: Silence::new("book_silences", params.book_before_ns),
        clock: Clock::default(),
        latest_exch: [None; 3],
        gap_since: params.in_gap.then_some(params.begin_ns),
        told_within: None,
    };
    let mut last = params.begin_ns;
    while let Some(((ts, seq), which)) =
        (0..4).filter_map(|kind| commons[kind].key(at[kind]).map(|key| (key, kind))).min()
    {
        last = last.max(ts);
        let row = at[which];
        at[which] += 1;
        match which {
            0 => {
                while commons[0].key(at[0]) == Some((ts, seq)) {
                    at[0] += 1;
                }
                let rows = row..at[0];
                let flags = book.common.flags[at[0] - 1];
                if !is_inserted(flags) {
                    day.message(0, at[0] - 1, &book.common);
                }
                let message = BookMessage {
                    row,
                    ts_recv: ts,
                    flags,
                    msg_kind: book.msg_kind[row],
                    side: &book.side[rows.clone()],
                    px: &book.px[rows.clone()],
                    qty: &book.qty[rows],
                };
                replay.message(&message, params, &mut day.places);
            }
            1 => {
                day.message(1, row, &trade.common);
                let mid2 = replay.mid2(ts, params).or(quotes.mid2(ts, params));
                prints.print(trade, row, mid2, params, &mut day.places);
            }
            2 => {
                day.message(2, row, &ticker.common);
                quotes.quote(ticker, row, replay.mid2(ts, params), params, &mut day.places);
            }
            _ => {
                day.figures.controls += 1;
                day.gap_control(control.control_kind[row], ts);
                match control.control_kind[row] {
                    code::GAP_START => {
                        day.figures.gaps += 1;
                        day.places.add(
                            "gaps",
                            "control",
                            Some(row),
                            ts,
                            "an unbroken chain of updates",
                            || "GAP_START".into(),
                        );
                    }
                    code::RESET => {
                        day.figures.resets += 1;
                        replay.reset(ts, params);
                    }
                    _ => {}
                }
            }
        }
    }
    // Where the recording goes on, a gap that is open lasts through the day.
    day.end_gap(if params.after_ns.is_some() { params.end_ns } else { last });
    replay.finish(last, params);
    let Measuring { mut figures, mut places, silence, book_silence, clock, .. } = day;
    figures.book = replay.figures;
    figures.prints = prints.figures;
    figures.quotes = quotes.figures;
    figures.silent = silence.finish(params.after_ns, params, &mut places);
    figures.book_silent = book_silence.finish(params.book_after_ns, params, &mut places);
    figures.offset = clock.finish(params, &mut places);
    figures.open_ns = params.open_ns(params.begin_ns, params.end_ns);
    (figures, places)
}
