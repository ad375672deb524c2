"""The files of a leaderboard: `leaderboard.*`, whose bytes depend on the runs and the ledger alone, and
`cost.*`, which holds what clocks measured.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import UsageError
from atc.report.leaderboard import Leaderboard
from atc.report.leaderboard_cost import cost_lines
from atc.report.leaderboard_lines import board_lines
from atc.report.leaderboard_rows import COLUMNS, COST_COLUMNS, board_rows, cost_rows, frame_of
from atc.tracking import durable

if TYPE_CHECKING:
    import polars as pl

BOARD, COST = "leaderboard", "cost"


def write_files(board: Leaderboard, folder: Path) -> list[Path]:
    """Writes both as Markdown, CSV and Parquet into `folder`, each in one step where it changes; their paths.

    Raises UsageError where the folder cannot be written.
    """
    tables = {BOARD: board_frame(board), COST: cost_frame(board)}
    lines = {BOARD: board_lines(board, markdown=True), COST: cost_lines(board, markdown=True)}
    content: dict[str, bytes] = {}
    for name, frame in tables.items():
        content[f"{name}.md"] = "".join(f"{line}\n" for line in lines[name]).encode()
        content[f"{name}.csv"] = csv_bytes(frame)
        content[f"{name}.parquet"] = parquet_bytes(frame)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in content.items():
            if not (folder / file).is_file() or (folder / file).read_bytes() != data:
                durable.write_bytes(folder / file, data)
    except OSError as error:
        raise UsageError(f"{folder}: the leaderboard cannot be written there ({error.strerror})") from error
    return [folder / file for file in content]


def board_frame(board: Leaderboard) -> pl.DataFrame:
    """A row a run, without its costs."""
    return frame_of(board_rows(board), COLUMNS)


def cost_frame(board: Leaderboard) -> pl.DataFrame:
    """A row a ranked run."""
    return frame_of(cost_rows(board), COST_COLUMNS)


def whole_frame(board: Leaderboard) -> pl.DataFrame:
    """Both beside each other, row by row: what is apart comes last and has no costs."""
    import polars as pl

    costs = cost_frame(board).drop("table", "unit", "rank", "run", "job", "folder")
    return pl.concat([board_frame(board), costs], how="horizontal_extend")


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """Nulls are empty."""
    return frame.write_csv().encode()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """One row group."""
    out = io.BytesIO()
    frame.write_parquet(out, compression="zstd", compression_level=3)
    return out.getvalue()
