//! What holds in every session, tried on random ones.

mod tape;

use atc_backtest::{Limit, Order, StrategyResult};
use serde_json::json;
use tape::random::{self, END, Random, SIZE};
use tape::{SECOND, Session, Tape, strategy};

/// Sessions of both kinds of feed.
fn each(seeds: u64, decisions: usize, policies: usize, mut check: impl FnMut(&mut Random, &Tape, &Session)) {
    for seed in 0..seeds {
        let mut random = Random(seed);
        let tape = random::tape(&mut random, seed % 2 == 0);
        let session = random::session(&mut random, decisions, policies);
        check(&mut random, &tape, &session);
    }
}

/// Cash, position and turnover from the fills and days alone.
fn audit(result: &StrategyResult) {
    let (mut cash, mut position, mut turnover) = (0i128, 0i64, 0i64);
    let mut days = result.days.iter().peekable();
    for (row, order) in result.orders.iter().enumerate() {
        // An order that met no book any more is told of when it waited long enough; it moves nothing.
        let at = match order.outcome.name() {
            "no_new_entry" => order.sent.ts_decision,
            "end_of_data" => continue,
            _ => order.ts_exec().unwrap(),
        };
        while let Some(day) = days.next_if(|day| day.ts <= at) {
            cash -= i128::from(day.carry);
            assert_eq!((i128::from(day.cash), day.position), (cash, position), "{}", result.name);
        }
        assert_eq!(order.position_before, position);
        for (_, fill) in result.fills.iter().filter(|(of, _)| *of == row) {
            let lots = fill.lots * i64::from(order.sent.intent.side);
            assert!(fill.lots > 0 && fill.px > 0 && fill.fee >= 0);
            cash -= i128::from(fill.px) * i128::from(lots) + i128::from(fill.fee);
            position += lots;
            turnover += fill.lots;
        }
        assert_eq!((i128::from(order.cash_after), order.position_after), (cash, position));
        let whole = order.filled == order.sent.intent.qty && order.filled > 0;
        assert_eq!(whole, order.outcome.name() == "filled");
        assert_eq!((0 < order.filled) & !whole, order.outcome.name() == "partial");
    }
    cash -= days.map(|day| i128::from(day.carry)).sum::<i128>();
    let totals = &result.totals;
    assert_eq!((i128::from(totals.last.cash), totals.last.position), (cash, position));
    assert_eq!((totals.turnover_lots, totals.time_ns.iter().sum::<i64>()), (turnover, END));
    assert_eq!(totals.outcomes.iter().sum::<u64>(), result.orders.len() as u64);
    for day in &result.days {
        assert_eq!(
            day.price_half + day.spread_impact_half - 2 * day.fees - 2 * day.carry_total,
            2 * day.equity
        );
    }
}

#[test]
fn accounts_add_up() {
    each(60, 200, 4, |_, tape, session| {
        for result in session.run(tape) {
            audit(&result);
        }
    });
}

#[test]
fn random_sessions_meet_everything() {
    let mut met = [0; 10];
    each(120, 200, 4, |_, tape, session| {
        for result in session.run(tape) {
            for (sum, count) in met.iter_mut().zip(result.totals.outcomes) {
                *sum += count;
            }
        }
    });
    assert!(met.iter().all(|count| *count > 0), "by outcome: {met:?}");
}

#[test]
fn parts_cut_anywhere_give_the_same() {
    each(20, 150, 3, |random, tape, session| {
        let whole = format!("{:?}", session.run(tape));
        let times = tape.times();
        for cuts in [1, 7, times.len()] {
            let mut at: Vec<i64> = (0..cuts).map(|_| random.pick(&times)).collect();
            at.sort_unstable();
            let parts = session.run_in_parts(tape, &at).unwrap();
            assert!(format!("{parts:?}") == whole, "{cuts} cuts");
        }
    });
}

#[test]
fn always_hold_is_the_benchmark() {
    each(40, 200, 0, |_, tape, session| {
        let mut session = session.clone();
        session.policies.push(("hold".to_owned(), vec![SIZE; session.ts.len()]));
        let mut hold = session.spec["strategies"][0].clone();
        (hold["name"], hold["policy"]) = (json!("hold"), json!("hold"));
        let results = session.add(hold).run(tape);
        let (benchmark, hold) = (&results[0], &results[2]);
        assert_eq!((&benchmark.orders, &benchmark.curve), (&hold.orders, &hold.curve));
        assert_eq!((&benchmark.days, &benchmark.totals), (&hold.days, &hold.totals));
    });
}

