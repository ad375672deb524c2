/// Numbers without a pattern, from 0 to `below` − 1 (Knuth's linear congruential generator).
pub fn scattered(n: usize, below: u64, seed: u64) -> Vec<i64> {
    let mut state = seed;
    let draw = move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below) as i64
    };
    (0..n).map(draw).collect()
}
