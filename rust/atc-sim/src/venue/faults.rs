//! What goes wrong between the venue and its receiver, each kind at random times of its own.

use crate::{day::Injected, pace::nanoseconds, params::Params, rng::Rng};

const DAY_S: f64 = 86_400.0;
/// Faults of one kind keep this distance, so that two of them can be told apart, ns.
const LEAST_DISTANCE: i64 = 10_000_000_000;
/// The longest lost connection, s: a longer one would be counted among the silent stretches, of 60 s, as well.
const LONGEST_DISCONNECT_S: f64 = 50.0;

/// Times of a Poisson process, some times a day.
#[derive(Clone, Debug)]
struct Times {
    rng: Rng,
    per_day: f64,
    next: i64,
}

impl Times {
    fn new(per_day: f64, seed: u64, stream: u64, now: i64) -> Self {
        let mut times = Self { rng: Rng::new(seed, stream), per_day, next: i64::MAX };
        times.draw(now);
        times
    }

    fn draw(&mut self, now: i64) {
        if self.per_day > 0.0 {
            self.next = now + LEAST_DISTANCE + nanoseconds(self.rng.exponential(DAY_S / self.per_day));
        }
    }

    fn due(&self, now: i64) -> bool {
        self.next <= now
    }
}

/// Whether messages come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    /// The connection is lost until a time; the first snapshot after it is the first message.
    Lost(i64),
    /// Nothing is delivered until a time.
    Stalled(i64),
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is delivered.
    Delivered,
    /// It is not.
    Missed,
    /// The connection breaks: the message is not delivered, and the receiver notices.
    Breaks,
    /// It is the first one on a new connection.
    Rejoins,
}

/// The faults of a feed. Which messages they meet does not depend on whether a fault of another kind is switched on.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    disconnect: Times,
    disconnect_mean_s: f64,
    stall: Times,
    stall_least_s: f64,
    duplicate: Times,
    crossed: Times,
    clock: Times,
    venue: Times,
    link: Link,
}

impl Faults {
    /// The faults of the parameters from `now` (ns) on.
    pub fn new(params: &Params, seed: u64, now: i64) -> Self {
        let times = |per_day, stream| Times::new(per_day, seed, stream, now);
        Self {
            disconnect: times(params.disconnects_per_day, 41),
            disconnect_mean_s: params.disconnect_mean_s,
            stall: times(params.stalls_per_day, 42),
            stall_least_s: params.stall_least_s,
            duplicate: times(params.duplicate_prints_per_day, 43),
            crossed: times(params.crossed_snapshots_per_day, 44),
            clock: times(params.clock_regressions_per_day, 45),
            venue: times(params.venue_regressions_per_day, 46),
            link: Link::Up,
        }
    }

    /// The fate of a message at `ts` (ns). A fault that lasts ends before `calm_until` (ns), the next change of the
    /// session or of the day, or is put off: so each one lies within a day and is none of the venue's silences.
    pub fn fate(&mut self, ts: i64, is_snapshot: bool, calm_until: i64, injected: &mut Injected) -> Fate {
        match self.link {
            Link::Lost(until) if ts >= until && is_snapshot => {
                self.link = Link::Up;
                return Fate::Rejoins;
            }
            Link::Lost(_) => return Fate::Missed,
            Link::Stalled(until) if ts < until => return Fate::Missed,
            Link::Stalled(_) => self.link = Link::Up,
            Link::Up => {}
        }
        // A second for what is on its way at either end.
        let fits = |until: i64| until + 1_000_000_000 < calm_until;
        if self.disconnect.due(ts) {
            let length = self.disconnect.rng.exponential(self.disconnect_mean_s).min(LONGEST_DISCONNECT_S);
            let until = ts + nanoseconds(length);
            self.disconnect.draw(until);
            if fits(until) {
                self.link = Link::Lost(until);
                injected.disconnects += 1;
                return Fate::Breaks;
            }
        }
        if self.stall.due(ts) {
            let until = ts + nanoseconds(self.stall_least_s * (1.0 + self.stall.rng.uniform()));
            self.stall.draw(until);
            if fits(until) {
                self.link = Link::Stalled(until);
                injected.stalls += 1;
                return Fate::Missed;
            }
        }
        Fate::Delivered
    }

    /// Whether the prints of an execution at `ts` (ns) are delivered twice.
    pub fn duplicates(&mut self, ts: i64) -> bool {
        Self::once(&mut self.duplicate, ts)
    }

    /// How far above the best ask a snapshot at `ts` (ns) has a bid, ticks, and with how many lots.
    pub fn crosses(&mut self, ts: i64) -> Option<(i32, i64)> {
        Self::once(&mut self.crossed, ts)
            .then(|| (1 + self.crossed.rng.below(200) as i32, 1 + self.crossed.rng.below(100) as i64))
    }

    /// Whether the receiver's clock ran backwards at `ts` (ns).
    pub fn clock_regresses(&mut self, ts: i64) -> bool {
        Self::once(&mut self.clock, ts)
    }

    /// Whether the venue's time of a message at `ts` (ns) lies before that of the message before.
    pub fn venue_regresses(&mut self, ts: i64) -> bool {
        Self::once(&mut self.venue, ts)
    }

    fn once(times: &mut Times, ts: i64) -> bool {
        let due = times.due(ts);
        if due {
            times.draw(ts);
        }
        due
    }
}
