"""The table of `atc leaks`, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from atc.leaks.facts import Comparison, Moved
from atc.leaks.localise import Report
from atc.report.aligned import aligned

_SECOND_NS = 1_000_000_000


def lines(report: Report) -> Iterator[str]:
    """The table, a stage a line, then what moved first."""
    rows = [("stage", "checked", "moved", "first: table.column", "row", "known before t")]
    for one in report.stages:
        if one.first is None or one.t is None:
            what = "–" if one.checked else "not checked: nothing of it was known at any t"
            rows.append((one.stage, f"{one.checked:,}", f"{one.moved:,}", what, "", ""))
        else:
            rows.append(
                (
                    one.stage,
                    f"{one.checked:,}",
                    f"{one.moved:,}",
                    f"{one.first.table}.{one.first.column}",
                    row_words(one.first),
                    duration(one.first.distance_ns(one.t)),
                )
            )
    yield from aligned(rows, left=(0, 3, 4))
    skipped = [finding for finding in report.findings if finding.not_run]
    if skipped:
        yield (
            f"{len(skipped)} of {len(report.findings)} probes stopped early, because the changed events are "
            f"too few for a stage; the first: {skipped[0].not_run}"
        )
    leak = report.leak
    if leak is None:
        yield f"clean: in {len(report.findings)} probes nothing that was known at t moved"
        return
    moved = leak.moved
    assert moved is not None
    yield from leak_lines(moved, leak.probe.t)


def leak_lines(moved: Moved, t: int) -> Iterator[str]:
    """What moved, in words."""
    yield (
        f"LEAK in stage '{moved.stage}': {moved.table}.{moved.column} of row {row_words(moved)} was "
        f"{moved.before} and becomes {moved.after}"
    )
    yield (
        f"  when only events after t = {instant(t)} are others; it was known at {instant(moved.known_ns)}, "
        f"{duration(moved.distance_ns(t))} before t: it looks ahead by more than that"
    )


def comparison_lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Tables of one stage: checked values and the columns that moved."""
    for one in comparisons:
        columns = ", ".join(f"{name} ({count:,})" for name, count in one.columns.items())
        moved = f"{one.moved:,} moved" + (f": {columns}" if columns else "")
        yield f"{one.table}: {one.checked:,} values known at t, {moved}"


def as_json(report: Report) -> dict[str, object]:
    """Plain values: stages, probes, the leak."""
    leak = report.leak
    return {
        "clean": leak is None,
        "stages": [
            {
                "stage": one.stage,
                "checked": one.checked,
                "moved": one.moved,
                "first": None
                if one.first is None or one.t is None
                else {**moved_json(one.first, one.t), "t": one.t},
            }
            for one in report.stages
        ],
        "probes": [
            {
                "t": one.probe.t,
                "train": list(one.probe.spans.train),
                "holdout": list(one.probe.spans.holdout),
                "changed": list(one.probe.kinds),
                "seed": one.probe.seed,
                "aimed_at": one.probe.aimed_at,
                "checked": sum(each.checked for each in one.comparisons),
                "moved": sum(each.moved for each in one.comparisons),
                "not_run": one.not_run or None,
            }
            for one in report.findings
        ],
    }


def moved_json(moved: Moved, t: int) -> dict[str, object]:
    """One value that moved."""
    return {
        "table": moved.table,
        "column": moved.column,
        "row": dict(moved.row),
        "known_ns": moved.known_ns,
        "distance_ns": moved.distance_ns(t),
        "before": moved.before,
        "after": moved.after,
    }


def row_words(moved: Moved) -> str:
    """The key of a row: `ts_recv=… ev_seq=…`."""
    return " ".join(f"{name}={value}" for name, value in moved.row.items())


def instant(t: int) -> str:
    """UTC to the nanosecond."""
    return f"{datetime.fromtimestamp(t // _SECOND_NS, UTC):%Y-%m-%dT%H:%M:%S}.{t % _SECOND_NS:09d}Z"


def duration(ns: int) -> str:
    """With a unit that suits it."""
    for unit, name in ((3_600 * _SECOND_NS, "h"), (_SECOND_NS, "s"), (1_000_000, "ms")):
        if ns >= unit:
            return f"{ns / unit:.3f} {name}"
    return f"{ns} ns"
