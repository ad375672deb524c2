//! Features and labels from canonical events: pure computation, no files, no Python.

pub mod batch;
pub mod book;
pub mod columns;
pub mod engine;
pub mod event;
pub mod fixed;
pub mod groups;
pub mod label;
pub mod order_stats;
pub mod quotes;
pub mod replay;
pub mod spec;
pub mod state;
pub mod timeline;

/// Raised with every change of what a column means or how it is computed.
pub const FEATURE_SCHEMA_VERSION: u32 = 1;
/// Raised with every change of what a label means or how it is computed.
pub const LABEL_SCHEMA_VERSION: u32 = 1;
