//! Sessions by hand: what is refused, what time does, and what carry takes.

mod tape;

use serde_json::json;
use tape::{MS, Quote, SECOND, Session, Tape, fills, outcomes, strategy};

const BIDS: [Quote; 1] = [(400_000, 9_000)];
const ASKS: [Quote; 1] = [(400_100, 9_000)];

fn quiet(end: i64) -> Tape {
    let mut tape = Tape::default();
    tape.snap(0, &BIDS, &ASKS).quiet(500 * MS, end, 500 * MS);
    tape
}

/// Decisions at 10 s, 310 s, …
fn session(targets: &[i64]) -> Session {
    let ts: Vec<i64> = (0..targets.len() as i64).map(|k| (10 + 300 * k) * SECOND).collect();
    Session::new((20 + 300 * targets.len() as i64) * SECOND, &ts, &[("policy", targets)])
}

fn refused(tape: &Tape, session: &Session) -> &'static str {
    let result = session.last(tape);
    let order = &result.orders[0];
    assert_eq!((order.filled, order.position_after, order.equity_after), (0, 0, 0));
    assert!(result.fills.is_empty());
    order.outcome.name()
}

#[test]
fn a_stale_book_is_refused() {
    for (last, expected) in [(5_900 * MS, "filled"), (5_900 * MS - 1, "stale_book")] {
        let mut tape = Tape::default();
        // The order waits until 10.9 s.
        tape.snap(last, &BIDS, &ASKS).snap(11 * SECOND, &BIDS, &ASKS);
        assert_eq!(outcomes(&session(&[1_000]).last(&tape)), [expected]);
    }
}

#[test]
fn an_unknown_book_is_refused() {
    let one = session(&[1_000]);
    let mut tape = quiet(10 * SECOND);
    tape.control(10_100 * MS, 2).delta(10_500 * MS, &[(-1, 400_099, 50)]).repeat(12 * SECOND);
    assert_eq!(refused(&tape, &one), "no_book", "a difference after a RESET says too little");

    let mut tape = Tape::default();
    tape.snap(-60 * SECOND, &BIDS, &ASKS).repeat(10_500 * MS);
    assert_eq!(refused(&tape, &one), "no_book", "after a silence of more than max_gap");

    let mut tape = Tape::default();
    tape.snap(9 * SECOND, &BIDS, &[]).snap(11 * SECOND, &BIDS, &ASKS);
    assert_eq!(refused(&tape, &one), "no_book", "nobody sells");

    let mut tape = Tape::default();
    tape.snap(9 * SECOND, &[], &ASKS).snap(11 * SECOND, &BIDS, &ASKS);
    assert_eq!(refused(&tape, &one), "no_book", "what is bought could not be sold");

    let mut tape = quiet(10 * SECOND);
    tape.clear(10_400 * MS).snap(11 * SECOND, &BIDS, &ASKS);
    assert_eq!(refused(&tape, &one), "no_book", "the venue emptied it");
    let mut tape = Tape::default();
    tape.control(0, 3).control(12 * SECOND, 3);
    assert_eq!(refused(&tape, &one), "no_book", "there was none");
}

#[test]
fn a_crossed_book_is_refused() {
    for bid in [400_100, 400_150] {
        let mut tape = quiet(10 * SECOND);
        tape.snap(10_400 * MS, &[(bid, 50)], &ASKS).snap(11 * SECOND, &BIDS, &ASKS);
        assert_eq!(refused(&tape, &session(&[1_000])), "crossed");
    }
}

#[test]
fn a_closed_venue_refuses() {
    let tape = quiet(400 * SECOND);
    for (window, expected) in [
        ([10_500 * MS, 10_500 * MS + 1], "maintenance"),
        ([10_400 * MS, 10_500 * MS], "filled"),
        ([10_500 * MS + 1, 20 * SECOND], "filled"),
    ] {
        let one = session(&[1_000]).set("closed", json!([window]));
        assert_eq!(outcomes(&one.last(&tape)), [expected], "an order at 10.5 s in {window:?}");
    }
    // Before all else: the book is old, too.
    let closed = session(&[1_000]).set("closed", json!([[0, 20 * SECOND]]));
    let mut old = Tape::default();
    old.snap(0, &BIDS, &ASKS).repeat(12 * SECOND);
    assert_eq!(refused(&old, &closed), "maintenance");
}

