"""A sweep in words, at the width of a terminal."""

from __future__ import annotations

import io
from pathlib import Path

from made_sweeps import FAILED, Sweeps
from rich.console import Console

from atc.report.sweep_lines import status_tables
from atc.sweep.opened import open_sweep


def test_the_status_has_whole_figures_on_a_narrow_terminal(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    _, table = status_tables(open_sweep(sweeps.sweep(sweeps.run("multihorizon_ticker_24feat"), FAILED)))
    told = io.StringIO()
    Console(file=told, width=80, highlight=False, markup=False).print(table)
    header, _, first, *_ = told.getvalue().splitlines()
    assert header.split() == ["job", "status", "run", "seconds", "MiB", "tries", "what"]
    assert first.startswith("1    finished") and "…" not in told.getvalue()
