//! The feature families: one module a schema, each with its declarations and the one struct that computes them.
//!
//! A new family is a module here and a line in the list below; `docs/feature_family.md` walks through it.

use crate::declaration::Schema;
use crate::family::{Family, families};
use crate::groups::Print;
use crate::market::{BookClosed, Market, TickerClosed};
use crate::row::Row;
use crate::spec::Spec;
use serde::{Deserialize, Serialize};

// The order of the columns of a row.
families! {
    core::Core,
    ticker::TickerQuotes,
    ofi::Ofi,
    microprice::Microprice,
    kyle::Kyle,
    hawkes::Hawkes,
    bipower::Bipower,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn families_have_the_plan_s_sizes_and_names_are_unique() {
        let all: Vec<_> = SCHEMAS.iter().flat_map(|s| s.declarations).collect();
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for d in &all {
            *sizes.entry(d.family).or_default() += 1;
        }
        for (family, size) in
            [("gate", 1), ("legacy", 13), ("nits", 17), ("phase2", 7), ("ticker", 16), ("ticker_nits", 8)]
        {
            assert_eq!(sizes[family], size, "{family}");
        }
        assert_eq!(all.iter().map(|d| d.name).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(SCHEMAS.iter().map(|s| s.name).collect::<BTreeSet<_>>().len(), SCHEMAS.len());
    }

    #[test]
    fn a_family_belongs_to_one_schema() {
        let mut home: BTreeMap<&str, &str> = BTreeMap::new();
        for schema in SCHEMAS {
            for d in schema.declarations {
                assert_eq!(*home.entry(d.family).or_insert(schema.name), schema.name, "{}", d.family);
            }
        }
    }
}
