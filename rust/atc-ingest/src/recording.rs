//! What ATC's own recorder writes between the frames of a venue: markers, `{"atc": …}`, that tell where frames are
//! missing. `docs/recording.md` describes them all.
//!
//! Where a connection ended, GAP_START and RESET are stored at the time of the marker: a live reader knew no earlier.
//! The first whole book of the symbol after it brings GAP_END: everything else of the symbol was subscribed to before, and
//! from there on the book is known again. A frame that cannot be read is flagged and left out; the recording goes on.

use crate::error::{Error, Parsed, Result};
use crate::facts::Steps;
use crate::message::{ControlKind, Files, Head, Message};
use crate::report::Report;
use crate::source::Progress;
use crate::stamped::{self, Received};
use crate::text::json;
use serde::Deserialize;
use std::collections::BTreeSet;

/// How a marker begins; the recorder spells it without blanks, and no venue has a key `atc`.
const MARKER: &[u8] = b"{\"atc\":";

#[derive(Deserialize)]
struct Marker<'a> {
    atc: &'a str,
    why: Option<String>,
    silent_s: Option<f64>,
    behind_ns: Option<i64>,
    #[serde(borrow)]
    continues: Option<&'a str>,
    connected: Option<bool>,
    taker_only: Option<bool>,
    #[serde(borrow)]
    symbols: Option<Vec<&'a str>>,
}

/// Whether a line is a marker, and no frame.
pub fn is_marker(text: &[u8]) -> bool {
    text.starts_with(MARKER)
}

/// The symbols that a marker at the beginning of a file names; empty for any other line.
fn symbols(text: &[u8]) -> Vec<String> {
    if !is_marker(text) {
        return Vec::new();
    }
    let named = json::<Marker<'_>>(text).ok().and_then(|marker| marker.symbols).unwrap_or_default();
    named.into_iter().map(str::to_owned).collect()
}

/// The symbol of the files, if they hold one only: by the markers of their beginnings, else by what `of_frame` finds in each
/// frame.
///
/// # Errors
/// If a file cannot be read, and if the files hold no symbol or several.
pub fn only_symbol(
    files: &Files,
    received: Received,
    of_frame: impl Fn(&[u8]) -> Option<String>,
) -> Result<String> {
    let mut found = BTreeSet::new();
    for (file, _) in files.iter() {
        for line in stamped::lines_by(received, files, file, &Progress::default())? {
            let line = line?;
            let named = symbols(line.what.json());
            if !named.is_empty() {
                found.extend(named);
                break;
            }
            found.extend(of_frame(line.what.json()));
        }
    }
    match found.len() {
        1 => Ok(found.pop_first().unwrap_or_default()),
        0 => Err(Error::Data(format!("{}: no frame tells the symbol; give --symbol", files.names()))),
        _ => {
            let there: Vec<_> = found.into_iter().collect();
            Err(Error::Data(format!("the files hold {}; choose one with --symbol", there.join(", "))))
        }
    }
}

/// The connection of a recording, followed for one symbol.
#[derive(Debug, Default)]
pub struct Connection {
    /// A connection was made, and has not told its end yet.
    live: bool,
    /// It brought a frame, of whatever symbol.
    heard: bool,
    /// GAP_START was stored, GAP_END not yet.
    in_gap: bool,
    /// The makers' prints are left out by the venue.
    taker_only: bool,
}

impl Connection {
    /// Whether the venue was asked to leave the makers' prints out.
    pub fn taker_only(&self) -> bool {
        self.taker_only
    }

    /// Whether the connection brought anything.
    pub fn heard(&self) -> bool {
        self.heard
    }

