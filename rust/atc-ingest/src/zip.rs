//! The one file of a zip archive, read from its beginning to its end as it comes.
//!
//! Archives of recordings hold one CSV each, so the directory at the end of the archive is not needed: the header before
//! the file says how it is packed. Source: PKWARE, "APPNOTE.TXT: .ZIP File Format Specification", 4.3.7 and 4.3.9.

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use std::io::{self, BufRead, Read, Take};

const LOCAL_HEADER: &[u8; 4] = b"PK\x03\x04";
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";

/// Bits of the header's flags.
const ENCRYPTED: u16 = 1;
const SUM_FOLLOWS: u16 = 1 << 3;

/// The content of the only file of an archive.
pub struct Member<R: BufRead> {
    /// `None` at the end.
    content: Option<CrcReader<Content<R>>>,
    /// The CRC-32 that the header says; `None`: it follows the content.
    sum: Option<u32>,
}

enum Content<R: BufRead> {
    Deflated(DeflateDecoder<R>),
    Stored(Take<R>),
}

impl<R: BufRead> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Deflated(reader) => reader.read(buffer),
            Self::Stored(reader) => reader.read(buffer),
        }
    }
}

impl<R: BufRead> Content<R> {
    fn into_inner(self) -> R {
        match self {
            Self::Deflated(reader) => reader.into_inner(),
            Self::Stored(reader) => reader.into_inner(),
        }
    }
}

impl<R: BufRead> Member<R> {
    /// Reads the header at the beginning of an archive.
    ///
    /// # Errors
    /// For an archive that is empty, encrypted, packed otherwise than by deflate, or cut.
    pub fn open(mut archive: R) -> io::Result<Self> {
        let mut header = [0; 30];
        archive.read_exact(&mut header)?;
        let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
        if !header.starts_with(LOCAL_HEADER) {
            return Err(unsupported("it begins with no file"));
        }
        let (flags, method) = (u16_at(6), u16_at(8));
        if flags & ENCRYPTED != 0 {
            return Err(unsupported("it is encrypted"));
        }
        io::copy(&mut (&mut archive).take(u64::from(u16_at(26)) + u64::from(u16_at(28))), &mut io::sink())?;
        let sum_follows = flags & SUM_FOLLOWS != 0;
        let content = match method {
            8 => Content::Deflated(DeflateDecoder::new(archive)),
            0 if !sum_follows && u32_at(18) != u32::MAX => {
                Content::Stored(archive.take(u64::from(u32_at(18))))
            }
            _ => return Err(unsupported("it is not packed by deflate")),
        };
        let sum = (!sum_follows).then(|| u32_at(14));
        Ok(Self { content: Some(CrcReader::new(content)), sum })
    }

    /// Compares the sum of what was read and looks whether the archive holds a second file.
    fn finish(&self, content: CrcReader<Content<R>>) -> io::Result<()> {
        let found = content.crc().sum();
        let mut archive = content.into_inner().into_inner();
        let mut next = [0; 4];
        archive.read_exact(&mut next)?;
        let expected = match self.sum {
            Some(expected) => expected,
            None => {
                // The signature of the descriptor may be left out.
                if next == *DESCRIPTOR {
                    archive.read_exact(&mut next)?;
                }
                let expected = u32::from_le_bytes(next);
                // Two sizes, of 4 or of 8 bytes each, and what follows them.
                let mut rest = [0; 20];
                archive.read_exact(&mut rest)?;
                next = [8, 16]
                    .map(|at| [rest[at], rest[at + 1], rest[at + 2], rest[at + 3]])
                    .into_iter()
                    .find(|bytes| bytes.starts_with(b"PK"))
                    .unwrap_or_default();
                expected
            }
        };
        if found != expected {
            let told = format!("CRC-32 is {found:08x}; expected {expected:08x}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        if next == *LOCAL_HEADER {
            return Err(unsupported("it holds several files"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(content) = &mut self.content else { return Ok(0) };
        let n = content.read(buffer)?;
        if n == 0
            && !buffer.is_empty()
            && let Some(content) = self.content.take()
        {
            self.finish(content)?;
        }
        Ok(n)
    }
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("a zip, but {what}; unpack it and give the file in it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, Crc, write::DeflateEncoder};
    use std::io::Write;

    /// A file of an archive, as zip writes it.
    fn member(text: &[u8], method: u16, follows: bool, sum: Option<u32>) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(text);
        let sum = sum.unwrap_or(crc.sum());
        let packed = if method == 8 {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        } else {
            text.to_vec()
        };
        let mut bytes = LOCAL_HEADER.to_vec();
        let flags = if follows { SUM_FOLLOWS } else { 0 };
        for part in [20, flags, method, 0, 0] {
            bytes.extend(part.to_le_bytes());
        }
        let known = |value: u32| if follows { 0 } else { value }.to_le_bytes();
        bytes.extend([known(sum), known(packed.len() as u32), known(text.len() as u32)].concat());
        bytes.extend([5u16, 3].map(u16::to_le_bytes).concat());
        bytes.extend(b"a.csvxyz");
        bytes.extend(&packed);
        if follows {
            bytes.extend(DESCRIPTOR);
            bytes.extend([sum, packed.len() as u32, text.len() as u32].map(u32::to_le_bytes).concat());
        }
        bytes
    }

    /// The directory at the end, as long as the shortest one.
    fn archive(members: &[Vec<u8>]) -> Vec<u8> {
        [members.concat(), b"PK\x01\x02".to_vec(), vec![0; 64]].concat()
    }

    fn read(archive: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Member::open(archive)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn one_file_however_it_is_written() {
        let text = "id,price\n".repeat(10_000);
        for (method, follows) in [(8, false), (8, true), (0, false)] {
            let written = archive(&[member(text.as_bytes(), method, follows, None)]);
            assert_eq!(read(&written).unwrap(), text, "method {method}, sum follows: {follows}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let good = member(b"id,price\n", 8, false, None);
        let told = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        for follows in [false, true] {
            let wrong = archive(&[member(b"id,price\n", 8, follows, Some(7))]);
            assert!(told(&wrong).contains("expected 00000007"), "{}", told(&wrong));
            let two = member(b"id,price\n", 8, follows, None);
            let two = archive(&[two.clone(), two]);
            assert!(told(&two).contains("several files"), "{}", told(&two));
        }
        let mut encrypted = good.clone();
        encrypted[6] |= 1;
        assert!(told(&encrypted).contains("encrypted"));
        let mut other = good.clone();
        other[8] = 12;
        assert!(told(&other).contains("not packed by deflate"));
        assert!(read(&good[..good.len() - 3]).is_err());
    }
}
