//! The venue's sessions: open, closed for maintenance, and the pre-open that takes cancels only.

use crate::params::Maintenance;

/// What the venue takes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// Everything.
    Open,
    /// Nothing; nothing is published either.
    Closed,
    /// Cancels only; the book is published.
    PreOpen,
}

impl Session {
    /// The word of GMO Coin's public status, `public/v1/status`.
    pub fn status(self) -> &'static str {
        match self {
            Session::Open => "OPEN",
            Session::Closed => "MAINTENANCE",
            Session::PreOpen => "PREOPEN",
        }
    }
}

/// Walks through a calendar in time.
#[derive(Clone, Debug)]
pub(crate) struct SessionClock {
    /// When which session begins, in order.
    coming: Vec<(i64, Session)>,
    next: usize,
    now: Session,
}

impl SessionClock {
    /// The sessions of a calendar that is in order; open before it begins.
    pub fn new(calendar: &[Maintenance]) -> Self {
        let coming = calendar
            .iter()
            .flat_map(|one| {
                let preopen = (one.end_ns < one.open_ns).then_some((one.end_ns, Session::PreOpen));
                [Some((one.start_ns, Session::Closed)), preopen, Some((one.open_ns, Session::Open))]
            })
            .flatten()
            .collect();
        Self { coming, next: 0, now: Session::Open }
    }

    /// The session at the time that was reached last.
    pub fn now(&self) -> Session {
        self.now
    }

    /// When the next session begins, ns.
    pub fn constant_until(&self) -> i64 {
        self.coming.get(self.next).map_or(i64::MAX, |(ts, _)| *ts)
    }

    /// Goes on to the next session that has begun by `now` (ns); gives when it began, and false when there is none.
    pub fn step(&mut self, now: i64) -> Option<i64> {
        let (ts, session) = *self.coming.get(self.next)?;
        if ts > now {
            return None;
        }
        self.next += 1;
        self.now = session;
        Some(ts)
    }

    /// Goes on to `now` (ns).
    pub fn advance(&mut self, now: i64) {
        while self.step(now).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_follow_the_calendar() {
        let calendar = [
            Maintenance { start_ns: 10, end_ns: 20, open_ns: 30 },
            Maintenance { start_ns: 40, end_ns: 50, open_ns: 50 },
        ];
        let mut clock = SessionClock::new(&calendar);
        let found: Vec<Session> = [9, 10, 19, 20, 29, 30, 45, 50]
            .map(|now| {
                clock.advance(now);
                clock.now()
            })
            .to_vec();
        use Session::{Closed, Open, PreOpen};
        assert_eq!(found, [Open, Closed, Closed, PreOpen, PreOpen, Open, Closed, Open]);
        assert_eq!(clock.constant_until(), i64::MAX);
    }
}
