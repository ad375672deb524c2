//! Books by hand: which levels an order gets, and when.

mod tape;

use atc_backtest::Met;
use serde_json::json;
use tape::{MS, Quote, SECOND, Session, Tape, fills, outcomes};

const BIDS: [Quote; 2] = [(400_000, 600), (399_990, 5_000)];
const ASKS: [Quote; 3] = [(400_100, 100), (400_101, 100), (400_102, 800)];

/// A book from the start, said again every half second.
fn tape(bids: &[Quote], asks: &[Quote], end: i64) -> Tape {
    let mut tape = Tape::default();
    tape.snap(0, bids, asks).quiet(500 * MS, end, 500 * MS);
    tape
}

fn session(targets: &[i64]) -> Session {
    // A decision every 300 s from 10 s on.
    let ts: Vec<i64> = (0..targets.len() as i64).map(|k| (10 + 300 * k) * SECOND).collect();
    let end = (20 + 300 * targets.len() as i64) * SECOND;
    Session::new(end, &ts, &[("policy", targets)])
}

fn end_of(session: &Session) -> i64 {
    session.spec["end_ns"].as_i64().unwrap()
}

fn run(session: &Session, bids: &[Quote], asks: &[Quote]) -> atc_backtest::StrategyResult {
    session.last(&tape(bids, asks, end_of(session)))
}

#[test]
fn ten_eth_over_three_levels() {
    let result = run(&session(&[1_000]), &BIDS, &ASKS);
    assert_eq!(fills(&result, 0), ASKS);
    let order = &result.orders[0];
    // 400101.7 ticks on average.
    assert_eq!(order.cash_flow, -4_001_017 * 100);
    assert_eq!((order.filled, order.position_after, order.fees), (1_000, 1_000, 0));
    assert_eq!((order.sent.seen.bid, order.sent.seen.ask), (Some(400_000), Some(400_100)));
    assert_eq!((order.expected_px(), order.sent.seen.book_age_ns), (Some(400_100), Some(0)));
    assert_eq!((order.ts_arrival(), order.ts_exec()), (Some(10_300 * MS), Some(10_500 * MS)));
    let met = Met { ts: 10_500 * MS, bid: Some(BIDS[0]), ask: Some(ASKS[0]), book_age_ns: Some(0) };
    assert_eq!(order.met, Some(met));
    // Marked at the best bid.
    assert_eq!(order.equity_after, 1_000 * 400_000 - 400_101_700);
    assert_eq!(result.totals.last.price_half, 0);
    assert_eq!(result.totals.last.spread_impact_half, 2 * order.equity_after);
}

#[test]
fn a_part_is_filled_and_the_rest_cancelled() {
    let result = run(&session(&[1_000, 1_000, 1_000]), &BIDS, &ASKS[..2]);
    // Each order finds the whole book again: frames came in between.
    assert_eq!(outcomes(&result), ["partial", "partial", "partial"]);
    assert_eq!(result.orders.iter().map(|o| o.position_after).collect::<Vec<_>>(), [200, 400, 600]);
    assert_eq!(result.orders.iter().map(|o| o.sent.intent.qty).collect::<Vec<_>>(), [1_000, 800, 600]);
}

#[test]
fn a_flip_is_one_order_of_twenty() {
    let result = run(&session(&[1_000, -1_000, 0]), &BIDS, &ASKS);
    let flip = &result.orders[1];
    assert_eq!((flip.sent.intent.side, flip.sent.intent.qty, flip.position_after), (-1, 2_000, -1_000));
    assert_eq!(fills(&result, 1), [(400_000, 600), (399_990, 1_400)]);
    assert_eq!(flip.cash_flow, 400_000 * 600 + 399_990 * 1_400);
    assert_eq!(flip.expected_px(), Some(400_000));
    // A short is marked at the best ask.
    assert_eq!(flip.equity_after, flip.cash_after - 1_000 * 400_100);
    assert_eq!(fills(&result, 2), ASKS);
    let totals = &result.totals;
    assert_eq!((totals.last.position, totals.turnover_lots, totals.fills), (0, 4_000, 3));
    assert_eq!(totals.last.equity, totals.last.cash);
    assert_eq!(totals.time_ns, [300 * SECOND, 300 * SECOND, 320 * SECOND]);
}

