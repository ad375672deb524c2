"""The report of a folder, written."""

from __future__ import annotations

from pathlib import Path

from atc.errors import DataError, UsageError
from atc.opened_run import is_folder_of_runs, open_run
from atc.report.html.page import LARGEST, rendered
from atc.report.html.run_page import run_page
from atc.report.html.sweep_page import sweep_page
from atc.report.summary import bytes_said
from atc.sweep.opened import is_sweep, open_sweep
from atc.tracking import durable

REPORTS = "reports"


def write_report(path: Path, to: Path | None = None) -> Path:
    """Writes the page of the run or sweep in folder `path` to `to`, or to `reports/` beside the folder of
    runs or sweeps; the file.

    Raises DataError where there is no such record or it is damaged, UsageError where the page cannot be
    written.
    """
    if is_folder_of_runs(path):
        raise UsageError(
            f"{path} is a folder of runs: expected one run, or a sweep (atc compare {path} has them all)"
        )
    page = sweep_page(open_sweep(path)) if is_sweep(path) else run_page(open_run(path))
    content = rendered(page).encode()
    if len(content) > LARGEST:
        raise DataError(
            f"the report of {path} takes {bytes_said(len(content))}, more than {bytes_said(LARGEST)}: "
            "something in the record is larger than it is made to be"
        )
    folder = path.resolve()
    file = to if to is not None else folder.parent.parent / REPORTS / f"{folder.name}.html"
    if file.resolve().is_relative_to(folder):
        raise UsageError(
            f"--to {file} lies in the record itself, which nothing changes; choose a place outside"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        durable.write_bytes(file, content)
    except OSError as error:
        raise UsageError(f"--to {file}: cannot be written ({error.strerror})") from error
    return file
