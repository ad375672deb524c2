//! Recordings of one JSON message a line, each with the recorder's clock before it: `<receive ns> <JSON>`.

use crate::error::{Parsed, Problem, Result};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Files, Origin};
use crate::report::Report;
use crate::source::{Lines, Progress};
use crate::text::shown;

/// A line; its time is that of the [`Timed`] around it.
pub struct Line {
    text: Vec<u8>,
    json: usize,
}

impl Line {
    /// What follows the time.
    pub fn json(&self) -> &[u8] {
        &self.text[self.json..]
    }
}

/// Where a line's receive time (ns) and message are: the time, and where the message begins. `None`: no message.
pub type Received = fn(&[u8]) -> Parsed<Option<(i64, usize)>>;

/// The lines of all files in one order of receive time.
///
/// # Errors
/// If a file cannot be read.
pub fn merged(files: &Files, progress: &Progress, report: &mut Report) -> Result<Merged<Line>> {
    merged_by(|text| received(text).map(Some), files, progress, report)
}

/// [`merged`] of files with another spelling of the time.
///
/// # Errors
/// If a file cannot be read.
pub fn merged_by(
    received: Received,
    files: &Files,
    progress: &Progress,
    report: &mut Report,
) -> Result<Merged<Line>> {
    let named = files.clone();
    let reader = Box::new(move |file, progress: &Progress| lines_by(received, &named, file, progress));
    Merged::all(files, reader, progress, report)
}

/// The lines of one file.
///
/// # Errors
/// If it cannot be read; an item is an error for a line that does not begin with a time.
pub fn lines(files: &Files, file: u32, progress: &Progress) -> Result<Items<Line>> {
    lines_by(|text| received(text).map(Some), files, file, progress)
}

/// [`lines`] of a file with another spelling of the time.
///
/// # Errors
/// As [`lines`].
pub fn lines_by(received: Received, files: &Files, file: u32, progress: &Progress) -> Result<Items<Line>> {
    let mut lines = Lines::open(files.path(file), progress)?;
    let files = files.clone();
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            let mut text = Vec::new();
            let row = match lines.read(&mut text) {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some(row)) => row,
            };
            let origin = Origin { file, row };
            match received(&text) {
                Err(problem) => return Some(Err(problem.at(&files, origin))),
                Ok(None) => {}
                Ok(Some((ts_recv, json))) => {
                    let what = Line { text, json };
                    return Some(Ok(Timed { ts_recv, flags: 0, origin, what }));
                }
            }
        }
    })))
}

/// The receive time at the beginning of a line, and where its JSON object begins.
fn received(line: &[u8]) -> Parsed<(i64, usize)> {
    let (ts, json) = time_before(line)?;
    match line[json..].first() {
        Some(b'{') => Ok((ts, json)),
        _ => Err(Problem(format!("found {} after the time; expected a JSON object", shown(&line[json..])))),
    }
}

/// The receive time at the beginning of a line, and where the rest begins, whatever that is.
///
/// # Errors
/// For a line that does not begin with a time.
pub fn time_before(line: &[u8]) -> Parsed<(i64, usize)> {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let time = std::str::from_utf8(&line[..end]).ok().filter(|time| !time.starts_with(['+', '-']));
    match time.and_then(|time| time.parse().ok()) {
        Some(ts) => Ok((ts, (end + 1).min(line.len()))),
        None => {
            let found = shown(&line[..end.min(20)]);
            Err(Problem(format!("the line begins with {found}; expected the receive time in ns")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_its_time() {
        assert_eq!(received(b"17 {}"), Ok((17, 3)));
        for bad in [&b"{\"a\":1}"[..], b"", b"+1 {}", b"1x {}", b"99999999999999999999 {}"] {
            let told = received(bad).unwrap_err().0;
            assert!(told.contains("expected the receive time in ns"), "{told}");
        }
        assert!(
            received(b"17 [1]").unwrap_err().0.contains("found '[1]' after the time; expected a JSON object")
        );
    }
}
