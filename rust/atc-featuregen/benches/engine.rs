//! The whole engine on a simulated day: rows of a batch, and single pushes.

use atc_featuregen::batch::{
    BookTable, Common, ControlTable, Nullable, Tables, TickerTable, TradeTable, build_rows, merge,
};
use atc_featuregen::engine::Engine;
use atc_featuregen::spec::{BigTrade, SECOND, Sampling, Spec};
use atc_sim::{Day, Params, Simulator};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn spec(sampling: Sampling, schemas: &[&str]) -> Spec {
    Spec {
        tick: 1.0,
        lot: 0.01,
        day_cut_utc_s: 75_600,
        tz_offset_s: 32_400,
        recorded_depth: Some(30),
        schemas: schemas.iter().map(|s| (*s).to_owned()).collect(),
        sampling,
        group_ns: 5_000_000,
        max_gap_ns: 60 * SECOND,
        min_values: 20,
        big_trade: BigTrade { window_s: 1_800, quantile_pct: 95, fresh_s: 30 },
        deep_levels: [5, 30],
        no_new_entry_s: 900,
        maintenance: Vec::new(),
    }
}

fn all<T>(values: &[T]) -> Nullable<'_, T> {
    Nullable { values, valid: None }
}

/// A ticker field that may be missing, as Arrow has it.
struct Field {
    values: Vec<i32>,
    valid: Vec<u8>,
}

impl Field {
    fn of(field: &[Option<i32>]) -> Self {
        let mut valid = vec![0; field.len().div_ceil(8)];
        for (row, _) in field.iter().enumerate().filter(|(_, x)| x.is_some()) {
            valid[row / 8] |= 1 << (row % 8);
        }
        Self { values: field.iter().map(|x| x.unwrap_or(0)).collect(), valid }
    }

    fn nullable(&self) -> Nullable<'_, i32> {
        Nullable { values: &self.values, valid: Some((&self.valid, 0)) }
    }
}

/// Calls `action` with the tables of a simulated day and their number of events.
fn with_day(action: impl FnOnce(&Tables<'_>, u64)) {
    let mut simulator = Simulator::new(Params::default(), 1).expect("the default market");
    let Day { book, trade, ticker, .. } = simulator.next_day();
    let [last, high, low] = [&ticker.last, &ticker.high, &ticker.low].map(|field| Field::of(field));
    macro_rules! common {
        ($of:expr) => {
            Common {
                ev_seq: &$of.ev_seq,
                ts_recv: &$of.ts_recv,
                ts_exch: all(&$of.ts_exch),
                flags: &$of.flags,
            }
        };
    }
    let none = Common { ev_seq: &[], ts_recv: &[], ts_exch: all(&[]), flags: &[] };
    let tables = Tables {
        book: BookTable {
            common: common!(book),
            msg_kind: &book.msg_kind,
            side: &book.side,
            px: &book.px_ticks,
            qty: &book.qty_lots,
        },
        trade: TradeTable {
            common: common!(trade),
            px: &trade.px_ticks,
            qty: &trade.qty_lots,
            side: &trade.side,
        },
        ticker: TickerTable {
            common: common!(ticker),
            bid: all(&ticker.bid),
            ask: all(&ticker.ask),
            last: last.nullable(),
            high: high.nullable(),
            low: low.nullable(),
            vol: all(&ticker.vol),
        },
        control: ControlTable { common: none, control_kind: &[] },
    };
    let mut events = 0;
    merge(&tables, |_| {
        events += 1;
        Ok(true)
    })
    .expect("canonical events");
    action(&tables, events);
}

const ALL: [&str; 7] = ["core", "ticker", "ofi", "microprice", "kyle", "hawkes", "bipower"];

fn days(criterion: &mut Criterion) {
    with_day(|tables, events| {
        let mut group = criterion.benchmark_group("day");
        group.sample_size(10).throughput(Throughput::Elements(events));
        group.bench_function("merge alone", |bencher| {
            bencher.iter(|| {
                merge(tables, |event| {
                    black_box(event);
                    Ok(true)
                })
            });
        });
        let mut run = |name: &str, sampling, schemas: &[&str]| {
            group.bench_function(name, |bencher| {
                bencher.iter(|| build_rows(spec(sampling, schemas), tables, i64::MIN, i64::MAX).unwrap());
            });
        };
        run("62 columns, a row a trade", Sampling::Trade, &["core", "ticker"]);
        run("62 columns, a row a second", Sampling::Clock1s, &["core", "ticker"]);
        run("38 columns, a row a book message", Sampling::Book, &["core"]);
        run("all columns, a row a book message", Sampling::Book, &ALL);
        for schema in ALL {
            run(&format!("{schema} alone, a row a book message"), Sampling::Book, &[schema]);
        }
        group.finish();
    });
}

fn pushes(criterion: &mut Criterion) {
    with_day(|tables, events| {
        let mut group = criterion.benchmark_group("push");
        group.sample_size(10).throughput(Throughput::Elements(events));
        group.bench_function("62 columns, a row a trade, rows taken at once", |bencher| {
            bencher.iter(|| {
                let mut engine = Engine::new(spec(Sampling::Trade, &["core", "ticker"])).unwrap();
                merge(tables, |event| {
                    engine.push(event)?;
                    if engine.finished() > 0 {
                        black_box(engine.take_rows());
                    }
                    Ok(true)
                })
            });
        });
        group.finish();
    });
}

criterion_group!(benches, days, pushes);
criterion_main!(benches);