#[test]
fn no_policy_beats_the_oracle() {
    each(60, 200, 40, |_, tape, session| {
        let results = session.run(tape);
        let bound = results[1].totals.last.equity;
        for result in &results {
            assert!(result.totals.last.equity <= bound, "{} ends above the oracle", result.name);
        }
    });
}

/// The column that takes the oracle's path: its target at each order, and in between what sends nothing.
fn followed(orders: &[Order], decisions: usize) -> Vec<i64> {
    let mut targets = Vec::with_capacity(decisions);
    let mut orders = orders.iter().peekable();
    let mut position = 0i64;
    for row in 0..decisions {
        match orders.next_if(|order| order.sent.decision == row) {
            Some(order) => {
                targets.push(order.sent.target);
                position = order.position_after;
            }
            None if [SIZE, 0, -SIZE].contains(&position) => targets.push(position),
            None => targets.push(position.signum() * SIZE),
        }
    }
    targets
}

#[test]
fn the_oracle_s_path_can_be_taken() {
    each(60, 200, 0, |_, tape, session| {
        let mut session = session.clone();
        let oracle = session.run(tape).pop().unwrap();
        let targets = followed(&oracle.orders, session.ts.len());
        session.policies.push(("path".to_owned(), targets));
        let mut path = session.spec["strategies"][1].clone();
        (path["name"], path["policy"]) = (json!("path"), json!("path"));
        let path = session.add(path).last(tape);
        // Wishes that a window lets come to nothing are logged by a policy alone.
        let sent = |result: &StrategyResult| -> Vec<Order> {
            let sent = result.orders.iter().filter(|order| order.outcome.name() != "no_new_entry");
            sent.copied().collect()
        };
        assert_eq!(sent(&oracle), sent(&path));
        assert_eq!((&oracle.curve, &oracle.days), (&path.curve, &path.days));
    });
}

/// All sequences of targets after the first of `decisions`, beside the oracle.
fn assert_best_of_all(tape: &Tape, mut session: Session, seed: u64) {
    let free = session.ts.len() - 1;
    let like = session.spec["strategies"][1].clone();
    for number in 0..3_usize.pow(free as u32) {
        let name = number.to_string();
        let digit = |k: usize| [SIZE, 0, -SIZE][number / 3_usize.pow(k as u32) % 3];
        session.policies.push((name.clone(), std::iter::once(0).chain((0..free).map(digit)).collect()));
        let mut one = like.clone();
        (one["name"], one["policy"], one["log"]) = (json!(name), json!(name), json!(false));
        session = session.add(one);
    }
    let results = session.run(tape);
    let best = results[2..].iter().map(|result| result.totals.last.equity).max();
    assert_eq!(Some(results[1].totals.last.equity), best, "seed {seed}");
}

#[test]
fn the_oracle_is_the_best_of_all() {
    for seed in 0..20 {
        let mut random = Random(1_000 + seed);
        let tape = random::tape(&mut random, seed % 2 == 0);
        let session = random::session(&mut random, 7, 0);
        assert_best_of_all(&tape, session, seed);
    }
}

#[test]
fn the_oracle_knows_what_each_way_has_taken() {
    for seed in 0..40 {
        let mut random = Random(2_000 + seed);
        let tape = random::differences(&mut random, 200 * SECOND);
        let mut session = random::session(&mut random, 6, 0).rule("min_interval_ns", 15 * SECOND);
        session.ts = (0..6).map(|k| (10 + 20 * k) * SECOND).collect();
        // Every lot traded earns 1 %, so that a way wants many and is short of levels.
        session =
            session.set("closed", json!([])).set("no_new_entry", json!([])).rule("max_order_lots", 10_000);
        session = session.with("fee_bps_e6", json!(-100_000_000)).with("depth_den", json!(1));
        assert_best_of_all(&tape, session, seed);
    }
}

#[test]
fn the_oracle_may_send_in_vain() {
    for seed in 0..60 {
        let mut random = Random(3_000 + seed);
        // First orders fill in part, and many books are too old: often nothing becomes of leaving inside a window.
        let mut tape = Tape::default();
        let mut bid = 10_000;
        for k in 0..12 {
            let quote = |best: i32, lots: i64| [(best, lots)];
            let lots = if k < 2 { 60 } else { 300 };
            tape.snap((10 + 20 * k) * SECOND, &quote(bid, lots), &quote(bid + 1, lots));
            bid += random.below(41) as i32 - 20;
        }
        let late = |random: &mut Random| if random.below(2) == 0 { 0 } else { 3 * SECOND };
        let ts: Vec<i64> = (0..7).map(|k| (10 + 20 * k) * SECOND + late(&mut random)).collect();
        let mut session = Session::new(260 * SECOND, &ts, &[])
            .add(strategy("oracle_path", "oracle_path"))
            .set("no_new_entry", json!([[25 * SECOND, (45 + 20 * random.below(3)) * SECOND]]))
            .rule("min_interval_ns", random.pick(&[15, 35, 55]) * SECOND)
            .rule("max_book_age_ns", SECOND)
            .with("size_lots", json!(SIZE));
        session.spec["strategies"][0]["size_lots"] = json!(SIZE);
        assert_best_of_all(&tape, session, seed);
    }
}