#[test]
fn no_further_than_the_limit() {
    // 20 bps above 400100 is 400900.2, 20 bps below 400000 is 399200.
    let asks = [(400_100, 100), (400_900, 100), (400_901, 5_000)];
    let bids = [(400_000, 100), (399_200, 100), (399_199, 5_000)];
    let result = run(&session(&[1_000, -1_000]), &bids, &asks);
    assert_eq!(fills(&result, 0), asks[..2]);
    assert_eq!(fills(&result, 1), bids[..2]);
    assert_eq!(outcomes(&result), ["partial", "partial"]);
    let none = run(&session(&[1_000]).rule("max_slippage_bps_e6", 0), &bids, &asks);
    assert_eq!(fills(&none, 0), asks[..1]);
}

#[test]
fn a_share_of_the_depth() {
    let asks = [(400_100, 3), (400_101, 101), (400_102, 8_000)];
    for (den, expected) in
        [(2, vec![(400_100, 1), (400_101, 50), (400_102, 949)]), (4, vec![(400_101, 25), (400_102, 975)])]
    {
        let result = run(&session(&[1_000]).with("depth_den", den.into()), &BIDS, &asks);
        assert_eq!(fills(&result, 0), expected);
        // What was expected is the best displayed level, whatever is available of it.
        assert_eq!(result.orders[0].expected_px(), Some(400_100));
    }
}

#[test]
fn the_limit_counts_from_the_best_level_that_is_hit() {
    // A quarter of 3 lots is none: the best level hit is 400200, and 20 bps above it is 401000.4.
    let asks = [(400_100, 3), (400_200, 400), (401_000, 400), (401_001, 4_000)];
    let result = run(&session(&[1_000]).with("depth_den", 4.into()), &BIDS, &asks);
    assert_eq!(fills(&result, 0), [(400_200, 100), (401_000, 100)]);
}

#[test]
fn a_book_too_thin_fills_nothing() {
    let asks = [(400_100, 3), (400_101, 2)];
    let result = run(&session(&[1_000, 1_000]).with("depth_den", 4.into()), &BIDS, &asks);
    assert_eq!(outcomes(&result), ["thin", "thin"]);
    assert_eq!(result.orders[0].ts_exec(), Some(10_500 * MS));
    assert_eq!((result.totals.last.equity, result.totals.fills, result.totals.submissions), (0, 0, 2));
}

#[test]
fn fees_are_rounded_up_level_by_level() {
    // 1 bps of 400100·100, 400101·100, 400102·800 units: 4001, 4001.01, 32008.16.
    let result = run(&session(&[1_000]).with("fee_bps_e6", 1_000_000.into()), &BIDS, &ASKS);
    let fees: Vec<i64> = result.fills.iter().map(|(_, fill)| fill.fee).collect();
    assert_eq!(fees, [4_001, 4_002, 32_009]);
    let order = &result.orders[0];
    assert_eq!((order.fees, order.cash_after), (40_012, -400_101_700 - 40_012));
    assert_eq!(result.totals.last.fees, 40_012);
}

#[test]
fn fees_are_those_of_the_date() {
    let dated = json!([[0, 0], [310_500 * MS, 1_000_000]]);
    let result = run(&session(&[1_000, 0]).with("fee_bps_e6", dated), &BIDS, &ASKS);
    let fees: Vec<i64> = result.orders.iter().map(|order| order.fees).collect();
    // The second order is filled at 310.5 s: 1 bps of 240000000 and of 159996000 units.
    assert_eq!(fees, [0, 24_000 + 16_000]);
}

/// A frame at 9.9 s, then one `after` the arrival (10.3 s) with another book.
fn one_frame(after: i64) -> atc_backtest::StrategyResult {
    let mut tape = Tape::default();
    tape.snap(9_900 * MS, &BIDS, &ASKS);
    tape.snap(10_300 * MS + after, &BIDS, &[(400_050, 2_000)]).quiet(12 * SECOND, 20 * SECOND, 500 * MS);
    session(&[1_000]).last(&tape)
}

#[test]
fn the_first_frame_from_the_arrival_on() {
    for (after, px, exec) in [
        (-1, 400_050, 10_900 * MS),
        (0, 400_050, 10_300 * MS),
        (1, 400_050, 10_300 * MS + 1),
        (600 * MS, 400_050, 10_900 * MS),
        (600 * MS + 1, 400_100, 10_900 * MS),
    ] {
        let result = one_frame(after);
        assert_eq!(fills(&result, 0)[0].0, px, "a frame {after} ns after the arrival");
        assert_eq!(result.orders[0].ts_exec(), Some(exec));
    }
}