#[test]
fn what_is_refused_is_tried_again_after_the_interval() {
    let ts = [10 * SECOND, 100 * SECOND, 310 * SECOND - 1, 310 * SECOND, 609 * SECOND, 611 * SECOND];
    let closed = json!([[0, 300 * SECOND]]);
    let one = Session::new(700 * SECOND, &ts, &[("policy", &[1_000; 6])]).set("closed", closed);
    let results = one.run(&quiet(700 * SECOND));
    for result in &results {
        let orders: Vec<_> = result.orders.iter().map(|o| (o.sent.decision, o.outcome.name())).collect();
        assert_eq!(orders, [(0, "maintenance"), (3, "filled")]);
    }
    assert_eq!(results[0].curve, results[1].curve, "always-HOLD is the benchmark");
}

#[test]
fn after_the_first_decision_a_policy_has_its_own_targets() {
    // The first is +10 whatever the column says; if it comes to nothing it is not forced again.
    let tape = quiet(700 * SECOND);
    let flat = session(&[0, 0]);
    assert_eq!(flat.last(&tape).orders.iter().map(|o| o.position_after).collect::<Vec<_>>(), [1_000, 0]);
    let results = session(&[0, 0]).set("closed", json!([[0, 20 * SECOND]])).run(&tape);
    assert_eq!(outcomes(&results[0]), ["maintenance", "filled"]);
    assert_eq!(outcomes(&results[1]), ["maintenance"]);
}

#[test]
fn windows_without_new_entries_let_out_only() {
    let tape = quiet(1_300 * SECOND);
    let window = json!([[300 * SECOND, 700 * SECOND]]);
    let one = session(&[1_000, -1_000, -1_000, -1_000]).set("no_new_entry", window);
    let result = one.last(&tape);
    assert_eq!(outcomes(&result), ["filled", "filled", "no_new_entry", "filled"]);
    assert_eq!(result.orders.iter().map(|o| o.position_after).collect::<Vec<_>>(), [1_000, 0, 0, -1_000]);
    let reduced: Vec<bool> = result.orders.iter().map(|o| o.sent.intent.reduced).collect();
    assert_eq!(reduced, [false, true, true, false]);
    let wish = &result.orders[2];
    assert_eq!((wish.sent.intent.qty, wish.ts_arrival(), wish.ts_exec()), (0, None, None));
    assert_eq!((result.totals.submissions, result.totals.outcomes[8]), (3, 1));
}

#[test]
fn an_order_that_comes_into_a_window_opens_nothing() {
    // Decided at 10 s and 310 s, met at 10.5 s and 310.5 s.
    let tape = quiet(1_300 * SECOND);
    let window = |from: i64, to: i64| json!([[from, to]]);
    let late = session(&[1_000]).set("no_new_entry", window(10_500 * MS, 11 * SECOND)).last(&tape);
    let order = &late.orders[0];
    assert_eq!((order.outcome.name(), order.filled, order.sent.intent.qty), ("late_entry", 0, 1_000));
    assert_eq!((order.ts_arrival(), order.ts_exec()), (Some(10_300 * MS), Some(10_500 * MS)));
    assert_eq!((late.totals.submissions, late.totals.reduced, late.totals.last.equity), (1, 1, 0));
    for open in [window(10_400 * MS, 10_500 * MS), window(10_500 * MS + 1, 11 * SECOND)] {
        assert_eq!(outcomes(&session(&[1_000]).set("no_new_entry", open).last(&tape)), ["filled"]);
    }
    // Of a flip the half that closes is left.
    let flip = session(&[1_000, -1_000]).set("no_new_entry", window(310_100 * MS, 311 * SECOND)).last(&tape);
    let order = &flip.orders[1];
    assert_eq!((order.outcome.name(), order.sent.intent.qty, order.filled), ("partial", 2_000, 1_000));
    assert_eq!((order.position_after, order.sent.intent.reduced), (0, true));
    // And what closes is closed.
    let close = session(&[1_000, 0]).set("no_new_entry", window(310_100 * MS, 311 * SECOND)).last(&tape);
    assert_eq!(outcomes(&close), ["filled", "filled"]);
    assert!(!close.orders[1].sent.intent.reduced);
    let shut = session(&[1_000]).set("no_new_entry", window(10_500 * MS, 11 * SECOND));
    let shut = shut.set("closed", window(10_500 * MS, 11 * SECOND)).last(&tape);
    assert_eq!(outcomes(&shut), ["maintenance"], "which comes first");
}

