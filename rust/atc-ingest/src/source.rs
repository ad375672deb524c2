//! Source files of any length, plain, gzip or a zip of one file, with errors that say where.

use crate::archive;
use crate::error::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BUFFER: usize = 256 * 1024;

/// What some editors put before a text in UTF-8; it belongs to no line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of the files (as they lie on the disk) that were read so far, over all files of an ingest.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// The sum until now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// More bytes were read.
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A reader of packed bytes that counts them, for itself and in the progress of the whole.
pub struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
    progress: Progress,
}

impl<R: Read> Counted<R> {
    /// Nothing was read yet.
    pub fn new(inner: R, progress: &Progress) -> Self {
        Self { inner, read: Arc::default(), progress: progress.clone() }
    }

    /// The count, which goes on counting.
    pub fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        self.progress.add(n as u64);
        Ok(n)
    }
}

/// The decompressed bytes of a file.
pub struct Content {
    reader: Box<dyn BufRead + Send>,
    read: Arc<AtomicU64>,
    name: String,
    /// How it is packed, in a message.
    packed: &'static str,
}

impl Content {
    /// Opens a file; gzip and zip are recognised by their first bytes.
    ///
    /// # Errors
    /// If there is no such file, or if a zip cannot be read.
    pub fn open(path: &Path, progress: &Progress) -> Result<Self> {
        let name = path.display().to_string();
        let failed = |error: io::Error| Error::Data(format!("{name}: cannot be read ({error})"));
        let file = File::open(path).map_err(failed)?;
        let counted = Counted::new(file, progress);
        let mut read = counted.count();
        let mut raw = BufReader::with_capacity(BUFFER, counted);
        let (reader, packed): (Box<dyn BufRead + Send>, _) = match raw.fill_buf().map_err(failed)? {
            [0x1f, 0x8b, ..] => {
                (Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))), "gzip")
            }
            [b'P', b'K', 3, 4, ..] => {
                let members = archive::members(path).map_err(failed)?;
                let [member] = &members[..] else {
                    let text = format!(
                        "{name}: a zip of {} files; unpack it and give the ones in it",
                        members.len()
                    );
                    return Err(Error::Data(text));
                };
                // The archive is opened again, at the file in it: what was read to recognise it does not count.
                progress.0.fetch_sub(read.load(Ordering::Relaxed), Ordering::Relaxed);
                let (content, count) = member.open(path, progress).map_err(failed)?;
                read = count;
                (Box::new(BufReader::with_capacity(BUFFER, content)), "zip")
            }
            _ => (Box::new(raw), "file"),
        };
        Ok(Self { reader, read, name, packed })
    }

    fn failed(&self, error: &io::Error, place: &str) -> Error {
        let (name, packed, read) = (&self.name, self.packed, self.read.load(Ordering::Relaxed));
        Error::Data(match error.kind() {
            io::ErrorKind::UnexpectedEof => format!(
                "{name}: the {packed} ends {place}, byte {read}, before its end mark; it was cut: fetch it again"
            ),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                format!("{name}: damaged {packed} {place}, byte {read} ({error}); fetch it again")
            }
            _ => format!("{name}: cannot be read {place} ({error})"),
        })
    }

    /// The whole content, for files that are one document.
    ///
    /// # Errors
    /// As [`Lines::read`].
    pub fn whole(mut self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        match self.reader.read_to_end(&mut content) {
            Ok(_) if content.iter().all(u8::is_ascii_whitespace) => {
                Err(Error::Data(format!("{}: the file is empty; expected a JSON document", self.name)))
            }
            Ok(_) => {
                if content.starts_with(BYTE_ORDER_MARK) {
                    content.drain(..BYTE_ORDER_MARK.len());
                }
                Ok(content)
            }
            Err(error) => Err(self.failed(&error, "in its only document")),
        }
    }
}

/// The lines of a file that are not blank, without their ends.
pub struct Lines {
    content: Content,
    row: u64,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn open(path: &Path, progress: &Progress) -> Result<Self> {
        Ok(Self { content: Content::open(path, progress)?, row: 0 })
    }

    /// The next line into `line`, and its number from 1; `None` at the end.
    ///
    /// # Errors
    /// For an empty file and for a truncated or damaged gzip, with the line and byte reached.
    pub fn read(&mut self, line: &mut Vec<u8>) -> Result<Option<u64>> {
        loop {
            line.clear();
            match self.content.reader.read_until(b'\n', line) {
                Ok(0) if self.row == 0 => {
                    let name = &self.content.name;
                    return Err(Error::Data(format!(
                        "{name}: the file is empty; expected at least one line"
                    )));
                }
                Ok(0) => return Ok(None),
                Ok(_) => {
                    self.row += 1;
                    if self.row == 1 && line.starts_with(BYTE_ORDER_MARK) {
                        line.drain(..BYTE_ORDER_MARK.len());
                    }
                    while line.last().is_some_and(u8::is_ascii_whitespace) {
                        line.pop();
                    }
                    if !line.is_empty() {
                        return Ok(Some(self.row));
                    }
                }
                Err(error) => return Err(self.content.failed(&error, &format!("after line {}", self.row))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn written(name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("atc-source-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn lines(path: &Path) -> Result<Vec<(u64, String)>> {
        let (mut lines, mut line, mut all) =
            (Lines::open(path, &Progress::default())?, Vec::new(), Vec::new());
        while let Some(row) = lines.read(&mut line)? {
            all.push((row, String::from_utf8(line.clone()).unwrap()));
        }
        Ok(all)
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_gzip_give_the_same_lines() {
        let text = b"one\r\n\n two\nthree";
        let expected = vec![(1, "one".to_owned()), (3, " two".to_owned()), (4, "three".to_owned())];
        assert_eq!(lines(&written("plain", text)).unwrap(), expected);
        let mut two_members = packed(b"one\r\n\n t");
        two_members.extend(packed(b"wo\nthree"));
        assert_eq!(lines(&written("gzip", &two_members)).unwrap(), expected);
        let marked = [BYTE_ORDER_MARK, &text[..]].concat();
        assert_eq!(lines(&written("marked", &marked)).unwrap(), expected);
    }

    #[test]
    fn what_is_cut_or_damaged_is_told_with_its_place() {
        let text: Vec<u8> =
            (0..20_000u64).flat_map(|i| format!("{}\n", i * i * 7_919).into_bytes()).collect();
        let whole = packed(&text);
        let told = lines(&written("cut", &whole[..whole.len() / 2])).unwrap_err().to_string();
        assert!(told.contains("the gzip ends after line") && told.contains("it was cut"), "{told}");
        let mut damaged = whole.clone();
        for byte in &mut damaged[whole.len() / 2..whole.len() / 2 + 8] {
            *byte ^= 0x5a;
        }
        let told = lines(&written("damaged", &damaged)).unwrap_err().to_string();
        assert!(told.contains("damaged gzip after line"), "{told}");
        assert!(lines(&written("empty", b"")).unwrap_err().to_string().contains("is empty"));
    }
}
