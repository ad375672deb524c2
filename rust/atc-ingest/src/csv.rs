//! Rows of CSV files with a header, by the names of their columns.

use crate::error::{Error, Parsed, Result};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Files, Origin};
use crate::report::Report;
use crate::source::{Lines, Progress};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One row; cells by their place in the columns that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Row {
    line: String,
    cells: Vec<(usize, usize)>,
}

impl Row {
    /// The cell of the column with this place in the list given to [`Rows::open`].
    pub fn cell(&self, column: usize) -> &str {
        let (start, end) = self.cells[column];
        &self.line[start..end]
    }
}

/// The rows of one file.
pub struct Rows {
    lines: Lines,
    path: PathBuf,
    places: Vec<usize>,
    width: usize,
    /// How the width is known, for a message.
    known_by: &'static str,
    buffer: Vec<u8>,
    bounds: Vec<(usize, usize)>,
}

impl Rows {
    /// Opens a file and finds `columns` in its header; other columns are passed over.
    ///
    /// # Errors
    /// For a missing or empty file, and for a column that the header does not have.
    pub fn open(path: &Path, columns: &[&str], progress: &Progress) -> Result<Self> {
        let mut rows = Self::headless(path, 0, progress)?;
        let row = rows.lines.read(&mut rows.buffer)?.unwrap_or(1);
        let header = rows.split(row)?;
        let names: Vec<&str> = rows.bounds.iter().map(|(start, end)| &header[*start..*end]).collect();
        let missing: Vec<&str> = columns.iter().filter(|name| !names.contains(name)).copied().collect();
        if !missing.is_empty() {
            return Err(Error::Data(format!(
                "{}:{row}: no column {}; found {}; expected {}",
                path.display(),
                missing.join(", "),
                names.join(", "),
                columns.join(", ")
            )));
        }
        let place = |name: &&str| names.iter().position(|found| found == name).unwrap_or_default();
        let (places, width) = (columns.iter().map(place).collect(), names.len());
        Ok(Self { places, width, known_by: ", as in the header", ..rows })
    }

    /// Opens a file that has `columns`, in any order, and no others.
    ///
    /// # Errors
    /// As [`Rows::open`], and for a column more.
    pub fn exactly(path: &Path, columns: &[&str], progress: &Progress) -> Result<Self> {
        let rows = Self::open(path, columns, progress)?;
        if rows.width != columns.len() {
            let more: Vec<String> =
                header(path)?.into_iter().filter(|n| !columns.contains(&n.as_str())).collect();
            return Err(Error::Data(format!(
                "{}:1: {} more columns ({}); expected {} only, another format has them",
                path.display(),
                rows.width - columns.len(),
                more.join(", "),
                columns.join(", ")
            )));
        }
        Ok(rows)
    }

    /// Opens a file that has no header; all `width` columns are given in their order.
    ///
    /// # Errors
    /// For a missing file.
    pub fn headless(path: &Path, width: usize, progress: &Progress) -> Result<Self> {
        Ok(Self {
            lines: Lines::open(path, progress)?,
            path: path.to_owned(),
            places: (0..width).collect(),
            width,
            known_by: "",
            buffer: Vec::new(),
            bounds: Vec::new(),
        })
    }

    /// The cells of the first line of a file that may or may not have a header.
    ///
    /// # Errors
    /// For a missing or empty file.
    pub fn first_cells(path: &Path) -> Result<Vec<String>> {
        let mut rows = Self::headless(path, 0, &Progress::default())?;
        let row = rows.lines.read(&mut rows.buffer)?.unwrap_or(1);
        let line = rows.split(row)?;
        Ok(rows.bounds.iter().map(|(start, end)| line[*start..*end].to_owned()).collect())
    }

    /// The next row with its line number; `None` at the end.
    ///
    /// # Errors
    /// For a row with another number of cells, and as [`Lines::read`].
    pub fn read(&mut self) -> Result<Option<(u64, Row)>> {
        let Some(number) = self.lines.read(&mut self.buffer)? else { return Ok(None) };
        let line = self.split(number)?;
        if self.bounds.len() != self.width {
            let (path, cells, width) = (self.path.display(), self.bounds.len(), self.width);
            let known_by = self.known_by;
            return Err(Error::Data(format!("{path}:{number}: {cells} cells; expected {width}{known_by}")));
        }
        let cells = self.places.iter().map(|place| self.bounds[*place]).collect();
        Ok(Some((number, Row { line, cells })))
    }

