//! The files in a zip archive: where each lies, and its unpacked content, checked against the sum that the archive says.

use crate::source::{Counted, Progress};
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

const BUFFER: usize = 64 * 1024;

/// Where a file of an archive lies, and how it is packed.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name in the archive.
    pub name: String,
    start: u64,
    packed: u64,
    deflated: bool,
    crc: u32,
}

/// The files of an archive, in the order of its directory.
///
/// # Errors
/// For what is no archive, for a cut one, and for files that are encrypted or packed otherwise than by deflate.
pub fn members(path: &Path) -> io::Result<Vec<Member>> {
    let damaged = |error: ZipError| io::Error::new(io::ErrorKind::InvalidData, format!("no zip ({error})"));
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
    (0..archive.len())
        .map(|index| {
            let entry = archive.by_index_raw(index).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            let unsupported =
                |what: &str| io::Error::new(io::ErrorKind::Unsupported, format!("{name} in it {what}"));
            if entry.encrypted() {
                return Err(unsupported("is encrypted"));
            }
            let deflated = match entry.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::DEFLATE => true,
                other => {
                    return Err(unsupported(&format!(
                        "is packed with {other}; expected deflate or no packing"
                    )));
                }
            };
            let start = entry.data_start().ok_or_else(|| unsupported("has no content"))?;
            Ok(Member { start, packed: entry.compressed_size(), deflated, crc: entry.crc32(), name })
        })
        .collect()
}

impl Member {
    /// Its content from the beginning, and the count of its packed bytes that were read.
    ///
    /// # Errors
    /// If the archive cannot be opened.
    pub fn open(&self, path: &Path, progress: &Progress) -> io::Result<(Content, Arc<AtomicU64>)> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let counted = Counted::new(file.take(self.packed), progress);
        let count = counted.count();
        let raw = BufReader::with_capacity(BUFFER, counted);
        let inner: Box<dyn Read + Send> =
            if self.deflated { Box::new(DeflateDecoder::new(raw)) } else { Box::new(raw) };
        Ok((Content { inner, crc: Crc::new(), expected: self.crc }, count))
    }
}

/// The unpacked bytes of a file of an archive. At the end, another checksum than the archive says is an error of kind
/// `InvalidData`.
pub struct Content {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    expected: u32,
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.crc.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            let told = format!("CRC-32 is {:08x}; expected {:08x}", self.crc.sum(), self.expected);
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        Ok(n)
    }
}