#[test]
fn the_drawdown_is_taken_at_everything_that_moves_the_equity() {
    let mut tape = quiet(100 * SECOND);
    // Between two points of the curve, which come every minute: 30 up, 50 down, and back.
    for (t, bid) in [(100, 400_030), (101, 399_980), (102, 400_000)] {
        tape.snap(t * SECOND, &[(bid, 9_000)], &ASKS);
    }
    let of = |strategy, against| json!({"strategy": strategy, "against": against});
    let pairs =
        json!([of("policy", json!(null)), of("policy", json!("benchmark")), of("flat", json!("benchmark"))]);
    let flat = strategy("flat", "flat");
    let mut session = session(&[1_000]).add(flat).set("drawdowns", pairs);
    session.policies.push(("flat".to_owned(), vec![0]));
    session.ts = vec![10 * SECOND, 50 * SECOND];
    session.policies = vec![("policy".to_owned(), vec![1_000; 2]), ("flat".to_owned(), vec![0; 2])];
    let session = session.rule("min_interval_ns", 10 * SECOND);
    let results = session.results(&tape, &[], &mut || true).unwrap();
    let found: Vec<i64> = results.drawdowns.iter().map(|one| one.drawdown).collect();
    // Bought at 100 above the bid: −100, then −70, −120. The flat one sells before; against the benchmark it falls by 30.
    assert_eq!(found, [120 * 1_000, 0, 30 * 1_000]);
    assert_eq!(results.drawdowns[1].against.as_deref(), Some("benchmark"));
    assert!(results.strategies[1].curve.equity.iter().all(|equity| *equity >= -100 * 1_000));
}

#[test]
fn nobody_has_to_wait_for_the_end() {
    let tape = quiet(2_000 * SECOND);
    let mut asked = 0;
    let found = Session::new(2_000 * SECOND, &[10 * SECOND], &[]).results(&tape, &[], &mut || {
        asked += 1;
        asked < 2
    });
    assert_eq!((found.unwrap_err().as_str(), asked), ("interrupted", 2));
}

#[test]
fn the_end_of_the_data_fills_nothing() {
    let mut tape = Tape::default();
    // The order would wait until 10.9 s.
    tape.snap(9 * SECOND, &BIDS, &ASKS).control(10_900 * MS - 1, 3);
    let result = session(&[1_000, 1_000]).last(&tape);
    assert_eq!(outcomes(&result), ["end_of_data", "end_of_data"]);
    assert_eq!((result.orders[0].ts_arrival(), result.orders[0].ts_exec()), (Some(10_300 * MS), None));
    tape.control(10_900 * MS, 3);
    assert_eq!(outcomes(&session(&[1_000]).last(&tape)), ["filled"]);
    // What comes after the session says nothing, not even that there is more.
    let short = Session::new(10_800 * MS, &[10 * SECOND], &[("policy", &[1_000])]);
    let mut tape = quiet(10 * SECOND);
    tape.repeat(10_850 * MS).repeat(11 * SECOND);
    assert_eq!(outcomes(&short.last(&tape)), ["end_of_data"]);
}

#[test]
fn a_session_ends_with_a_mark_and_no_order() {
    let result = session(&[1_000]).last(&quiet(1_000 * SECOND));
    let last = &result.totals.last;
    assert_eq!((last.position, last.equity), (1_000, -100 * 1_000));
    assert_eq!(result.days.len(), 1);
    assert_eq!(result.days[0], *last);
}

#[test]
fn carry_is_rounded_up_to_whole_quote_units() {
    let one = session(&[1_000, 1_000, -1_000])
        .cuts(&[300 * SECOND, 600 * SECOND, 900 * SECOND], &[400_000, 400_001, 400_000]);
    let result = one.last(&quiet(1_000 * SECOND));
    // 1000 lots at the bid 400000: 160000 units a cut at 0.04 %, 160000.4 at the second's rate; short at the ask: 160040.
    assert_eq!(result.days.iter().map(|day| day.carry).collect::<Vec<_>>(), [160_000, 160_100, 160_100, 0]);
    assert_eq!(
        result.days.iter().map(|day| day.position).collect::<Vec<_>>(),
        [1_000, 1_000, -1_000, -1_000]
    );
    assert_eq!(result.totals.last.carry_total, 480_200);
    let last = &result.totals.last;
    assert_eq!(last.price_half + last.spread_impact_half - 2 * last.carry_total, 2 * last.equity);
    assert_eq!(result.days[3].ts, 920 * SECOND, "the end, which is no cut");
    // Steps are dated too.
    let fine = one.set("carry_step", json!([100, 1, 7])).last(&quiet(1_000 * SECOND));
    assert_eq!(fine.days.iter().map(|day| day.carry).collect::<Vec<_>>(), [160_000, 160_001, 160_041, 0]);
}

#[test]
fn a_fill_at_the_cut_belongs_to_the_next_day() {
    // Filled at 10.5 s.
    let tape = quiet(1_000 * SECOND);
    for (cut, carry) in [(10_500 * MS, 0), (10_500 * MS + 1, 160_000)] {
        let one = session(&[1_000]).cuts(&[cut], &[400_000]);
        assert_eq!(one.last(&tape).days[0].carry, carry);
    }
}

