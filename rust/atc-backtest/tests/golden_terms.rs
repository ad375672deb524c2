//! Terms of a strategy by hand: those of the levels of a waterfall, each taken away for itself.

mod tape;

use serde_json::{Value, json};
use tape::{MS, Quote, SECOND, Session, Tape, fills};

const BIDS: [Quote; 1] = [(400_000, 9_000)];
const ASKS: [Quote; 2] = [(400_100, 100), (400_101, 5_000)];
const LATER: [Quote; 2] = [(400_105, 300), (400_106, 5_000)];

/// A buy of 10 ETH at 10 s, 100 ms after a frame and 400 ms before the next one, with a cut at 15 s.
fn bought(terms: &[(&str, Value)]) -> (Vec<Quote>, i64, i64) {
    let mut tape = Tape::default();
    tape.snap(9_900 * MS, &BIDS, &ASKS).snap(10_400 * MS, &BIDS, &LATER).repeat(16 * SECOND);
    let session =
        Session::new(20 * SECOND, &[10 * SECOND], &[("policy", &[1_000])]).cuts(&[15 * SECOND], &[400_000]);
    let session = terms.iter().fold(session, |session, (key, value)| session.with(key, value.clone()));
    let result = session.last(&tape);
    (fills(&result, 0), result.orders[0].ts_exec().unwrap(), result.totals.last.carry_total)
}

#[test]
fn each_term_for_itself() {
    let latency = ("latency_ns", json!(0));
    let wait = ("wait_ns", json!(0));
    let touch = ("depth_num", json!(2_000_000_000));
    // 1000 lots · 400000 · 0.0004, a whole yen.
    let real = (vec![(400_105, 300), (400_106, 700)], 10_400 * MS, 160_000);
    assert_eq!(bought(&[]), real);
    assert_eq!(bought(&[("wait_ns", Value::Null)]), real, "null is the execution's");
    assert_eq!(bought(std::slice::from_ref(&latency)), real, "it waits for the frame all the same");
    let at_once = bought(&[latency.clone(), wait.clone()]);
    assert_eq!(at_once, (vec![(400_100, 100), (400_101, 900)], 10 * SECOND, 160_000), "the decision's book");
    assert_eq!(bought(std::slice::from_ref(&wait)).1, 10_300 * MS);
    assert_eq!(bought(std::slice::from_ref(&touch)).0, [(400_105, 1_000)]);
    assert_eq!(bought(&[("depth_num", json!(3))]).0, [(400_105, 900), (400_106, 100)]);
    assert_eq!(bought(&[("pays_carry", json!(false))]), (real.0, real.1, 0));
    let ideal = bought(&[latency, wait, touch, ("pays_carry", json!(false))]);
    assert_eq!(ideal, (vec![(400_100, 1_000)], 10 * SECOND, 0));
}
