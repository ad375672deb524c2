//! Several sources of one stream in one order of receive time.

use crate::columns::flag;
use crate::error::Result;
use crate::message::{Files, Head, Origin};
use crate::report::Report;
use crate::source::Progress;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One thing that was read, with its time on the stream's clock.
#[derive(Clone, Debug)]
pub struct Timed<T> {
    /// ns UTC.
    pub ts_recv: i64,
    /// Bits of [`flag`].
    pub flags: u16,
    /// Where it was read.
    pub origin: Origin,
    /// The thing.
    pub what: T,
}

impl<T> Timed<T> {
    /// The head of a message made of this, with the venue's time and number still to be filled in.
    pub fn head(&self) -> Head {
        let Self { ts_recv, flags, origin, .. } = *self;
        Head { ts_recv, ts_exch: None, venue_seq: None, flags, origin }
    }
}

/// What one file holds, in its own order.
pub type Items<T> = Box<dyn Iterator<Item = Result<Timed<T>>> + Send>;

/// Reads a file from its beginning.
pub type Open<T> = Box<dyn Fn(u32, &Progress) -> Result<Items<T>> + Send>;

/// All that the files hold, ordered by `ts_recv`; of equal times the earlier file comes first.
///
/// Where a file's own clock runs backwards its running maximum stands, with BAD_TS, so the result never runs backwards.
/// Each file is opened once to see where it starts and again when its turn comes: however many files there are, only
/// those that overlap are open.
pub struct Merged<T> {
    order: Vec<u32>,
    /// Start and place in `order` of the files not yet open, the next one last.
    waiting: Vec<(i64, u32)>,
    open: Vec<Option<Source<T>>>,
    /// Next time and place of the open files.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    reader: Open<T>,
    progress: Progress,
}

struct Source<T> {
    items: Items<T>,
    next: Timed<T>,
    latest: i64,
}

impl<T> Merged<T> {
    /// The files with the indices `order`, each read by `reader`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn new(order: Vec<u32>, reader: Open<T>, progress: &Progress, report: &mut Report) -> Result<Self> {
        let mut waiting = Vec::new();
        for (place, &file) in (0u32..).zip(&order) {
            match reader(file, &Progress::default())?.next().transpose()? {
                Some(first) => waiting.push((first.ts_recv, place)),
                None => report.flag(Origin { file, row: 0 }, "no events in the file", String::new),
            }
        }
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        let open = order.iter().map(|_| None).collect();
        Ok(Self { order, waiting, open, heap: BinaryHeap::new(), reader, progress: progress.clone() })
    }

    /// All files in the order of the command, each read by `reader`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn all(files: &Files, reader: Open<T>, progress: &Progress, report: &mut Report) -> Result<Self> {
        Self::new(files.iter().map(|(file, _)| file).collect(), reader, progress, report)
    }

    /// The next item of all.
    ///
    /// # Errors
    /// If a file cannot be read on.
    pub fn next(&mut self, report: &mut Report) -> Result<Option<Timed<T>>> {
        while let Some(&(start, at)) = self.waiting.last() {
            if self.heap.peek().is_some_and(|Reverse((earliest, _))| start > *earliest) {
                break;
            }
            self.waiting.pop();
            let mut items = (self.reader)(self.order[at as usize], &self.progress)?;
            if let Some(next) = items.next().transpose()? {
                self.heap.push(Reverse((next.ts_recv, at)));
                self.open[at as usize] = Some(Source { items, latest: next.ts_recv, next });
            }
        }
        let Some(Reverse((_, at))) = self.heap.pop() else { return Ok(None) };
        let slot = &mut self.open[at as usize];
        let Some(source) = slot else { unreachable!("a file in the heap is open") };
        let item = match source.items.next().transpose()? {
            Some(mut following) => {
                if following.ts_recv < source.latest {
                    let latest = source.latest;
                    report.at(latest);
                    report.flag(following.origin, "time ran backwards", || {
                        format!("{} ns before {latest}", latest - following.ts_recv)
                    });
                    following.ts_recv = latest;
                    following.flags |= flag::BAD_TS;
                }
                source.latest = following.ts_recv;
                self.heap.push(Reverse((following.ts_recv, at)));
                std::mem::replace(&mut source.next, following)
            }
            None => slot.take().expect("it was there a moment ago").next,
        };
        report.messages_read += 1;
        report.at(item.ts_recv);
        Ok(Some(item))
    }
}