#[test]
fn carry_is_taken_at_the_last_known_mark() {
    let mut tape = quiet(100 * SECOND);
    tape.snap(100 * SECOND, &[(410_000, 5)], &[(410_100, 5)]).control(101 * SECOND, 2);
    let one = session(&[1_000]).cuts(&[100 * SECOND, 200 * SECOND], &[400_000, 400_000]);
    let result = one.last(&tape);
    // The frame of the cut itself is not seen at the cut.
    assert_eq!(result.days.iter().map(|day| day.carry).collect::<Vec<_>>(), [160_000, 164_000, 0]);
    assert_eq!(result.totals.last.price_half, 20_000 * 1_000);
}

#[test]
fn each_side_s_mark_is_its_own() {
    let mut tape = quiet(100 * SECOND);
    // Nobody sells any more: a long position is worth its new bid, and the mid stays where it was.
    tape.snap(100 * SECOND, &[(400_070, 5_000)], &[]).quiet(101 * SECOND, 310 * SECOND, SECOND);
    let last = session(&[1_000]).last(&tape).totals.last;
    assert_eq!((last.equity, last.price_half), (-30 * 1_000, 0));
    assert_eq!(last.spread_impact_half, -60 * 1_000);
}

#[test]
fn carry_comes_before_the_curve() {
    let one = session(&[1_000]).cuts(&[120 * SECOND], &[400_000]);
    let curve = one.last(&quiet(400 * SECOND)).curve;
    assert_eq!(curve.ts[1..3], [60 * SECOND, 120 * SECOND]);
    assert_eq!(curve.equity[1..3], [-100_000, -260_000]);
}

#[test]
fn an_execution_comes_before_the_decision_of_its_time() {
    // The first order is decided on at 10.9 s, when it has waited long enough; so the next one may be sent at 10.9 s.
    let mut tape = Tape::default();
    tape.snap(9 * SECOND, &BIDS, &ASKS).repeat(11_300 * MS);
    let one = Session::new(20 * SECOND, &[10 * SECOND, 10_900 * MS], &[("policy", &[1_000; 2])])
        .rule("max_book_age_ns", 0)
        .rule("min_interval_ns", 900 * MS);
    assert_eq!(outcomes(&one.last(&tape)), ["stale_book", "filled"]);
}

#[test]
fn the_curve_sees_what_was_before() {
    let ts = [59_200 * MS, 400 * SECOND];
    let one = Session::new(240 * SECOND, &ts[..1], &[("policy", &[1_000])]);
    // The order arrives at 59.5 s; the frame at 60 s fills it.
    let mut tape = Tape::default();
    tape.snap(59 * SECOND, &BIDS, &ASKS).snap(60 * SECOND, &[(400_050, 5_000)], &ASKS);
    tape.snap(119 * SECOND, &[(400_070, 5_000)], &ASKS).snap(120 * SECOND, &[(400_090, 5_000)], &ASKS);
    let result = one.last(&tape);
    assert_eq!(result.curve.ts, [0, 60 * SECOND, 120 * SECOND, 180 * SECOND]);
    assert_eq!(result.curve.position, [0, 0, 1_000, 1_000]);
    assert_eq!(result.curve.equity, [0, 0, -30 * 1_000, -10 * 1_000]);
    assert_eq!(result.curve.cash[3], -400_100 * 1_000);
}

#[test]
fn a_warm_up_only_fills_the_book() {
    let mut tape = Tape::default();
    tape.snap(-2 * SECOND, &BIDS, &ASKS).control(20 * SECOND, 3);
    let one = Session::new(20 * SECOND, &[0], &[("policy", &[1_000])]);
    let result = one.last(&tape);
    assert_eq!(fills(&result, 0), [], "nothing came: the end of the data is before the session");
    tape = Tape::default();
    tape.snap(-2 * SECOND, &BIDS, &ASKS).control(19 * SECOND, 3);
    assert_eq!(fills(&one.last(&tape), 0), [(400_100, 1_000)]);
    assert_eq!(one.last(&tape).orders[0].sent.seen.book_age_ns, Some(2 * SECOND));
}

#[test]
fn many_strategies_do_not_disturb_each_other() {
    let tape = quiet(1_000 * SECOND);
    let alone = session(&[1_000, -1_000, 0]).last(&tape);
    let mut crowd = session(&[1_000, -1_000, 0]);
    for number in 0..5 {
        crowd = crowd.add(strategy(&format!("copy {number}"), "policy"));
    }
    for result in &crowd.run(&tape)[1..] {
        assert_eq!((&result.orders, &result.curve), (&alone.orders, &alone.curve));
    }
}
