//! A queue of timed items addressed by their number since the start, so that windows are plain indices into it.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Items in order of time; item numbers never change, and old items can be forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timeline<T> {
    start: u64,
    items: VecDeque<(i64, T)>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Timeline<T> {
    /// Empty.
    pub const fn new() -> Self {
        Self { start: 0, items: VecDeque::new() }
    }

    /// Number after the newest item.
    pub fn end(&self) -> u64 {
        self.start + self.items.len() as u64
    }

    /// Every so many items a window that nobody asked is moved on all the same, so that it keeps no more than it must.
    pub fn is_due(&self) -> bool {
        self.end().is_multiple_of(64)
    }

    /// Appends an item at `t`, which is not before the newest.
    pub fn push(&mut self, t: i64, item: T) {
        debug_assert!(self.items.back().is_none_or(|(last, _)| *last <= t));
        self.items.push_back((t, item));
    }

    /// Takes the newest item away.
    pub fn pop(&mut self) -> Option<(i64, T)> {
        self.items.pop_back()
    }

    /// The newest item.
    pub fn last(&self) -> Option<&(i64, T)> {
        self.items.back()
    }

    /// Item `number`, which must not have been forgotten.
    pub fn get(&self, number: u64) -> &T {
        &self.items[(number - self.start) as usize].1
    }

    /// Time of item `number`.
    pub fn time(&self, number: u64) -> i64 {
        self.items[(number - self.start) as usize].0
    }

    /// First number, from `from` on, whose item is later than `t`: the first of a window `(t, …]`,
    /// and one past the item in force at `t`.
    pub fn seek(&self, from: u64, t: i64) -> u64 {
        let mut number = from.max(self.start);
        while number < self.end() && self.time(number) <= t {
            number += 1;
        }
        number
    }

    /// Lets go of the items before `number`.
    pub fn forget_before(&mut self, number: u64) {
        while self.start < number && !self.items.is_empty() {
            self.items.pop_front();
            self.start += 1;
        }
    }
}