#[test]
fn a_search_that_leads_everywhere_is_given_up_alone() {
    // Each order is filled in part, each time by another number of lots.
    let mut tape = Tape::default();
    for k in 0..6_000 {
        let quote = |best: i32| [(best, 30 + (k * 7_919) % 41)];
        tape.snap(k * SECOND, &quote(10_000), &quote(10_001));
    }
    let ts: Vec<i64> = (1..6_000).map(|k| k * SECOND).collect();
    let targets: Vec<i64> = (0..ts.len()).map(|k| if k / 400 % 2 == 0 { 10_000 } else { -10_000 }).collect();
    let session = Session::new(6_000 * SECOND, &ts, &[("policy", &targets)])
        .rule("min_interval_ns", 10 * SECOND)
        .set("oracle_orders", json!(100_000));
    let alone = format!("{:?}", session.run(&tape));
    let mut search = strategy("oracle_path", "oracle_path");
    search["size_lots"] = json!(10_000);
    let results = session.clone().add(search.clone()).results(&tape, &[], &mut || true).unwrap();
    assert_eq!(format!("{:?}", results.strategies), alone, "the others go on");
    let [given_up] = &results.given_up[..] else { panic!("one search, found {:?}", results.given_up) };
    assert_eq!((given_up.name.as_str(), given_up.ts_decision), ("oracle_path", ts[given_up.decision]));
    assert!(given_up.orders > 64 * given_up.decision as u64 && given_up.limit == Limit::Orders);
    let small = session.clone().add(search.clone()).set("oracle_bytes", json!(1 << 20));
    let results = small.results(&tape, &[], &mut || true).unwrap();
    assert_eq!(format!("{:?}", results.strategies), alone, "the others go on");
    let [sooner] = &results.given_up[..] else { panic!("one search, found {:?}", results.given_up) };
    assert!(sooner.decision < given_up.decision && sooner.orders < given_up.orders);
    assert_eq!((sooner.limit, sooner.ts_decision), (Limit::Memory, ts[sooner.decision]));
    // Where orders are small enough for the book, the search comes to its end, with little memory or much.
    search["size_lots"] = json!(30);
    let found = [1 << 18, 1 << 30].map(|bytes| {
        let session = session.clone().add(search.clone()).set("oracle_bytes", json!(bytes));
        let results = session.results(&tape, &[], &mut || true).unwrap();
        assert_eq!((results.given_up.len(), results.strategies.len()), (0, 3), "{bytes} bytes");
        format!("{:?}", results.strategies)
    });
    assert!(found[0] == found[1]);
}

#[test]
fn a_dearer_or_slower_world_is_another_path_of_the_same_decisions() {
    let mut random = Random(7);
    let tape = random::tape(&mut random, true);
    let session = random::session(&mut random, 100, 1);
    let mut dear = session.spec["strategies"][2].clone();
    (dear["name"], dear["fee_bps_e6"]) = (json!("dear"), json!(2_000_000));
    let mut free = session.spec["strategies"][2].clone();
    (free["name"], free["fee_bps_e6"]) = (json!("free"), json!(0));
    let results = session.add(dear).add(free).add(strategy("other", "policy 0")).run(&tape);
    let by_name = |name: &str| results.iter().find(|result| result.name == name).unwrap();
    let (dear, free) = (by_name("dear"), by_name("free"));
    assert_eq!(dear.totals.turnover, free.totals.turnover, "fees move no order");
    assert_eq!(dear.totals.last.equity, free.totals.last.equity - dear.totals.last.fees);
    assert!(dear.totals.last.fees > 0);
    assert!(by_name("other").orders.iter().all(|order| order.sent.arrival >= order.sent.ts_decision));
    assert!(results[0].totals.submissions >= 1 && results[0].days.len() == 3);
    assert_eq!(results[0].curve.ts.len() as i64, END / (60 * SECOND));
}
