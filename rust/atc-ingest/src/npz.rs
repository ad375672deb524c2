//! Arrays of numpy's npz files, read a block at a time: a zip of npy files, stored or deflated.
//!
//! Source: numpy.org, "numpy.lib.format" (npy 1.0 to 3.0).

use crate::archive::{self, Content, Member};
use crate::error::{Error, Result};
use crate::source::Progress;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// What lies where in a file.
#[derive(Clone, Debug)]
pub struct Npz {
    path: PathBuf,
    members: BTreeMap<String, Member>,
}

impl Npz {
    /// Reads the directory of a file.
    ///
    /// # Errors
    /// If it is no zip, or is packed in a way that numpy does not use.
    pub fn open(path: &Path) -> Result<Self> {
        let members = archive::members(path).map_err(|error| {
            Error::Data(format!("{}: {error}; expected an npz file of numpy", path.display()))
        })?;
        let array = |name: &str| name.strip_suffix(".npy").unwrap_or(name).to_owned();
        let members = members.into_iter().map(|member| (array(&member.name), member)).collect();
        Ok(Self { path: path.to_owned(), members })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is an array of this name.
    pub fn has(&self, array: &str) -> bool {
        self.members.contains_key(array)
    }

    /// An array of one dimension from its beginning.
    ///
    /// # Errors
    /// If there is none of the name, or it is of another type or shape.
    pub fn array<T: Element>(&self, array: &str, progress: &Progress) -> Result<Array<T>> {
        let place = format!("{}: array {array}", self.path.display());
        let member = self.members.get(array).ok_or_else(|| {
            let there = self.members.keys().cloned().collect::<Vec<_>>().join(", ");
            Error::Data(format!("{place} is not there; found {there}"))
        })?;
        let (mut content, _) = member
            .open(&self.path, progress)
            .map_err(|error| Error::Data(format!("{place} cannot be read ({error})")))?;
        let header = header(&mut content).map_err(|error| Error::Data(format!("{place}: {error}")))?;
        let (found, length) = described(&header).ok_or_else(|| {
            Error::Data(format!("{place} is {}; expected an array of one dimension", header.trim()))
        })?;
        if found != T::descr() {
            let text = format!("{place} is of type {found}; expected {}", T::descr());
            return Err(Error::Data(text));
        }
        Ok(Array { content, place, length, left: length, buffer: Vec::new(), kind: PhantomData })
    }
}

/// An element of an array.
pub trait Element: Sized {
    /// Bytes of one.
    const SIZE: usize;
    /// The type as npy's header spells it, without blanks.
    fn descr() -> String;
    /// From its bytes, `SIZE` of them.
    fn decoded(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($kind:ty, $descr:literal) => {
        impl Element for $kind {
            const SIZE: usize = size_of::<$kind>();
            fn descr() -> String {
                concat!("'", $descr, "'").to_owned()
            }
            fn decoded(bytes: &[u8]) -> Self {
                let mut raw = [0; size_of::<$kind>()];
                raw.copy_from_slice(bytes);
                Self::from_le_bytes(raw)
            }
        }
    };
}
number!(u8, "|u1");
number!(u16, "<u2");
number!(u32, "<u4");
number!(i32, "<i4");
number!(i64, "<i8");

/// An array in the course of being read.
pub struct Array<T> {
    content: Content,
    place: String,
    length: u64,
    left: u64,
    buffer: Vec<u8>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Element> Array<T> {
    /// Elements in all.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The next `count` elements, or those that are left, after those in `out`.
    ///
    /// # Errors
    /// For a file that is cut or damaged.
    pub fn read(&mut self, count: usize, out: &mut Vec<T>) -> Result<()> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(count);
        self.buffer.resize(count * T::SIZE, 0);
        let mut read = self.content.read_exact(&mut self.buffer);
        self.left -= count as u64;
        if self.left == 0 && read.is_ok() {
            read = finish(&mut self.content);
        }
        read.map_err(|error| {
            let at = self.length - self.left;
            Error::Data(format!("{} is cut or damaged before element {at} ({error})", self.place))
        })?;
        out.extend(self.buffer.chunks_exact(T::SIZE).map(T::decoded));
        Ok(())
    }
}

/// The elements of an array one by one.
pub struct Elements<T> {
    array: Array<T>,
    waiting: std::vec::IntoIter<T>,
}

impl<T: Element> Elements<T> {
    /// From the first on.
    pub fn of(array: Array<T>) -> Self {
        Self { array, waiting: Vec::new().into_iter() }
    }

    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// As [`Array::read`].
    #[inline]
    pub fn try_take(&mut self) -> Result<Option<T>> {
        match self.waiting.next() {
            Some(value) => Ok(Some(value)),
            None => self.refill(),
        }
    }

    /// The next one, which has to be there.
    ///
    /// # Errors
    /// At the end, and as [`Array::read`].
    #[inline]
    pub fn take(&mut self) -> Result<T> {
        match self.try_take()? {
            Some(value) => Ok(value),
            None => Err(Error::Data(format!(
                "{} has {} elements; expected more, for the arrays of this file belong together",
                self.array.place, self.array.length
            ))),
        }
    }

    fn refill(&mut self) -> Result<Option<T>> {
        let mut block = Vec::new();
        self.array.read(8_192, &mut block)?;
        self.waiting = block.into_iter();
        Ok(self.waiting.next())
    }
}

/// Reads the end, at which the checksum is compared.
fn finish(content: &mut Content) -> io::Result<()> {
    match content.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::other("more bytes than its header says")),
    }
}

/// The text that says what an npy file holds.
fn header(content: &mut Content) -> io::Result<String> {
    let mut start = [0; 8];
    content.read_exact(&mut start)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(io::Error::other("no npy file"));
    }
    let mut length = [0; 4];
    content.read_exact(&mut length[..if start[6] == 1 { 2 } else { 4 }])?;
    let mut text = vec![0; (u32::from_le_bytes(length) as usize).min(1 << 20)];
    content.read_exact(&mut text)?;
    String::from_utf8(text).map_err(|_| io::Error::other("its header is no text"))
}

/// Type, without blanks, and length of an array of one dimension.
fn described(header: &str) -> Option<(String, u64)> {
    let plain: String = header.chars().filter(|c| !c.is_whitespace()).collect();
    let descr = plain.split_once("'descr':")?.1;
    let end = if descr.starts_with('[') { descr.find(']')? + 1 } else { descr[1..].find('\'')? + 2 };
    let shape = plain.split_once("'shape':(")?.1.split_once(')')?.0;
    let length = shape.strip_suffix(',').unwrap_or(shape).parse().ok()?;
    Some((descr[..end].to_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_type_and_length() {
        let told = described("{'descr': '<u8', 'fortran_order': False, 'shape': (17,), }  \n");
        assert_eq!(told, Some(("'<u8'".to_owned(), 17)));
        let told =
            described("{'descr': [('ev', '<u8'), ('px', '<f8')], 'fortran_order': False, 'shape': (0,), }");
        assert_eq!(told, Some(("[('ev','<u8'),('px','<f8')]".to_owned(), 0)));
        assert_eq!(described("{'descr': '<f8', 'fortran_order': False, 'shape': (5, 6), }"), None);
        assert_eq!(described("{'descr': '<f8', 'fortran_order': False, 'shape': (), }"), None);
    }
}
