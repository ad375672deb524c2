"""The state of the feature cache as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from atc.features.column_statistics import QUANTILES
from atc.features.day_file import size_of
from atc.features.day_job import LABELS
from atc.features.inventory import CachedMatrix
from atc.features.matrix_cache import MATRICES
from atc.features.pruning import Removal
from atc.features.state import SchemaState
from atc.report.aligned import aligned

_DASH = "–"


def state_lines(states: Sequence[SchemaState]) -> list[str]:
    """One line a schema: days, files of no use here, rows, size, time."""
    rows = [("schema", "code", "days", "missing", "stale", "other", "rows", "MB", "bytes/row", "s/day")]
    for state in states:
        rows.append(
            (
                f"{state.schema.name}-{state.schema.version}",
                state.schema.code[:12],
                f"{len(state.days):,}",
                f"{len(state.missing):,}",
                f"{state.stale:,}",
                f"{state.other:,}",
                f"{state.rows:,}",
                f"{state.bytes / 1e6:,.1f}",
                _number(state.bytes_a_row, ".1f"),
                _number(state.seconds, ".2f"),
            )
        )
    return aligned(rows, left=(0, 1))


def missing_lines(states: Sequence[SchemaState]) -> list[str]:
    """Which days are missing, as ranges."""
    return [
        f"{state.schema.name}-{state.schema.version} misses {_spans(state.missing, state.built)}"
        for state in states
        if state.missing and state.built
    ]


def file_lines(states: Sequence[SchemaState]) -> list[str]:
    """One line a file: its key, what it reads and holds."""
    rows = [("date", "schema", "key", "events from", "to", "rows", "null %", "MB", "s")]
    for state in states:
        for day in state.days:
            begin, end = day.manifest.inputs["read"]
            rows.append(
                (
                    day.manifest.day.isoformat(),
                    f"{state.schema.name}-{day.manifest.version}",
                    day.path.stem,
                    _time(begin),
                    _time(end),
                    f"{day.manifest.rows:,}",
                    f"{100 * day.null_share:.2f}",
                    f"{day.bytes / 1e6:.2f}",
                    _number(day.seconds, ".2f"),
                )
            )
    return aligned(rows, left=(0, 1, 2))


def column_lines(states: Sequence[SchemaState]) -> list[str]:
    """One line a column: null share, range, mean, and the days' median quantiles."""
    names = [f"p{q * 100:g}" for q in QUANTILES]
    rows = [["column", "schema", "null %", "min", *names, "max", "mean"]]
    for state in states:
        if not state.rows:
            continue
        for column in state.columns:
            quantiles = column.quantiles or [None] * len(QUANTILES)
            rows.append(
                [
                    column.name,
                    state.schema.name,
                    f"{100 * column.null_share:.2f}",
                    *(_number(x, ".4g") for x in (column.min, *quantiles, column.max, column.mean)),
                ]
            )
    return aligned(rows, left=(0, 1))


def removal_lines(removals: Sequence[Removal]) -> list[str]:
    """By folder and reason: files and size."""
    found: dict[tuple[str, str], list[Removal]] = defaultdict(list)
    for removal in removals:
        what = _what(removal.path)
        found[what, removal.reason].append(removal)
    rows = [("what", "files", "MB", "why")]
    rows += [
        (what, f"{len(files):,}", f"{sum(file.bytes for file in files) / 1e6:,.1f}", reason)
        for (what, reason), files in sorted(found.items())
    ]
    return aligned(rows, left=(0, 3))


def _what(path: Path) -> str:
    """The schema, `labels` or `matrices`."""
    above = path.parent.parent
    if above.name.startswith("schema="):
        return above.name.removeprefix("schema=")
    return LABELS if path.parent.name.startswith("date=") else MATRICES


def matrix_lines(matrices: Sequence[CachedMatrix]) -> list[str]:
    """One line a matrix, or file of what else is known of rows: what it holds, and what it weighs."""
    if not matrices:
        return []
    rows = [("matrix", "from", "to", "days", "rows", "columns", "MB", "")]
    for matrix in matrices:
        size = f"{size_of(matrix.path) / 1e6:,.1f}"
        if matrix.plan is None:
            rows.append((matrix.path.stem, _DASH, _DASH, _DASH, _DASH, _DASH, size, matrix.damage))
            continue
        days, (count, columns) = matrix.plan.days, matrix.plan.shape
        first, last = (str(each.day) for each in (days[0], days[-1]))
        rows.append((matrix.path.stem, first, last, f"{len(days):,}", f"{count:,}", f"{columns}", size, ""))
    return [line.rstrip() for line in aligned(rows, left=(0, 1, 2, 7))]


def _spans(missing: Sequence[date], built: Sequence[date]) -> str:
    """Runs of missing days, between which there are built ones."""
    spans: list[list[date]] = []
    known = sorted([(day, True) for day in missing] + [(day, False) for day in built])
    fresh = True
    for day, is_missing in known:
        if is_missing and fresh:
            spans.append([day, day])
        elif is_missing:
            spans[-1][1] = day
        fresh = not is_missing
    texts = [str(first) if first == last else f"{first} to {last}" for first, last in spans]
    more = f" and {len(texts) - 6} more spans" if len(texts) > 6 else ""
    return ", ".join(texts[:6]) + more


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _number(value: float | None, form: str) -> str:
    return _DASH if value is None else format(value, form)
