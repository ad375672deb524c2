//! Whole days from tables of canonical events, pushed event by event.

use crate::engine::Engine;
pub use crate::merge::merge;
use crate::rows::Rows;
use crate::spec::Spec;
pub use crate::tables::*;

/// Builds the rows with `emit_from ≤ t < emit_to` from tables that come in parts, so that a day need not lie in memory.
/// Events before `emit_from` warm the engine up; events from `emit_to` on only close what is open then.
#[derive(Debug)]
pub struct RowBuilder {
    engine: Engine,
    emit_from: i64,
    emit_to: i64,
    warm: bool,
    over: bool,
}

impl RowBuilder {
    /// A builder that has seen nothing.
    pub fn new(spec: Spec, emit_from: i64, emit_to: i64) -> Result<Self, String> {
        Ok(Self { engine: Engine::new(spec)?, emit_from, emit_to, warm: false, over: false })
    }

    /// Takes a part. All its events come after those of the part before, and no timestamp lies in two parts. `true`: every
    /// row is decided, further parts change nothing.
    pub fn feed(&mut self, tables: &Tables<'_>) -> Result<bool, String> {
        if self.over {
            return Ok(true);
        }
        merge(tables, |event| {
            self.engine.push(event)?;
            if !self.warm && event.ts_recv >= self.emit_from {
                self.warm = true;
                self.engine.keep_rows(self.emit_from, i64::MAX);
            }
            self.over = event.ts_recv >= self.emit_to && !self.engine.waits_before(self.emit_to);
            Ok(!self.over)
        })?;
        if !self.warm {
            // Rows of the warm-up are not kept from part to part.
            self.engine.keep_rows(self.emit_from, i64::MAX);
        }
        Ok(self.over)
    }

    /// The rows. Where the parts ended before the last row was decided, the engine is flushed.
    pub fn finish(mut self) -> Result<Rows, String> {
        if !self.over {
            self.engine.flush()?;
        }
        self.engine.keep_rows(self.emit_from, self.emit_to);
        Ok(self.engine.take_rows())
    }
}

/// The rows with `emit_from ≤ t < emit_to` from whole tables; see [`RowBuilder`].
pub fn build_rows(spec: Spec, tables: &Tables<'_>, emit_from: i64, emit_to: i64) -> Result<Rows, String> {
    let mut builder = RowBuilder::new(spec, emit_from, emit_to)?;
    builder.feed(tables)?;
    builder.finish()
}
