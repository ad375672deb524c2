//! What goes wrong with a recording, in words for the person who gave it.

use crate::message::{Files, Origin};
use std::fmt;

/// A failure that the user can act on; the text names the file or row, what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The files are not what they should be.
    Data(String),
    /// The command is not what it should be.
    Usage(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(text) | Self::Usage(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

/// What is wrong with one message; its place is added by [`Problem::at`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl Problem {
    /// The failure with the place of the message before it.
    pub fn at(self, files: &Files, origin: Origin) -> Error {
        Error::Data(format!("{}: {}", files.spell(origin), self.0))
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// For what may fail with the place of the failure known.
pub type Result<T> = std::result::Result<T, Error>;

/// For what may fail within one message.
pub type Parsed<T> = std::result::Result<T, Problem>;
