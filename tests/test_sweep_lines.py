"""A sweep in words, at the width of a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from made_sweeps import FAILED, Sweeps
from rich.console import Console

from atc.report.sweep_lines import closing_lines, status_tables
from atc.sweep.folder import LOG, job_folder
from atc.sweep.opened import open_sweep
from atc.sweep.rows import Launched, Row


def test_the_status_has_whole_figures_on_a_narrow_terminal(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    _, table = status_tables(open_sweep(sweeps.sweep(sweeps.run("multihorizon_ticker_24feat"), FAILED)))
    told = io.StringIO()
    Console(file=told, width=80, highlight=False, markup=False).print(table)
    header, _, first, *_ = told.getvalue().splitlines()
    assert header.split() == ["job", "status", "run", "seconds", "MiB", "tries", "what"]
    assert first.startswith("1    finished") and "…" not in told.getvalue()


def test_one_job_is_one_and_a_command_is_what_a_shell_takes(tmp_path: Path) -> None:
    sweep = open_sweep(Sweeps(tmp_path).sweep(FAILED))
    header = replace(sweep.header, command=("+experiment=gbdt_36feat", "model.num_leaves=choice(7, 15)"))
    sentences, _ = status_tables(replace(sweep, header=header))
    assert sentences[0].endswith(": -m +experiment=gbdt_36feat 'model.num_leaves=choice(7, 15)'")
    assert sentences[1] == "1 job: 1 failed"
    assert sentences[-1].startswith("1 of 1 job is left; the same command, or atc sweep resume ")
    assert sentences[-1].endswith(", runs it")


def test_a_log_is_named_where_there_is_one(tmp_path: Path) -> None:
    """A trial whose values do not fit together never began."""
    folder = Sweeps(tmp_path).sweep(FAILED)
    log = job_folder(folder, 1) / LOG

    def told() -> list[str]:
        sweep = open_sweep(folder)
        (job,) = sweep.jobs
        row = Row(job.planned, "it", job.state)
        said = closing_lines(Launched(folder, (row,), interrupted=False, total=1))
        assert said[:2] == ["0 of 1 job finished, 0 of them now", "1 of 1 job failed:"]
        return [*said[3:], next(one for one in status_tables(sweep)[0] if one.startswith("job 1, failed"))]

    assert told() == ["      the disk", "job 1, failed: the disk"]
    log.write_text("a traceback\n")
    assert told() == ["      the disk", f"      {log}", f"job 1, failed: the disk ({log})"]
