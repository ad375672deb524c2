"""How the labels of a part of the rows are spread over their classes, and why the others are null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atc.protocol.dataset import CHUNK_ROWS, Dataset


def class_balance(part: str, rows: Dataset, causes: Sequence[str]) -> dict[str, float | None]:
    """`<part>/class/HOLD/share` of the labelled ones of `rows`, or of returns `<part>/return/mean_bps` and
    `std_bps`; `<part>/null/share` and `<part>/null/gap/share` of all, a set a head; null without rows.

    `causes`: what the codes of `rows.null_cause` say, from 1 on.
    """
    figures: dict[str, float | None] = {}
    for number, head in enumerate(rows.heads):
        ending = f"@{head}" if head else ""
        known = ~np.isnan(rows.y[:, number])
        labels = rows.y[known, number]
        if rows.classes:
            counts = _counts(labels, len(rows.classes))
            for name, count in zip(rows.classes, counts.tolist(), strict=True):
                figures[f"{part}/class/{name}/share{ending}"] = _share(count, len(labels))
        else:
            figures[f"{part}/return/mean_bps{ending}"] = float(np.mean(labels)) if len(labels) else None
            figures[f"{part}/return/std_bps{ending}"] = float(np.std(labels)) if len(labels) else None
        figures[f"{part}/null/share{ending}"] = _share(int(np.count_nonzero(~known)), len(known))
        if rows.null_cause is not None:
            by_cause = _counts(rows.null_cause[:, number], len(causes) + 1)[1:]
            for name, count in zip(causes, by_cause.tolist(), strict=True):
                figures[f"{part}/null/{name}/share{ending}"] = _share(count, len(known))
    return figures


def _counts(codes: NDArray[Any], kinds: int) -> NDArray[np.int64]:
    """(kinds,) how often each of the `codes` (n,) comes, counted in chunks: `bincount` copies into int64."""
    found = np.zeros(kinds, dtype=np.int64)
    for start in range(0, len(codes), CHUNK_ROWS):
        found += np.bincount(codes[start : start + CHUNK_ROWS].astype(np.int64), minlength=kinds)
    return found


def _share(count: int, of: int) -> float | None:
    return count / of if of else None
