//! What the venue publishes.

use super::*;
use crate::{
    book::Level,
    day::{GAP_END, GAP_START, RESET, SNAP, STATUS},
    params::{Maintenance, MarketKind},
};
use std::collections::BTreeMap;

fn simulator(market: MarketKind, seed: u64) -> Simulator {
    let params = Params { market, ..Params::default() };
    Simulator::new(params, seed).unwrap()
}

#[test]
fn a_seed_gives_the_same_days_and_another_seed_others() {
    for market in [MarketKind::OrderDriven, MarketKind::Martingale] {
        let (mut a, mut b, mut c) = (simulator(market, 1), simulator(market, 1), simulator(market, 2));
        let (first, second) = (a.next_day(), a.next_day());
        assert_eq!(first, b.next_day());
        assert_eq!(second, b.next_day());
        assert_ne!(first, c.next_day());
    }
}

/// Replays a day and gives the book of every message: (ts_recv, bids, asks).
fn replay(day: &Day) -> Vec<(i64, Vec<Level>, Vec<Level>)> {
    let book = &day.book;
    let mut sides = [BTreeMap::new(), BTreeMap::new()];
    let mut books = Vec::new();
    let mut fresh = true;
    for i in 0..book.ev_seq.len() {
        if book.msg_kind[i] == SNAP && fresh {
            sides = [BTreeMap::new(), BTreeMap::new()];
        }
        fresh = book.flags[i] & LAST != 0;
        if book.side[i] != 0 {
            let side = &mut sides[usize::from(book.side[i] < 0)];
            if book.qty_lots[i] == 0 {
                assert!(side.remove(&book.px_ticks[i]).is_some(), "deletes what is there");
            } else {
                side.insert(book.px_ticks[i], book.qty_lots[i]);
            }
        }
        if fresh {
            let level = |(px, qty): (&i32, &i64)| Level { px: *px, qty: *qty };
            books.push((
                book.ts_recv[i],
                sides[0].iter().rev().map(level).collect(),
                sides[1].iter().map(level).collect(),
            ));
        }
    }
    books
}

#[test]
fn differences_replay_to_the_published_snapshots() {
    for market in [MarketKind::OrderDriven, MarketKind::Martingale] {
        let mut simulator = simulator(market, 3);
        simulator.next_day();
        let day = simulator.next_day();
        let books = replay(&day);
        for (_, bids, asks) in &books {
            assert!(bids[0].px < asks[0].px);
            assert!(bids.len() <= 30 && asks.len() <= 30);
        }
        let whole = books.iter().filter(|(_, bids, asks)| bids.len() + asks.len() == 60).count();
        assert!(whole * 10 > books.len() * 8, "{whole} of {} show 30 levels a side", books.len());
        let (_, bids, asks) = books.last().unwrap();
        if simulator.following.book.ts_recv.is_empty() {
            assert_eq!([bids.clone(), asks.clone()], simulator.window.published);
        }
    }
}

#[test]
fn keyframes_come_at_the_start_and_every_minute() {
    let day = simulator(MarketKind::OrderDriven, 3).next_day();
    let book = &day.book;
    assert_eq!(book.msg_kind[0], SNAP);
    let mut last = book.ts_recv[0];
    for i in 1..book.ev_seq.len() {
        if book.ev_seq[i] == book.ev_seq[i - 1] {
            continue;
        }
        assert_eq!(book.msg_kind[i] == SNAP, book.ts_recv[i] - last >= MINUTE);
        if book.msg_kind[i] == SNAP {
            last = book.ts_recv[i];
        }
    }
}