    /// Finds the cells of the line in the buffer; quotes around a cell do not belong to it.
    fn split(&mut self, number: u64) -> Result<String> {
        let wrong =
            |what: &str| Error::Data(format!("{}:{number}: not a CSV row ({what})", self.path.display()));
        let line = String::from_utf8(std::mem::take(&mut self.buffer)).map_err(|_| wrong("no UTF-8"))?;
        self.bounds.clear();
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            if bytes.get(start) == Some(&b'"') {
                let Some(len) = memchr::memchr(b'"', &bytes[start + 1..]) else {
                    return Err(wrong("a quote without its end"));
                };
                let end = start + 1 + len;
                self.bounds.push((start + 1, end));
                match bytes.get(end + 1) {
                    None => break,
                    Some(b',') => start = end + 2,
                    Some(_) => return Err(wrong("text after a quoted cell")),
                }
            } else {
                match memchr::memchr(b',', &bytes[start..]) {
                    Some(len) => {
                        self.bounds.push((start, start + len));
                        start += len + 1;
                    }
                    None => {
                        self.bounds.push((start, bytes.len()));
                        break;
                    }
                }
            }
        }
        Ok(line)
    }
}

/// The names of a file's columns, which tell what kind of file it is.
///
/// # Errors
/// For a missing or empty file.
pub fn header(path: &Path) -> Result<Vec<String>> {
    let mut rows = Rows::headless(path, 0, &Progress::default())?;
    let row = rows.lines.read(&mut rows.buffer)?.unwrap_or(1);
    let header = rows.split(row)?;
    Ok(rows.bounds.iter().map(|(start, end)| header[*start..*end].to_owned()).collect())
}

/// Opens a file of rows with the columns that an adapter wants.
pub type OpenRows = fn(&Path, &Progress) -> Result<Rows>;

/// The time of a row on the stream's clock, and the flags that go with it; `None` passes the row over.
pub type RowTime = Box<dyn Fn(&Row) -> Parsed<Option<(i64, u16)>> + Send + Sync>;

/// The rows of all files in one order of receive time.
///
/// # Errors
/// If a file cannot be read.
pub fn merged(
    files: &Files,
    open: OpenRows,
    time: RowTime,
    progress: &Progress,
    report: &mut Report,
) -> Result<Merged<Row>> {
    let (named, time) = (files.clone(), Arc::new(time));
    let reader = Box::new(move |file, progress: &Progress| {
        let time = Arc::clone(&time);
        let rows = open(named.path(file), progress)?;
        Ok(Box::new(items(&named, file, rows, move |row| time(row))) as Items<Row>)
    });
    Merged::all(files, reader, progress, report)
}

/// The rows of one file with their times; `time` is as [`RowTime`].
pub fn items<T: Fn(&Row) -> Parsed<Option<(i64, u16)>> + Send>(
    files: &Files,
    file: u32,
    mut rows: Rows,
    time: T,
) -> impl Iterator<Item = Result<Timed<Row>>> + Send + use<T> {
    let files = files.clone();
    std::iter::from_fn(move || {
        loop {
            let (number, what) = match rows.read() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some(row)) => row,
            };
            let origin = Origin { file, row: number };
            match time(&what) {
                Ok(None) => {}
                Ok(Some((ts_recv, flags))) => return Some(Ok(Timed { ts_recv, flags, origin, what })),
                Err(problem) => return Some(Err(problem.at(&files, origin))),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("atc-csv-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn cells_by_the_names_of_their_columns() {
        let path = written("named", "a,b,\"c\"\n1,,3\n\"x,y\",5,6\n");
        let mut rows = Rows::open(&path, &["c", "a"], &Progress::default()).unwrap();
        let mut found = Vec::new();
        while let Some((number, row)) = rows.read().unwrap() {
            found.push((number, row.cell(0).to_owned(), row.cell(1).to_owned()));
        }
        assert_eq!(found, [(2, "3".into(), "1".into()), (3, "6".into(), "x,y".into())]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let open = |name, text, columns: &[&str]| {
            let mut rows = Rows::open(&written(name, text), columns, &Progress::default())?;
            while rows.read()?.is_some() {}
            Ok::<_, Error>(())
        };
        let told = |result: Result<()>| result.unwrap_err().to_string();
        assert!(
            told(open("column", "a,b\n1,2\n", &["c"])).contains(":1: no column c; found a, b; expected c")
        );
        assert!(told(open("cells", "a,b\n1,2\n1\n", &["a"])).contains(":3: 1 cells; expected 2"));
        assert!(told(open("quote", "a,b\n\"1,2\n", &["a"])).contains("a quote without its end"));
    }
}
