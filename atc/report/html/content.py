"""What a page is made of: sections of sentences, figures and tables."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from atc.report.html.draw.marks import Drawing
from atc.report.table import DASH

if TYPE_CHECKING:
    from rich.table import Table

_NUMBER = re.compile(r"^[+\-−]?\d[\d,]*(\.\d+)?(e[+\-]?\d+)?")
FILTERED_FROM = 16
"""Rows from which a table has a field to filter by."""
UNFOLDED = 6
"""Sentences that are always shown."""
PRINTED = 40
"""Rows of a table that are printed on paper."""
MOST_CHARACTERS = 122
"""Of a row of a table that fits on paper upright."""
UNBROKEN = 12
"""Rows of a table that stays on one page of paper."""


@dataclass(frozen=True)
class Cell:
    """What is shown, and by what it is sorted."""

    said: str
    value: float | str | None = None
    look: str = ""
    """Classes of the style sheet."""
    link: str = ""

    @property
    def key(self) -> str | None:
        """By what a script sorts; None: by what is shown."""
        return None if self.value is None else str(self.value)


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    number: bool = False
    chosen: bool = False
    """Its few values can be chosen from."""
    help: str = ""


@dataclass(frozen=True)
class DataTable:
    """Rows under named columns, which can be sorted, and filtered where they are many."""

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    words: str = ""
    """Said below it."""
    ruled: frozenset[int] = frozenset()
    """Rows with a line below."""
    folded: bool = False
    """Shown when it is asked for."""
    fixed: bool = False
    """In the order of its rows: nothing to sort."""

    @property
    def filtered(self) -> bool:
        """Whether it has a field to filter by."""
        return not self.fixed and len(self.rows) >= FILTERED_FROM

    @property
    def headed(self) -> bool:
        """Whether its columns have titles."""
        return any(column.title for column in self.columns)

    @property
    def cut(self) -> int:
        """How many rows paper leaves out."""
        return max(0, len(self.rows) - PRINTED)

    @property
    def crowded(self) -> bool:
        """Whether its columns fit on paper across alone."""
        cells = [[len(column.title)] for column in self.columns]
        for row in self.rows:
            for width, cell in zip(cells, row, strict=True):
                width.append(0 if "wrap" in cell.look else len(cell.said))
        return sum(max(width) + 1 for width in cells) > MOST_CHARACTERS

    @property
    def short(self) -> bool:
        """Whether paper keeps it on one page."""
        return len(self.rows) <= UNBROKEN

    def choices(self, place: int) -> list[str]:
        """The values of a column, in their order of appearance."""
        return list(dict.fromkeys(row[place].said for row in self.rows))


@dataclass(frozen=True)
class Figure:
    """A drawing with its title, what it shows in words, and what its marks mean."""

    kind: ClassVar[str] = "figure"
    name: str
    title: str
    described: str
    """For who does not see it: what it shows, with its main numbers."""
    drawing: Drawing
    legend: Sequence[tuple[str, str]] = ()
    """Class and meaning."""
    words: str = ""
    """Said below it."""
    data: DataTable | None = None
    """Its numbers, shown when they are asked for."""


@dataclass(frozen=True)
class Words:
    """Sentences under a small title; many are shown when they are asked for, unless `look` is given."""

    kind: ClassVar[str] = "words"
    title: str
    sentences: Sequence[str]
    look: str = ""

    @property
    def folded(self) -> bool:
        """Whether they are too many to stand in the way."""
        return not self.look and len(self.sentences) > UNFOLDED


@dataclass(frozen=True)
class Code:
    """Commands, to be copied."""

    kind: ClassVar[str] = "code"
    title: str
    lines: str


@dataclass(frozen=True)
class Tile:
    """A headline figure."""

    title: str
    said: str
    under: str = ""
    look: str = ""


@dataclass(frozen=True)
class Tiles:
    """Headline figures beside each other."""

    kind: ClassVar[str] = "tiles"
    tiles: Sequence[Tile]


Block = DataTable | Figure | Words | Code | Tiles


@dataclass(frozen=True)
class Section:
    """A chapter of the page; without blocks `empty` says why."""

    name: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
    lead: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Page:
    """One whole page."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    made_by: str


def from_rich(table: Table, name: str, caption: str, *, words: str = "") -> DataTable:
    """A table of the terminal as one of the page: the same cells, sorted by the numbers in them.

    A table without a header has its first column as the names of its rows, and is not sorted.
    """
    columns = [Column(str(column.header), number=column.justify == "right") for column in table.columns]
    cells = [[plain(cell) for cell in map(str, column.cells)] for column in table.columns]
    rows = list(zip(*cells, strict=True))
    ruled = frozenset(number for number, row in enumerate(table.rows) if row.end_section)
    return DataTable(
        name,
        caption,
        columns,
        rows,
        words=words,
        ruled=ruled,
        fixed=not table.show_header or bool(ruled) or len(rows) < 3,
    )


def plain(said: str) -> Cell:
    """A cell that is sorted by the number that it begins with, if there is one."""
    stripped = said.strip()
    found = _NUMBER.match(stripped)
    if stripped in {"", DASH}:
        return Cell(stripped)
    if not found:
        return Cell(stripped)
    return Cell(stripped, float(found[0].replace(",", "").replace("−", "-")))


def figure(value: object, decimals: int = 4, sign: str = "") -> Cell:
    """A number's cell; a dash where there is none."""
    if not isinstance(value, int | float) or math.isnan(value):
        return Cell(DASH)
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    rounded = round(float(value), decimals) + 0.0
    return Cell(f"{rounded:{sign if rounded else ''},.{decimals}f}", float(value))


def between(low: object, high: object, decimals: int = 4, sign: str = "") -> Cell:
    """An interval's cell, sorted by its lower end."""
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return Cell(DASH)
    return Cell(f"{low:{sign},.{decimals}f} … {high:{sign},.{decimals}f}", float(low))


def with_unique_names(sections: Iterable[Section]) -> list[Section]:
    """The sections with the names of figures and tables made distinct: they are anchors, as theirs are."""
    sections = list(sections)
    used = {section.name: 1 for section in sections}

    def distinct(name: str) -> str:
        used[name] = used.get(name, 0) + 1
        return name if used[name] == 1 else f"{name}-{used[name]}"

    def renamed(block: Block) -> Block:
        if isinstance(block, Figure):
            data = None if block.data is None else replace(block.data, name=distinct(block.data.name))
            return replace(block, name=distinct(block.name), data=data)
        if isinstance(block, DataTable):
            return replace(block, name=distinct(block.name))
        return block

    return [replace(one, blocks=tuple(renamed(block) for block in one.blocks)) for one in sections]
