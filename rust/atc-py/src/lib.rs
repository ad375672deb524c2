//! Python bindings: Arrow in, Arrow out, the interpreter lock released while Rust works.

mod backtest;
mod builders;
mod evaluation;
mod features;
mod ingest;
mod interruptible;
mod measure;
mod oracle;
mod packed;
mod quality;
mod replay;
mod rows;
mod sim;
mod state;
mod tables;

use pyo3::prelude::*;

#[pymodule]
fn _rust(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("BUILD_PROFILE", env!("BUILD_PROFILE"))?;
    m.add("BUILD_DIGEST", env!("BUILD_DIGEST"))?;
    m.add("FEATUREGEN_DIGEST", env!("FEATUREGEN_DIGEST"))?;
    m.add("QUALITY_DIGEST", env!("QUALITY_DIGEST"))?;
    m.add("SIM_DIGEST", env!("SIM_DIGEST"))?;
    backtest::register(m)?;
    builders::register(m)?;
    evaluation::register(m)?;
    features::register(m)?;
    ingest::register(m)?;
    measure::register(m)?;
    oracle::register(m)?;
    quality::register(m)?;
    replay::register(m)?;
    sim::register(m)
}