    /// What a marker adds to the stream.
    ///
    /// # Errors
    /// For a marker that cannot be read.
    pub fn marker(
        &mut self,
        text: &[u8],
        head: Head,
        files: &Files,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        let marker: Marker<'_> = json(text)?;
        self.taker_only = marker.taker_only.unwrap_or(self.taker_only);
        match marker.atc {
            "segment" => self.segment(&marker, head, files, out),
            "open" => self.live = true,
            "lost" | "close" => {
                self.lose(head, marker.why.as_deref().unwrap_or("the recording ended"), out);
            }
            "stall" => {
                let silent_s = marker.silent_s.unwrap_or_default();
                self.lose(head, &format!("no frame for {silent_s} s"), out);
            }
            "next" => {}
            "rubbish" => report.flag(head.origin, "frame that is no JSON", || shown(text)),
            "clock" => {
                let behind_ns = marker.behind_ns.unwrap_or_default();
                report.flag(head.origin, "the recorder's clock ran backwards", || format!("{behind_ns} ns"));
            }
            other => report.flag(head.origin, "unknown marker", || other.to_owned()),
        }
        Ok(())
    }

    fn segment(&mut self, marker: &Marker<'_>, head: Head, files: &Files, out: &mut Vec<Message>) {
        let file = head.origin.file;
        let is_before = |name: &str| {
            file.checked_sub(1).is_some_and(|before| {
                let path = files.path(before).file_name().unwrap_or_default().to_string_lossy();
                path.starts_with(name)
            })
        };
        match marker.continues {
            Some(name) if marker.connected == Some(false) => {
                self.lose(head, &format!("not connected since {name}"), out);
            }
            // The first file of a day goes on where the day before ended.
            Some(name) if file > 0 && !is_before(name) => {
                self.lose(head, &format!("{name} is not among the files"), out);
            }
            None if self.live || self.heard => {
                self.lose(head, "the recording before it ended without a word", out)
            }
            _ => {}
        }
        self.live |= marker.connected == Some(true);
    }

    /// Frames are missing from here on, and what was known of the book is void. A connection that brought nothing adds
    /// nothing to the gap that it is in.
    pub fn lose(&mut self, head: Head, why: &str, out: &mut Vec<Message>) {
        if self.heard || !self.in_gap {
            self.start_gap(head, why, out);
        }
        (self.live, self.heard) = (false, false);
    }

    /// A frame came on this connection.
    pub fn frame(&mut self) {
        (self.live, self.heard) = (true, true);
    }

    /// A frame that changed the book could not be read: as after a loss, but for the connection, which goes on.
    pub fn unreadable_book(&mut self, head: Head, why: &str, out: &mut Vec<Message>) {
        if !self.in_gap {
            self.start_gap(head, why, out);
        }
    }

    fn start_gap(&mut self, head: Head, why: &str, out: &mut Vec<Message>) {
        self.in_gap = true;
        out.push(head.control(ControlKind::GapStart, why));
        out.push(head.control(ControlKind::Reset, "the book is unknown until the next whole one"));
    }

    /// The whole book of the symbol came.
    pub fn whole_book(&mut self, head: Head, out: &mut Vec<Message>) {
        if self.in_gap {
            self.in_gap = false;
            out.push(head.control(ControlKind::GapEnd, "whole book"));
        }
    }
}

fn shown(text: &[u8]) -> String {
    crate::text::shown(text.strip_prefix(MARKER).unwrap_or(text))
}

/// Whether a number of a frame looks like one that a venue writes: digits, a point, an exponent, no sign before it.
pub fn is_plain_number(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1
}

