//! Declarations: every column once, with what a reader needs to know of it, and the schemas that columns come in.
//!
//! The documentation, the schema check and the feature sets are made from these.

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Column name.
    pub name: &'static str,
    /// Family: what feature sets choose by, `legacy` or `ofi` for instance.
    pub family: &'static str,
    /// Event kinds it is computed from, `clock` for time alone.
    pub inputs: &'static str,
    /// How far it looks back, s; `None` for the current state.
    pub window_s: Option<u32>,
    /// Unit.
    pub unit: &'static str,
    /// Formula, in the notation of the specification.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
}

/// A named group of columns that is computed, versioned and cached as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name, which is that of its module in `families`.
    pub name: &'static str,
    /// Raised with every change of what one of its columns means or how it is computed.
    pub version: u32,
    /// Its columns, in order.
    pub declarations: &'static [Declaration],
}

impl Schema {
    /// The longest declared window, s.
    pub fn window_s(&self) -> i64 {
        i64::from(self.declarations.iter().filter_map(|d| d.window_s).max().unwrap_or(0))
    }
}

/// The declarations of a family's module: `SCHEMA`, `COLUMNS`, and `Col`, the place of each column in a row of it.
///
/// A line is: identifier = name, family, inputs, window, unit, formula, source.
macro_rules! schema {
    ($schema:literal, version $version:literal;
     $($id:ident = $name:literal, $family:literal, $inputs:literal, $window:expr, $unit:literal, $formula:literal, $source:literal;)*) => {
        /// Place of each column among those of this schema.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        #[repr(usize)]
        pub enum Col { $($id),* }

        /// The columns of this module.
        pub const SCHEMA: Schema = Schema {
            name: $schema,
            version: $version,
            declarations: &[$($crate::declaration::Declaration {
                name: $name, family: $family, inputs: $inputs, window_s: $window, unit: $unit, formula: $formula, source: $source,
            }),*],
        };

        /// How many they are.
        pub const COLUMNS: usize = SCHEMA.declarations.len();
    };
}
pub(crate) use schema;
