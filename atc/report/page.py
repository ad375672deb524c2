"""Sentences and tables for a terminal of 100 columns, or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from atc.report.aligned import aligned
from atc.report.cells import Row, table

WIDEST = 100
_LONGEST_NAME = 30
_LONGEST_VALUE = 18
_MOST_ROWS = 40


class Page:
    """How things are written."""

    def __init__(self, markdown: bool) -> None:
        self.markdown = markdown

    def said(self, text: str) -> Iterator[str]:
        """A sentence, wrapped at the terminal."""
        yield from ["", text, ""] if self.markdown else textwrap.wrap(text, WIDEST)

    def lines(self, found: Iterable[str]) -> Iterator[str]:
        """`found` without blank lines at the start or beside each other."""
        before = ""
        for line in found:
            if line or before:
                yield line
            before = line

    def name(self, label: str) -> str:
        """Of a run: as long as fits, its end kept, which tells it from the others."""
        if self.markdown or len(label) <= _LONGEST_NAME:
            return label
        half = (_LONGEST_NAME - 1) // 2
        return f"{label[: _LONGEST_NAME - 1 - half]}…{label[-half:]}"

    def value(self, text: str) -> str:
        """Of a key: its beginning."""
        short = self.markdown or len(text) <= _LONGEST_VALUE
        return text if short else f"{text[: _LONGEST_VALUE - 1]}…"

    def table(
        self, rows: Sequence[Row], words: tuple[int, ...] = (0,), *, fold: bool = False
    ) -> Iterator[str]:
        """`rows`, the first names the columns; at the terminal no more than fit on a screen."""
        if self.markdown:
            yield from table(rows, markdown=True, words=words)
            yield ""
            return
        kept, left = list(rows[: _MOST_ROWS + 1]), len(rows) - _MOST_ROWS - 1
        if fold:
            kept = list(_folded(kept, WIDEST - 2 - max(len(row[0]) for row in kept)))
        yield from aligned(kept, left=words)
        if left > 0:
            yield f"… and {left} more, in the files of the leaderboard"


def width_of(rows: Sequence[Row]) -> int:
    """Of a table of words at the terminal."""
    return max(map(len, aligned(rows, left=range(len(rows[0])))))


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first of `names`, and how many more there are."""
    told = ", ".join(names[:most])
    return told if len(names) <= most else f"{told} and {len(names) - most} more"


def counted(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _folded(rows: Sequence[Row], width: int) -> Iterator[Row]:
    """Rows of a word and a text that is wrapped."""
    for word, text in rows:
        first, *further = textwrap.wrap(text, width) or [""]
        yield [word, first]
        yield from (["", part] for part in further)
