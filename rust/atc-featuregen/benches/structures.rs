//! Each structure of the engine by itself, under the load that a busy day puts on it.

use atc_featuregen::book::{Book, imbalance};
use atc_featuregen::event::{Level, MsgKind};
use atc_featuregen::moments::RowMoments;
use atc_featuregen::order_stats::OrderStats;
use atc_featuregen::quotes::{QuotePath, RealisedVolatility};
use atc_featuregen::rows::RowBuffer;
use atc_featuregen::spec::SECOND;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;

/// xorshift: numbers without a dependency.
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Sizes of trades, lots: many small ones, few large.
fn size(next: &mut impl FnMut() -> u64) -> i64 {
    (1 << (next() % 12)) + (next() % 64) as i64
}

fn order_statistics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order statistics");
    for window in [100_usize, 1_000, 10_000, 100_000] {
        let mut next = numbers(7);
        let mut stats = OrderStats::default();
        let mut sizes: Vec<i64> = (0..window).map(|_| size(&mut next)).collect();
        sizes.iter().for_each(|x| stats.insert(*x));
        let mut oldest = 0;
        group.bench_function(BenchmarkId::new("one in, one out, robust score", window), |bencher| {
            bencher.iter(|| {
                let x = size(&mut next);
                stats.remove(std::mem::replace(&mut sizes[oldest], x));
                stats.insert(x);
                oldest = (oldest + 1) % window;
                black_box(stats.robust(x, 20))
            });
        });
    }
    group.finish();
}

fn moments(criterion: &mut Criterion) {
    let mut next = numbers(7);
    let mut moments: RowMoments<[i64; 7]> = RowMoments::new(7, 300 * SECOND);
    let mut t = 0;
    criterion.bench_function("moments: a row of 7 inputs, its z-scores", |bencher| {
        bencher.iter(|| {
            t += SECOND / 2;
            let row = std::array::from_fn(|_| (next() >> 24) as i64 - (1 << 39));
            moments.push(t, row).unwrap();
            moments.z_scores::<7>(20)
        });
    });
}

fn quote_path(criterion: &mut Criterion) {
    let mut next = numbers(7);
    let mut path = QuotePath::new(&[SECOND, 5 * SECOND, 30 * SECOND], 60 * SECOND);
    let mut volatility = RealisedVolatility::new(&[5 * SECOND, 30 * SECOND]);
    let mut t = 0;
    criterion.bench_function("quotes: one in, three looked up, two volatilities", |bencher| {
        bencher.iter(|| {
            t += SECOND / 10;
            path.push(t, Some((next() >> 44) as i64));
            volatility.push(t, (next() >> 44) as i64);
            path.advance(t);
            volatility.advance(t);
            let looked: i64 = (0..3).filter_map(|lag| path.back(lag, t).copied().flatten()).sum();
            black_box((looked, volatility.value(0), volatility.value(1)))
        });
    });
}

fn book(criterion: &mut Criterion) {
    let mut next = numbers(7);
    let snapshot: Vec<Level> = (0..30)
        .flat_map(|i| [Level { side: 1, px: 10_000 - i, qty: 5 }, Level { side: -1, px: 10_001 + i, qty: 5 }])
        .collect();
    let mut book = Book::default();
    criterion.bench_function("book: a snapshot of 30 levels a side", |bencher| {
        bencher.iter(|| book.apply(0, MsgKind::Snap, black_box(&snapshot), 1).unwrap());
    });
    criterion.bench_function("book: 4 changed levels, three imbalances", |bencher| {
        bencher.iter(|| {
            let changed: [Level; 4] = std::array::from_fn(|_| {
                let (side, behind, qty) = (next() & 1, (next() % 30) as i32, (next() % 3) as i64);
                let px = if side == 0 { 10_000 - behind } else { 10_001 + behind };
                Level { side: if side == 0 { 1 } else { -1 }, px, qty }
            });
            book.apply(0, MsgKind::Delta, &changed, 1).unwrap();
            black_box([(1, 1), (1, 5), (5, 30)].map(|(from, to)| imbalance(book.depths(from, to))))
        });
    });
}

fn rows(criterion: &mut Criterion) {
    let values: Vec<f64> = (0..62).map(f64::from).collect();
    let mut buffer = RowBuffer::new(values.len());
    criterion.bench_function("rows: one of 62 columns", |bencher| {
        bencher.iter(|| {
            buffer.push(1, 1, 1, black_box(&values));
            if buffer.len() == 100_000 {
                black_box(buffer.take());
            }
        });
    });
}

criterion_group!(benches, order_statistics, moments, quote_path, book, rows);
criterion_main!(benches);
