//! What a feature family is, and how the engine speaks to one.

use crate::declaration::Schema;
use crate::groups::Print;
use crate::market::{BookClosed, Market, TickerClosed};
use crate::row::Row;
use crate::spec::Spec;

/// What a stretch of events means to one schema: told what happens, asked for rows.
///
/// Everything is told in order of time, and a stretch ends with the struct: the next one gets a new one. Of the market a family sees
/// closed timestamps only, so that no row can depend on the middle of one.
pub trait Family {
    /// What its columns are.
    const SCHEMA: &'static Schema;

    /// Nothing is known.
    fn new(spec: &Spec) -> Self;

    /// How far back a row of this schema looks, s: its longest declared window, unless a constant of the specification reaches farther.
    fn lookback_s(_spec: &Spec) -> i64 {
        Self::SCHEMA.window_s()
    }

    /// A print, with the taker group that it opened or joined.
    fn on_print(&mut self, _print: &Print, _spec: &Spec) -> Result<(), String> {
        Ok(())
    }

    /// A timestamp with book messages is over; `market.book` is the book as it stood then.
    fn on_book(&mut self, _closed: &BookClosed, _market: &Market, _spec: &Spec) -> Result<(), String> {
        Ok(())
    }

    /// A timestamp with ticker messages is over.
    fn on_ticker(&mut self, _closed: &TickerClosed, _spec: &Spec) -> Result<(), String> {
        Ok(())
    }

    /// The values of a row, into `values` in the order of the declarations; what is not written stays null (NaN).
    fn row(&mut self, row: &Row<'_>, market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String>;

    /// The newest row was none after all: statistics over rows forget it.
    fn take_row_back(&mut self) {}
}

/// From the list of the families, `module::Struct` each: their modules, `SCHEMAS`, `AnyFamily` and `lookback_s`. The module
/// of the list imports the names that stand here.
macro_rules! families {
    ($($module:ident :: $family:ident,)*) => {
        $(pub mod $module;)*

        /// Every schema, in the order of a row.
        pub const SCHEMAS: &[Schema] = &[$(*<$module::$family as Family>::SCHEMA),*];

        /// One of the families.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum AnyFamily { $($family(Box<$module::$family>)),* }

        impl AnyFamily {
            /// The family of schema `name`, which knows nothing yet.
            pub fn new(name: &str, spec: &Spec) -> Option<Self> {
                $(if name == <$module::$family as Family>::SCHEMA.name {
                    return Some(Self::$family(Box::new(Family::new(spec))));
                })*
                None
            }

            /// Its declarations.
            pub fn schema(&self) -> &'static Schema {
                match self { $(Self::$family(_) => <$module::$family as Family>::SCHEMA),* }
            }

            /// See [`Family::on_print`].
            pub fn on_print(&mut self, print: &Print, spec: &Spec) -> Result<(), String> {
                match self { $(Self::$family(family) => family.on_print(print, spec)),* }
            }

            /// See [`Family::on_book`].
            pub fn on_book(&mut self, closed: &BookClosed, market: &Market, spec: &Spec) -> Result<(), String> {
                match self { $(Self::$family(family) => family.on_book(closed, market, spec)),* }
            }

            /// See [`Family::on_ticker`].
            pub fn on_ticker(&mut self, closed: &TickerClosed, spec: &Spec) -> Result<(), String> {
                match self { $(Self::$family(family) => family.on_ticker(closed, spec)),* }
            }

            /// See [`Family::row`].
            pub fn row(&mut self, row: &Row<'_>, market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String> {
                match self { $(Self::$family(family) => family.row(row, market, spec, values)),* }
            }

            /// See [`Family::take_row_back`].
            pub fn take_row_back(&mut self) {
                match self { $(Self::$family(family) => family.take_row_back()),* }
            }
        }

        /// How far back a row of schema `name` looks, s; `None` for a schema that there is not.
        pub fn lookback_s(name: &str, spec: &Spec) -> Option<i64> {
            $(if name == <$module::$family as Family>::SCHEMA.name {
                return Some(<$module::$family as Family>::lookback_s(spec));
            })*
            None
        }
    };
}
pub(crate) use families;