/// The volume of a ticker, lots. It is a sum over a day and decides nothing: where it is no multiple of the lot, it is
/// left out, and the rest of the ticker kept.
pub fn volume(steps: &Steps, text: Option<&str>, head: &Head, report: &mut Report) -> Option<i64> {
    match steps.qty(text?) {
        Ok(lots) => Some(lots),
        Err(why) => {
            report.repair(head.origin, "volume left out", || why);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Body, Origin};

    fn head(ts_recv: i64, file: u32) -> Head {
        Head { ts_recv, ts_exch: None, venue_seq: None, flags: 0, origin: Origin { file, row: 1 } }
    }

    /// Kinds and details of what some markers (and, as `book`, whole books) make.
    fn told(lines: &[(u32, &str)]) -> Vec<(ControlKind, String)> {
        let files = Files::new(vec!["a.jsonl.gz".into(), "b.jsonl.gz".into()]);
        let (mut connection, mut report, mut out) = (Connection::default(), Report::new(0, true), Vec::new());
        for (ts, (file, text)) in lines.iter().enumerate() {
            let head = head(ts as i64, *file);
            if *text == "frame" {
                connection.frame();
            } else if *text == "book" {
                connection.frame();
                connection.whole_book(head, &mut out);
            } else {
                connection.marker(text.as_bytes(), head, &files, &mut out, &mut report).unwrap();
            }
        }
        out.into_iter()
            .map(|message| match message.body {
                Body::Control { kind, detail } => (kind, detail.unwrap()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn kinds(lines: &[(u32, &str)]) -> Vec<ControlKind> {
        told(lines).into_iter().map(|(kind, _)| kind).collect()
    }

    use ControlKind::{GapEnd, GapStart, Reset};

    #[test]
    fn a_lost_connection_is_one_gap_until_a_whole_book() {
        let lines = [
            (0, r#"{"atc":"segment","continues":null,"connected":false}"#),
            (0, r#"{"atc":"open"}"#),
            (0, "book"),
            (0, r#"{"atc":"stall","silent_s":30.0}"#),
            (0, r#"{"atc":"lost","why":"no frame for 30 s"}"#),
            (0, r#"{"atc":"open"}"#),
            (0, "book"),
            (0, "book"),
        ];
        assert_eq!(kinds(&lines), [GapStart, Reset, GapEnd]);
        assert_eq!(told(&lines)[0].1, "no frame for 30 s");
    }

    #[test]
    fn each_loss_is_told_but_not_that_of_a_connection_that_brought_nothing() {
        let lost = r#"{"atc":"lost","why":"it broke"}"#;
        let open = r#"{"atc":"open"}"#;
        let lines = [(0, open), (0, "book"), (0, lost), (0, open), (0, lost), (0, open), (0, lost)];
        assert_eq!(kinds(&lines), [GapStart, Reset]);
        let lines =
            [(0, open), (0, "frame"), (0, lost), (0, open), (0, "frame"), (0, lost), (0, open), (0, "book")];
        assert_eq!(kinds(&lines), [GapStart, Reset, GapStart, Reset, GapEnd]);
        let lines = [(0, open), (0, lost), (0, open), (0, "book")];
        assert_eq!(kinds(&lines), [GapStart, Reset, GapEnd]);
    }

    #[test]
    fn a_rotation_is_no_gap_unless_a_file_is_missing() {
        let begun = [(0, r#"{"atc":"open"}"#), (0, "book"), (0, r#"{"atc":"next"}"#)];
        let with = |text: &'static str| [&begun[..], &[(1, text), (1, "book")]].concat();
        assert_eq!(kinds(&with(r#"{"atc":"segment","continues":"a.jsonl","connected":true}"#)), []);
        let missing = told(&with(r#"{"atc":"segment","continues":"x.jsonl","connected":true}"#));
        assert_eq!(missing[0].1, "x.jsonl is not among the files");
        assert_eq!(missing.len(), 3);
        let apart = told(&with(r#"{"atc":"segment","continues":"a.jsonl","connected":false}"#));
        assert_eq!(apart[0], (GapStart, "not connected since a.jsonl".to_owned()));
        let silent = told(&with(r#"{"atc":"segment","continues":null,"connected":false}"#));
        assert_eq!(silent[0].1, "the recording before it ended without a word");
    }

    #[test]
    fn the_first_file_of_a_day_may_go_on_from_the_day_before() {
        let lines = [(0, r#"{"atc":"segment","continues":"z.jsonl","connected":true}"#), (0, "book")];
        assert_eq!(kinds(&lines), []);
    }

    #[test]
    fn numbers_of_venues_are_told_from_rubbish() {
        for good in ["1", "0.10", "471328.0", "1E-08", "1e+3"] {
            assert!(is_plain_number(good), "{good}");
        }
        for bad in ["", "-1", "+1", ".5", "abc", "0x1", "1.2.3", "NaN", "1 "] {
            assert!(!is_plain_number(bad), "{bad}");
        }
    }
}