#[test]
fn time_runs_forward_numbers_count_messages_and_days_join() {
    let mut simulator = simulator(MarketKind::OrderDriven, 4);
    let mut next = 1;
    for _ in 0..2 {
        let day = simulator.next_day();
        let mut messages: Vec<(u64, i64, i64)> = Vec::new();
        for (seq, recv, exch) in [
            (&day.book.ev_seq, &day.book.ts_recv, &day.book.ts_exch),
            (&day.trade.ev_seq, &day.trade.ts_recv, &day.trade.ts_exch),
            (&day.ticker.ev_seq, &day.ticker.ts_recv, &day.ticker.ts_exch),
        ] {
            for i in 0..seq.len() {
                messages.push((seq[i], recv[i], exch[i]));
            }
        }
        messages.sort_unstable();
        messages.dedup();
        for (seq, recv, exch) in &messages {
            assert_eq!(*seq, next);
            next += 1;
            assert!(recv > exch && exch % MILLISECOND == 0);
            assert!((day.start_ns..day.start_ns + DAY).contains(recv));
        }
        assert!(messages.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }
}

#[test]
fn every_execution_is_printed_twice() {
    let trade = simulator(MarketKind::OrderDriven, 5).next_day().trade;
    assert_eq!(trade.ev_seq.len() % 2, 0);
    for i in (0..trade.ev_seq.len()).step_by(2) {
        assert_eq!(trade.flags[i], LAST);
        assert_eq!(trade.flags[i + 1], LAST | DUP_OTHER_SIDE);
        assert_eq!(trade.side[i], -trade.side[i + 1]);
        assert_eq!(
            (trade.px_ticks[i], trade.qty_lots[i], trade.ts_exch[i]),
            (trade.px_ticks[i + 1], trade.qty_lots[i + 1], trade.ts_exch[i + 1])
        );
    }
}

#[test]
fn the_ticker_has_the_range_and_volume_of_24_hours() {
    let mut simulator = simulator(MarketKind::OrderDriven, 7);
    let (first, second) = (simulator.next_day(), simulator.next_day());
    let ticker = &second.ticker;
    let at = ticker.ts_recv.len() / 2;
    let now = ticker.ts_exch[at];
    let from = (now.div_euclid(MINUTE) - 1_440 + 1) * MINUTE;
    let (mut low, mut high, mut vol) = (i32::MAX, 0, 0);
    for trade in [&first.trade, &second.trade] {
        for i in 0..trade.ev_seq.len() {
            if trade.flags[i] & DUP_OTHER_SIDE == 0 && (from..now).contains(&trade.ts_exch[i]) {
                low = low.min(trade.px_ticks[i]);
                high = high.max(trade.px_ticks[i]);
                vol += trade.qty_lots[i];
            }
        }
    }
    assert_eq!((ticker.low[at], ticker.high[at], ticker.vol[at]), (Some(low), Some(high), vol));
}

fn dirty(seed: u64) -> Simulator {
    let params = Params {
        disconnects_per_day: 12.0,
        stalls_per_day: 8.0,
        duplicate_prints_per_day: 40.0,
        crossed_snapshots_per_day: 30.0,
        clock_regressions_per_day: 20.0,
        venue_regressions_per_day: 10.0,
        ..Params::default()
    };
    Simulator::new(params, seed).unwrap()
}

#[test]
fn injected_faults_are_counted_as_they_are_found() {
    let mut simulator = dirty(3);
    for _ in 0..3 {
        let day = simulator.next_day();
        let kinds = |kind: u8| day.control.control_kind.iter().filter(|k| **k == kind).count() as u64;
        assert!(day.injected.disconnects > 2);
        assert_eq!(kinds(GAP_START), day.injected.disconnects);
        assert_eq!(kinds(RESET), day.injected.disconnects);
        assert_eq!(kinds(GAP_END), day.injected.disconnects);
        let flagged = |flag: u16| {
            day.book.flags.iter().filter(|flags| **flags & flag != 0 && **flags & LAST != 0).count() as u64
        };
        assert_eq!(flagged(MAYBE_BAD_BOOK), day.injected.crossed_snapshots);
        assert_eq!(flagged(BAD_TS), day.injected.clock_regressions);
        let exch = &day.ticker.ts_exch;
        let back = exch.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        assert_eq!(back, day.injected.venue_regressions);
        let mut prints = std::collections::BTreeSet::new();
        let mut again = 0;
        for i in 0..day.trade.ev_seq.len() {
            let key = (day.trade.ts_exch[i], day.trade.px_ticks[i], day.trade.side[i]);
            again += u64::from(!prints.insert(key));
        }
        assert_eq!(again, 2 * day.injected.duplicate_prints);
        // Silence in all kinds at once; a lost connection's is between its controls.
        let mut times: Vec<(i64, bool)> = [&day.book.ts_recv, &day.trade.ts_recv, &day.ticker.ts_recv]
            .into_iter()
            .flatten()
            .map(|ts| (*ts, false))
            .chain(day.control.ts_recv.iter().map(|ts| (*ts, true)))
            .collect();
        times.sort_unstable();
        let silent = times.windows(2).filter(|pair| !pair[1].1 && pair[1].0 - pair[0].0 > MINUTE).count();
        assert_eq!(silent as u64, day.injected.stalls);
    }
}

#[test]
fn after_a_lost_connection_the_first_message_is_a_whole_book() {
    let mut simulator = dirty(4);
    let day = simulator.next_day();
    let control = &day.control;
    for i in (0..control.ev_seq.len()).filter(|i| control.control_kind[*i] == GAP_END) {
        let next = control.ev_seq[i] + 1;
        let at = day.book.ev_seq.iter().position(|seq| *seq == next).expect("a book message comes next");
        assert_eq!(day.book.msg_kind[at], SNAP);
        assert_eq!((control.control_kind[i - 2], control.control_kind[i - 1]), (GAP_START, RESET));
        let (from, to) = (control.ts_recv[i - 1], control.ts_recv[i]);
        for times in [&day.book.ts_recv, &day.trade.ts_recv, &day.ticker.ts_recv] {
            assert!(!times.iter().any(|ts| from < *ts && *ts <= to));
        }
    }
}

#[test]
fn faults_take_from_the_feed_and_never_change_the_market() {
    let (mut clean, mut spoilt) = (simulator(MarketKind::OrderDriven, 5), dirty(5));
    let (clean, spoilt) = (clean.next_day(), spoilt.next_day());
    let prints = |day: &Day| -> std::collections::BTreeSet<(i64, i32, i8)> {
        let trade = &day.trade;
        (0..trade.ev_seq.len()).map(|i| (trade.ts_exch[i], trade.px_ticks[i], trade.side[i])).collect()
    };
    let (all, some) = (prints(&clean), prints(&spoilt));
    assert!(some.is_subset(&all) && some.len() * 10 > all.len() * 9);
    assert_eq!(clean.truth, spoilt.truth);
    assert_eq!(clean.injected, Default::default());
}

#[test]
fn maintenance_is_silent_and_its_status_is_told() {
    let start_ns = Params::default().start_ns;
    let hour = 60 * MINUTE;
    let one = Maintenance {
        start_ns: start_ns + 3 * hour,
        end_ns: start_ns + 5 * hour,
        open_ns: start_ns + 5 * hour + 10 * MINUTE,
    };
    for market in [MarketKind::OrderDriven, MarketKind::Martingale] {
        let params = Params { market, maintenance: vec![one], ..Params::default() };
        let day = Simulator::new(params, 6).unwrap().next_day();
        assert_eq!(day.control.control_kind, [STATUS; 3]);
        assert_eq!(day.control.detail, ["MAINTENANCE", "PREOPEN", "OPEN"]);
        let told = [one.start_ns, one.end_ns, one.open_ns].map(Some);
        assert_eq!(day.control.ts_exch, told);
        let within = |times: &[i64], from: i64, to: i64| times.iter().any(|ts| (from..to).contains(ts));
        for times in [&day.book.ts_exch, &day.trade.ts_exch, &day.ticker.ts_exch] {
            assert!(!within(times, one.start_ns + 1, one.end_ns));
        }
        assert!(within(&day.book.ts_exch, one.end_ns, one.open_ns));
        assert!(!within(&day.trade.ts_exch, one.end_ns, one.open_ns));
        assert!(within(&day.trade.ts_exch, one.open_ns, one.open_ns + 10 * MINUTE));
        let back = day.book.ts_exch.iter().position(|ts| *ts >= one.end_ns).unwrap();
        assert_eq!(day.book.msg_kind[back], SNAP);
    }
}

#[test]
fn the_market_behind_the_venue_is_the_source_alone() {
    let params = Params::default();
    let mut alone = Source::new(&params, 8, params.start_ns - DAY);
    let mut simulator = Simulator::new(params, 8).unwrap();
    simulator.next_day();
    let behind = simulator.source();
    alone.run_until(behind.now());
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(alone.side(side), behind.side(side));
    }
    assert_eq!(alone.mid(), behind.mid());
}
