//! What cannot be backtested is refused before anything runs, with the reason.

mod tape;

use serde_json::{Value, json};
use tape::{SECOND, Session, Tape, strategy};

fn session() -> Session {
    Session::new(100 * SECOND, &[10 * SECOND, 20 * SECOND], &[("policy", &[1_000, 0])])
}

fn why(session: &Session) -> String {
    session.run_in_parts(&Tape::default(), &[]).unwrap_err()
}

#[test]
fn specifications() {
    assert!(session().run_in_parts(&Tape::default(), &[]).is_ok());
    let with = |key: &str, value: Value| why(&session().with(key, value));
    let set = |key: &str, value: Value| why(&session().set(key, value));
    for (found, expected) in [
        (with("policy", json!("polcy")), "'polcy' is no column of the decisions"),
        (with("depth_num", json!(0)), "depth 0/1"),
        (with("depth_den", json!(0)), "depth 1/0"),
        (
            with("depth_num", json!(2_000_000_001)),
            "depth 2000000001/1: expected a share above 0 and at most 2000000000",
        ),
        (with("wait_ns", json!(-1)), "a wait of -1 ns"),
        (with("wait_ns", json!(300 * SECOND)), "min_interval_ns is 300000000000, expected at least"),
        (with("latency_ns", json!(-1)), "latency of -1 ns"),
        (with("size_lots", json!(0)), "a size of 0 lots"),
        (with("fee_bps_e6", json!([[1, 0]])), "no fee in force at begin_ns 0"),
        (with("fee_bps_e6", json!([[0, 0], [0, 1]])), "not sorted"),
        (with("fee_bps_e6", json!(20_000_000_000i64)), "at most 100 %"),
        (with("latency_ns", json!(300 * SECOND)), "min_interval_ns is 300000000000, expected at least"),
        (set("curve_ns", json!(0)), "'curve_ns' must be positive"),
        (set("end_ns", json!(0)), "'begin_ns' must lie before 'end_ns'"),
        (set("day_cuts_ns", json!([0])), "outside (begin_ns, end_ns]"),
        (set("day_cuts_ns", json!([5])), "one rate a day cut"),
        (why(&session().cuts(&[5], &[1]).set("carry_step", json!([]))), "one step a day cut"),
        (why(&session().cuts(&[5], &[1]).set("carry_step", json!([0]))), "a step outside 1 to 1e18"),
        (set("drawdowns", json!([{"strategy": "polcy", "against": null}])), "'polcy' is no strategy"),
        (set("drawdowns", json!([{"strategy": "policy", "against": "x"}])), "'x' is no strategy"),
        (set("closed", json!([[5, 4]])), "'closed' holds [5, 4]"),
        (set("strategies", json!([])), "'strategies' is empty"),
        (set("strategys", json!([])), "unknown field `strategys`"),
        (why(&session().add(strategy("policy", "policy"))), "two strategies are called 'policy'"),
        (why(&session().rule("max_order_lots", 0)), "'max_order_lots' must be positive"),
    ] {
        assert!(found.contains(expected), "'{found}' does not say '{expected}'");
    }
}

#[test]
fn decisions() {
    let with = |ts: [i64; 2], name: &str, targets: &[i64]| {
        let mut session = session();
        session.ts = ts.to_vec();
        session.policies = vec![("policy".to_owned(), vec![0, 0]), (name.to_owned(), targets.to_vec())];
        why(&session)
    };
    for (found, expected) in [
        (with([5, 4], "other", &[0, 0]), "decision 1 at 4 ns comes before the one above it"),
        (with([-1, 4], "other", &[0, 0]), "decision 0 at -1 ns lies outside the session"),
        (with([0, 100 * SECOND], "other", &[0, 0]), "decision 1 at 100000000000 ns lies outside"),
        (with([0, 1], "other", &[0]), "policy 'other' has 1 targets, expected 2"),
        (with([0, 1], "other", &[0, i64::MAX]), "policy 'other', decision 1"),
        (with([0, 1], "benchmark", &[0, 0]), "called 'benchmark'"),
    ] {
        assert!(found.contains(expected), "'{found}' does not say '{expected}'");
    }
}

#[test]
fn events() {
    let mut tape = Tape::default();
    tape.snap(5, &[(400_000, 1)], &[(400_100, 1)]).snap(6, &[(400_000, -1)], &[]);
    let found = session().run_in_parts(&tape, &[]).unwrap_err();
    assert!(found.starts_with("event 2 at 6 ns: book level"), "{found}");
    let mut tape = Tape::default();
    tape.snap(5, &[(400_000, 1)], &[]).snap(4, &[(400_000, 1)], &[]);
    let found = session().run_in_parts(&tape, &[]).unwrap_err();
    assert!(found.contains("event 2 at 4 ns: expected events in order"), "{found}");
}

#[test]
fn sums_beyond_64_bits() {
    let mut tape = Tape::default();
    let (far, most) = (2_000_000_000, 1_000_000_000);
    tape.snap(0, &[(far - 1, i64::MAX)], &[(far, i64::MAX)]).quiet(SECOND, 1_000 * SECOND, SECOND);
    let ts = [10 * SECOND, 310 * SECOND, 610 * SECOND, 910 * SECOND];
    let session = Session::new(1_000 * SECOND, &ts, &[("policy", &[most, -most, most, -most])])
        .with("size_lots", json!(most))
        .with("fee_bps_e6", json!(10_000_000_000i64))
        .rule("max_order_lots", i64::MAX);
    let found = session.run_in_parts(&tape, &[]).unwrap_err();
    // A fee of 100 %: 2·10¹⁸ and twice 4·10¹⁸ units.
    assert_eq!(
        found,
        "strategy 'policy', decision 2 at 610000000000 ns: overflow: the cash is -12000000000000000000 units, more than 64 bits \
         hold"
    );
}