#[test]
fn all_messages_of_the_time_come_first() {
    let mut tape = Tape::default();
    tape.snap(9 * SECOND, &BIDS, &ASKS);
    tape.delta(10_500 * MS, &[(-1, 400_100, 0)]).delta(10_500 * MS, &[(-1, 400_099, 5_000)]);
    tape.delta(10_500 * MS + 1, &[(-1, 400_098, 5_000)]);
    assert_eq!(fills(&session(&[1_000]).last(&tape), 0), [(400_099, 1_000)]);
}

#[test]
fn without_latency_the_frame_of_the_decision_counts() {
    let mut tape = Tape::default();
    tape.snap(9 * SECOND, &BIDS, &ASKS).frame(10 * SECOND, &[(-1, 400_099, 5_000)]);
    tape.frame(10_100 * MS, &[(-1, 400_098, 5_000)]);
    let result = session(&[1_000]).with("latency_ns", 0.into()).last(&tape);
    assert_eq!(fills(&result, 0), [(400_099, 1_000)]);
    assert_eq!(result.orders[0].ts_exec(), Some(10 * SECOND));
    assert_eq!(result.orders[0].sent.seen.ask, Some(400_099));
}

#[test]
fn what_was_taken_stays_taken_in_a_feed_of_differences() {
    let mut tape = Tape::default();
    let (bids, asks) = ([(400_000, 9_000)], [(400_100, 600), (400_101, 500), (400_102, 900)]);
    tape.snap(0, &bids, &asks);
    // Something far away changes, so that the book is fresh; nothing is said of the asks.
    for t in (1..1_000).filter(|t| t % 2 == 0) {
        tape.delta(t * SECOND, &[(1, 390_000, t)]);
        if t == 500 {
            tape.delta(t * SECOND, &[(-1, 400_101, 450)]);
        }
        if t == 520 {
            // The venue sent neither a keyframe that ATC inserted nor anything about the asks.
            let known = [(1, 400_000, 9_000), (-1, 400_100, 600), (-1, 400_101, 450), (-1, 400_102, 900)];
            tape.keyframe(t * SECOND, &known).repeat(t * SECOND);
        }
    }
    let session = session(&[1_000, 0, 1_000]);
    let result = session.last(&tape);
    assert_eq!(fills(&result, 0), [(400_100, 600), (400_101, 400)]);
    // 400100 is still taken, 400101 was named since and is shown anew.
    assert_eq!(fills(&result, 2), [(400_101, 450), (400_102, 550)]);
    let mut whole = Tape::default();
    whole.snap(0, &bids, &asks).quiet(2 * SECOND, 1_000 * SECOND, 2 * SECOND);
    assert_eq!(fills(&session.last(&whole), 2), [(400_100, 600), (400_101, 400)], "frames show all anew");
}

#[test]
fn what_was_taken_counts_against_the_share() {
    let mut tape = Tape::default();
    tape.snap(0, &[(400_000, 9_000)], &[(400_100, 600), (400_101, 9_000)]);
    for t in (2..1_000).step_by(2) {
        tape.delta(t * SECOND, &[(1, 390_000, t)]);
    }
    let result = session(&[1_000, 0, 1_000]).with("depth_den", 2.into()).last(&tape);
    assert_eq!(fills(&result, 0), [(400_100, 300), (400_101, 700)]);
    // Of half of 600 nothing is left, of half of 9000 there are 3800.
    assert_eq!(fills(&result, 2), [(400_101, 1_000)]);
}

#[test]
fn an_order_larger_than_the_venue_takes_is_cut() {
    let result = run(&session(&[1_000, 1_000]).rule("max_order_lots", 700), &BIDS, &ASKS);
    assert_eq!(outcomes(&result), ["filled", "filled"]);
    assert_eq!(result.orders.iter().map(|o| o.sent.intent.capped).collect::<Vec<_>>(), [true, false]);
    assert_eq!(result.orders.iter().map(|o| o.filled).collect::<Vec<_>>(), [700, 300]);
    assert_eq!(result.totals.capped, 1);
}
