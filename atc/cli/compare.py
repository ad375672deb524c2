"""`atc compare`: runs beside each other, and the leaderboard of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atc.errors import UsageError

if TYPE_CHECKING:
    from atc.opened_run import OpenedRun
    from atc.report.candidates import Candidate


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="A sweep's folder; or run folders, or folders of runs, the others compared with the first.",
        ),
    ],
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="The tables as Markdown.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="The leaderboard as CSV too, with costs.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="The leaderboard as Parquet too.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="All figures as JSON too.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Write leaderboard.* and cost.* there (md, csv, parquet); of a sweep its own folder.",
        ),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Of two runs only the keys that differ, and what they moved.")
    ] = False,
) -> None:
    """Rank runs by their lift over their own baselines, for what they cost; runs that are given one by one
    are also compared in pairs, on the same rows.

    A run that has failed, is unfinished or cannot be read is listed apart, with the reason.
    """
    from json import dumps

    from atc.report.candidates import candidates_in
    from atc.report.leaderboard import leaderboard_of
    from atc.report.leaderboard_files import csv_bytes, parquet_bytes, whole_frame, write_files
    from atc.report.leaderboard_lines import leaderboard_lines
    from atc.report.leaderboard_rows import board_json
    from atc.sweep.opened import is_sweep

    if diff:
        if csv or parquet or to:
            raise UsageError("--diff takes --markdown and --json: it has no leaderboard to write")
        moved = _diff(paths, markdown=markdown)
        if json is not None:
            _write("--json", json, (dumps(moved, indent=1, ensure_ascii=False) + "\n").encode())
        return
    sweeps = [path for path in paths if is_sweep(path)]
    candidates = candidates_in(paths)
    content: dict[str, Any] = {}
    if not sweeps:
        content = _compare_pairs(paths, candidates, markdown=markdown)
        typer.echo("")
    name = sweeps[0].resolve().name if len(paths) == len(sweeps) == 1 else f"the {len(candidates)} given"
    board = leaderboard_of(candidates, name)
    for line in leaderboard_lines(board, markdown=markdown, brief=not sweeps):
        typer.echo(line)
    if json is not None:
        of_board = board_json(board)
        told = {**content, "leaderboard": of_board} if content else of_board
        _write("--json", json, (dumps(told, indent=1) + "\n").encode())
    if csv is not None:
        _write("--csv", csv, csv_bytes(whole_frame(board)))
    if parquet is not None:
        _write("--parquet", parquet, parquet_bytes(whole_frame(board)))
    folder = to if to is not None else sweeps[0] if len(paths) == len(sweeps) == 1 else None
    if folder is not None:
        write_files(board, folder)


def _diff(paths: list[Path], *, markdown: bool) -> dict[str, Any]:
    """Prints what two runs differ in, and what that moved; the figures."""
    from atc.opened_run import open_run
    from atc.review.moved import moved, moved_json, moved_lines

    if len(paths) != 2:
        raise UsageError(f"--diff is of two runs, and {len(paths)} are given")
    left, right = (open_run(path) for path in paths)
    if left.run_id == right.run_id:
        raise UsageError(f"{right.folder}: this run is given twice; expected two runs")
    found = moved(left, right)
    for line in moved_lines(found, markdown=markdown):
        typer.echo(line)
    return moved_json(found)


def _compare_pairs(paths: list[Path], candidates: list[Candidate], *, markdown: bool) -> dict[str, Any]:
    """Prints the runs beside the first one, on the same rows; the figures."""
    from atc.report.comparison import compare_runs
    from atc.report.comparison_tables import comparison_json, comparison_lines

    opened = _finished(paths, candidates)
    for one in candidates:
        if one.repeats:
            raise UsageError(f"{one.folder_name}: this run is given twice; expected each run once")
    found = compare_runs(opened)
    for line in comparison_lines(found, markdown=markdown):
        typer.echo(line)
    return comparison_json(found)


def _finished(paths: list[Path], candidates: list[Candidate]) -> list[OpenedRun]:
    """Raises DataError or UsageError where there is none."""
    from atc.opened_run import open_run

    opened = [one.run for one in candidates if one.run is not None]
    if opened:
        return opened
    if len(candidates) == len(paths) == 1:
        open_run(paths[0])  # it says at length why it is none
    reasons = "".join(f"\n  {one.folder_name or one.label}: {one.unusable}" for one in candidates)
    raise UsageError(f"no finished run in {', '.join(map(str, paths))}: expected at least one{reasons}")


def _write(option: str, file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{option} {file}: cannot be written ({error.strerror})") from error
