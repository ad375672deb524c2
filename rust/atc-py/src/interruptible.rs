//! Long work that Ctrl-C ends.

use crate::features::value_error;
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// Least distance of two looks at Python's signals.
const LOOK: Duration = Duration::from_millis(100);

/// Runs long work without the GIL, as long as no signal handler of Python raises; `work` asks now and then whether to go on.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T, String> + Send,
) -> PyResult<T> {
    let (mut raised, mut looked) = (None, Instant::now());
    let done = py.detach(|| {
        work(&mut || {
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                raised = Python::attach(|py| py.check_signals()).err();
            }
            raised.is_none()
        })
    });
    match raised {
        Some(error) => Err(error),
        None => done.map_err(value_error),
    }
}
