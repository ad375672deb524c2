"""The one table of a bench: aligned on the terminal, JSON beside it, Markdown for the docs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

HEADINGS = ("figure", "value", "unit", "against", "ratio", "goal", "reached")


@dataclass(frozen=True)
class Goal:
    """A bound on a figure's value, or on its ratio where there is one."""

    bound: float
    at_most: bool = False
    upper: float | None = None
    """With it, the figure has to lie between `bound` and `upper`."""

    def reached(self, found: float) -> bool:
        """Whether `found` is on the right side."""
        if self.upper is not None:
            return self.bound <= found <= self.upper
        return found <= self.bound if self.at_most else found >= self.bound

    def __str__(self) -> str:
        if self.upper is not None:
            return f"{self.bound:g} … {self.upper:g}"
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass
class FeatureTable:
    """Rows in the order in which they were measured."""

    title: str = ""
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self,
        figure: str,
        value: float,
        unit: str,
        *,
        against: str | None = None,
        ratio: float | None = None,
        goal: Goal | None = None,
    ) -> None:
        """`ratio`: how many times better ATC is than `against`; if there is one, the goal is of it."""
        judged = None if goal is None else goal.reached(value if ratio is None else ratio)
        self.rows.append(
            {
                "figure": figure,
                "value": value,
                "unit": unit,
                "against": against,
                "ratio": ratio,
                "goal": None if goal is None else str(goal),
                "reached": judged,
            }
        )

    def cells(self) -> list[list[str]]:
        """What is printed of each row."""
        return [
            [
                str(row["figure"]),
                _digits(row["value"]),
                str(row["unit"]),
                str(row["against"] or ""),
                "" if row["ratio"] is None else f"{row['ratio']:.2f}",
                str(row["goal"] or ""),
                {None: "", True: "yes", False: "NO"}[row["reached"]],  # type: ignore[index]
            ]
            for row in self.rows
        ]

    def show(self) -> None:
        """Prints it."""
        table = Table(box=None, title=self.title)
        for name in HEADINGS:
            table.add_column(name, justify="right" if name in {"value", "ratio", "goal"} else "left")
        for cells in self.cells():
            table.add_row(*cells)
        Console(width=170).print(table)

    def markdown(self) -> str:
        """The same for the docs."""
        lines = [f"{self.title}\n", f"| {' | '.join(HEADINGS)} |", "|---|---:|---|---|---:|---:|---|"]
        return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in self.cells())])

    def write(self, path: Path) -> None:
        """All rows as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _digits(value: object) -> str:
    assert isinstance(value, int | float)
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
