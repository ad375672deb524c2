//! What makes columns of rows no table.

use std::fmt;

/// Rows that do not fit together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BadRows {
    /// The columns differ in length: theirs, in the order of their table.
    Lengths(Vec<usize>),
    /// A block, a bin or a row that there is not: its number, and how many there are.
    Beyond(i64, usize),
}

impl fmt::Display for BadRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lengths(n) => write!(f, "the columns have {n:?} rows, one number was expected"),
            Self::Beyond(number, count) => write!(f, "{number} is not among the {count} from 0 on"),
        }
    }
}

impl std::error::Error for BadRows {}

/// That all columns have as many rows.
pub(crate) fn same_length(lengths: &[usize]) -> Result<(), BadRows> {
    if lengths.iter().any(|length| *length != lengths[0]) {
        return Err(BadRows::Lengths(lengths.to_vec()));
    }
    Ok(())
}

/// That all numbers are among the `count` from 0 on.
pub(crate) fn check_below(numbers: &[i64], count: usize) -> Result<(), BadRows> {
    let beyond = numbers.iter().find(|&&number| usize::try_from(number).map_or(true, |at| at >= count));
    beyond.map_or(Ok(()), |&number| Err(BadRows::Beyond(number, count)))
}
