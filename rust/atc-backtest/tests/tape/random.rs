//! Random sessions: books that move, thin out, cross, fall silent and are lost.

use super::{MS, Quote, SECOND, Session, Tape, strategy};
use serde_json::{Value, json};

/// Numbers that look random (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `0` to before `n`.
    pub fn below(&mut self, n: i64) -> i64 {
        (self.next() % n as u64) as i64
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as i64) as usize].clone()
    }

    fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }
}

pub const END: i64 = 3_000 * SECOND;
pub const SIZE: i64 = 100;

fn side(random: &mut Random, best: i32, step: i32, most: i64) -> Vec<Quote> {
    let levels = 1 + random.below(4) as i32;
    (0..levels).map(|k| (best + step * k * (1 + random.below(3) as i32), 1 + random.below(most))).collect()
}

/// A tape of a feed of snapshots, or of differences.
pub fn tape(random: &mut Random, snapshots: bool) -> Tape {
    let mut tape = Tape::default();
    let (mut t, mut bid) = (-5 * SECOND, 10_000);
    let most = random.pick(&[40, 120, 400]);
    let mut whole = true;
    while t < END + 10 * SECOND {
        bid = (bid + random.below(7) as i32 - 3).max(100);
        let spread = 1 + random.below(4) as i32;
        if random.chance(1) {
            tape.control(t, random.pick(&[0, 1, 2, 2, 3]));
            whole = true;
        }
        if whole || (!snapshots && random.chance(1)) {
            // A crossed one now and then.
            let ask = if random.chance(2) { bid - 1 } else { bid + spread };
            let (bids, asks) = (side(random, bid, -1, most), side(random, ask, 1, most));
            let asks = if random.chance(2) { Vec::new() } else { asks };
            tape.snap(t, &bids, &asks);
            whole = snapshots && random.chance(50);
        } else if random.chance(if snapshots { 20 } else { 2 }) {
            tape.repeat(t);
        } else {
            let px = bid + random.below(9) as i32 - 4;
            let side = if px > bid { -1 } else { 1 };
            let levels = [(side, px, random.below(most)), (-side, px, 0)];
            if snapshots {
                tape.frame(t, &levels)
            } else {
                tape.delta(t, &levels)
            };
        }
        t += match random.below(400) {
            0 => 70 * SECOND,
            1..=6 => 8 * SECOND,
            7..=20 => 0,
            _ => (1 + random.below(20)) * 100 * MS,
        };
    }
    tape
}

/// A book that is whole once, then named level by level: what is taken stays taken for long.
pub fn differences(random: &mut Random, end: i64) -> Tape {
    let mut tape = Tape::default();
    let levels = |random: &mut Random, best: i32, step: i32| -> Vec<Quote> {
        (0..6).map(|k| (best + step * k, 20 + random.below(60))).collect()
    };
    let (bids, asks) = (levels(random, 10_000, -1), levels(random, 10_001, 1));
    tape.snap(0, &bids, &asks);
    let mut t = SECOND;
    while t < end {
        let side = random.pick(&[-1, 1]);
        // Mostly too far away for any order.
        let away = if random.chance(15) { random.below(6) } else { 30 + random.below(30) };
        let px = if side > 0 { 10_000 - away } else { 10_001 + away };
        tape.delta(t, &[(side, px as i32, 1 + random.below(80))]);
        t += 2 * SECOND;
    }
    tape
}

/// Decisions at random, with policies of random targets.
pub fn session(random: &mut Random, decisions: usize, policies: usize) -> Session {
    let mut ts: Vec<i64> = (0..decisions).map(|_| random.below(END / (100 * MS)) * 100 * MS).collect();
    ts.sort_unstable();
    let mut session = Session::new(END, &ts, &[]);
    let (latency, den) = (random.pick(&[0, 100, 300, 5_000]) * MS, random.pick(&[1, 2, 4]));
    let fee = random.pick(&[json!(0), json!(1_000_000), json!([[-1, 0], [END / 2, 2_000_000]])]);
    let like = |name: &str, policy: &str, size: i64| {
        let mut strategy = strategy(name, policy);
        strategy["latency_ns"] = latency.into();
        strategy["depth_den"] = den.into();
        strategy["fee_bps_e6"] = fee.clone();
        strategy["size_lots"] = size.into();
        strategy
    };
    let mut strategies = vec![like("benchmark", "benchmark", SIZE), like("oracle_path", "oracle_path", SIZE)];
    for number in 0..policies {
        let name = format!("policy {number}");
        // Some want the same for long.
        let keep = random.pick(&[0, 50, 95]);
        let mut target = SIZE;
        let targets = (0..decisions).map(|_| {
            target = if random.chance(keep) { target } else { random.pick(&[SIZE, 0, -SIZE]) };
            target
        });
        session.policies.push((name.clone(), targets.collect()));
        strategies.push(like(&name, &name, SIZE));
    }
    let window = |random: &mut Random| {
        let from = random.below(END);
        json!([from, from + random.below(400) * SECOND])
    };
    let windows = |random: &mut Random, most: i64| -> Vec<Value> {
        (0..random.below(most)).map(|_| window(random)).collect()
    };
    session.spec["strategies"] = strategies.into();
    session.spec["closed"] = windows(random, 2).into();
    session.spec["no_new_entry"] = windows(random, 3).into();
    session
        .cuts(&[END / 3 / MS * MS, END / 2, END], &[400_000, 1_000_000, 400_000])
        .set("carry_step", random.pick(&[json!([100, 100, 100]), json!([1, 10_000, 7])]))
        .rule("min_interval_ns", random.pick(&[15, 60, 300]) * SECOND)
        .rule("max_order_lots", random.pick(&[SIZE / 2, 150, 10_000]))
}
