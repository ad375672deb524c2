//! Recordings of venues to canonical events.
//!
//! ```text
//! files ─ source ─▶ lines, rows, JSON ─ adapter ─▶ messages ─ stream ─▶ canonical columns, a business day at a time
//! ```
//!
//! An [`adapters::Adapter`] is one small module of [`adapters`]: it maps what a venue wrote to [`message::Message`]s
//! and states the venue's conventions of side, time and size with their source. All that is common to venues is
//! here once: reading ([`source`], [`archive`], [`stamped`] lines, [`csv`], [`text`] of JSON), exact numbers ([`step`]), one order of time over several files
//! ([`merge`]), update chains ([`chain`], [`snapshot_chain`]), ids that count ([`trade_ids`]), prints that come twice ([`twins`]), keyframes and
//! differences of snapshots ([`keyframes`]), numbering and business days ([`stream`]).
//!
//! Nothing here knows Python or Parquet, and nothing grows with the length of a file.

pub mod adapters;
pub mod archive;
pub mod chain;
pub mod columns;
pub mod csv;
pub mod error;
pub mod facts;
pub mod keyframes;
pub mod merge;
pub mod message;
pub mod npz;
pub mod recording;
pub mod report;
pub mod snapshot_chain;
pub mod source;
pub mod stamped;
pub mod step;
pub mod stream;
pub mod text;
pub mod time;
pub mod trade_ids;
pub mod twins;
