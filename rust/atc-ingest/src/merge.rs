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

    /// The same with another thing.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Timed<U> {
        let Self { ts_recv, flags, origin, what } = self;
        Timed { ts_recv, flags, origin, what: change(what) }
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
    /// The file whose item was given last.
    read_on: Option<u32>,
    reader: Open<T>,
    progress: Progress,
}

struct Source<T> {
    items: Items<T>,
    next: Option<Timed<T>>,
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
        let progress = progress.clone();
        Ok(Self { order, waiting, open, heap: BinaryHeap::new(), read_on: None, reader, progress })
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
        // Not earlier, so that what is found wrong with an item is told after what the items before it led to.
        if let Some(at) = self.read_on.take() {
            self.advance(at, report)?;
        }
        while let Some(&(start, at)) = self.waiting.last() {
            if self.heap.peek().is_some_and(|Reverse((earliest, _))| start > *earliest) {
                break;
            }
            self.waiting.pop();
            let items = (self.reader)(self.order[at as usize], &self.progress)?;
            self.open[at as usize] = Some(Source { items, next: None, latest: i64::MIN });
            self.advance(at, report)?;
        }
        let Some(Reverse((_, at))) = self.heap.pop() else { return Ok(None) };
        let item = self.open[at as usize].as_mut().and_then(|source| source.next.take());
        self.read_on = Some(at);
        if let Some(item) = &item {
            report.messages_read += 1;
            report.at(item.ts_recv);
        }
        Ok(item)
    }

    /// Reads the next item of an open file, or closes it.
    fn advance(&mut self, at: u32, report: &mut Report) -> Result<()> {
        let Some(source) = &mut self.open[at as usize] else { return Ok(()) };
        match source.items.next().transpose()? {
            None => self.open[at as usize] = None,
            Some(mut item) => {
                let latest = source.latest;
                if item.ts_recv < latest {
                    report.at(latest);
                    report.flag(item.origin, "time ran backwards", || {
                        format!("{} ns before {latest}", latest.saturating_sub(item.ts_recv))
                    });
                    item.ts_recv = latest;
                    item.flags |= flag::BAD_TS;
                }
                source.latest = item.ts_recv;
                self.heap.push(Reverse((item.ts_recv, at)));
                source.next = Some(item);
            }
        }
        Ok(())
    }
}
