"""The keys in which the configs of a leaderboard differ, as columns of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atc.config.digest import LABELS
from atc.report.leaderboard import Leaderboard
from atc.report.leaderboard_rows import shown_value
from atc.report.page import WIDEST, Page, width_of


def key_lines(board: Leaderboard, page: Page) -> Iterator[str]:
    """The code, the data and the keys that differ, as columns, as many as fit."""
    configs = [one.candidate.config for one in board.entries]
    head, rows = ["run"], [[page.name(one.candidate.label)] for one in board.entries]
    for of in ("code", "data"):
        digests = [one.digest(of) for one in board.entries]
        if len(set(digests)) > 1:
            head, rows = [*head, of], [[*row, cell] for row, cell in zip(rows, digests, strict=True)]
    for key in telling_keys(board.keys, configs):
        cells = [page.value(shown_value(config, key) or "") for config in configs]
        wider = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
        if page.markdown or width_of([[*head, key], *wider]) <= WIDEST:
            head, rows = [*head, key], wider
    if len(head) == 1:
        return
    yield ""
    yield from page.said("keys that differ")
    yield from page.table([head, *rows], words=tuple(range(len(head))))
    yield from page.said(
        "every key that differs is a column of the CSV; atc config diff A B says it of two runs"
    )


def telling_keys(keys: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Those of `keys` that all `configs` have; where the name of a set tells them apart, the name for its
    keys.
    """
    names = [name for name in sorted(LABELS) if len({shown_value(config, name) for config in configs}) > 1]
    told: set[str] = set()
    for key in keys:
        name = next((one for one in names if key.startswith(one.removesuffix("name"))), key)
        if name not in told and all(shown_value(config, name) is not None for config in configs):
            told.add(name)
            yield name
