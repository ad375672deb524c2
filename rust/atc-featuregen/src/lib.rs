//! Features and labels from canonical events: pure computation, no files, no Python.

pub mod batch;
pub mod book;
pub mod declaration;
pub mod engine;
pub mod event;
pub mod families;
pub mod family;
pub mod fixed;
pub mod flows;
pub mod groups;
pub mod label;
pub mod market;
pub mod merge;
pub mod moments;
pub mod order_stats;
pub mod prices;
pub mod quotes;
pub mod replay;
pub mod row;
pub mod rows;
pub mod spec;
pub mod tables;
pub mod timeline;

/// Raised with every change of what a label means or how it is computed.
pub const LABEL_SCHEMA_VERSION: u32 = 2;
