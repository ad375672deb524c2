"""The alpha waterfall of a run as a picture, drawn from its waterfall.parquet alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from atc.errors import DataError
from atc.report.waterfall_lines import STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "waterfall.parquet"
NAMES = {step: words.rstrip("*").replace(", ", ",\n").replace(" and ", "\nand ") for step, words in STEPS}
# Okabe & Ito's palette, told apart by hatching too: whole bars, what is lost, what is gained.
LEVEL: dict[str, Any] = {"color": "#999999"}
LOST: dict[str, Any] = {"color": "#D55E00"}
GAINED: dict[str, Any] = {"color": "#009E73", "hatch": "//", "edgecolor": "#FFFFFF"}
REALISED: dict[str, Any] = {"color": "#000000"}
HINDSIGHT = 0.55
"""Opacity of what was chosen in hindsight."""


class Bar(NamedTuple):
    """A step, from the level before it to its own."""

    name: str
    before: float
    alpha: float
    hindsight: bool


def draw_waterfall(run: Path, picture: Path, *, quote: str) -> None:
    """Draws the waterfall of the run folder `run` into `picture`, as SVG or PNG by suffix; money in `quote`.

    Forward, once more from the ranking on at a scale of its own, and in reverse. Raises DataError for a run
    without one.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    file = run / FILE
    if not file.is_file():
        raise DataError(f"{file} is not there: the run has no backtest, or backtest.waterfall.enabled=false")
    levels = pl.read_parquet(file)
    forward, reverse = (_bars(levels.filter(way=way)) for way in ("forward", "reverse"))
    ranked = next(place for place, bar in enumerate(forward) if bar.name == NAMES["ranking"])
    after = Bar("left after\nranking", 0.0, forward[ranked].alpha, forward[ranked].hindsight)
    # Text stays text, and the same table gives the same file.
    style: Any = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "atc",
    }
    with rc_context(style):
        figure = Figure(figsize=(9.5, 11.0))
        FigureCanvasAgg(figure)
        for ax, (title, bars) in zip(
            figure.subplots(3, 1),
            (
                ("forward: information first, then execution", forward),
                ("the same from the ranking on, at a scale of its own", [after, *forward[ranked + 1 :]]),
                ("reverse: execution first, its last step at first, then information", reverse),
            ),
            strict=True,
        ):
            _draw(ax, bars, title, quote)
        words = (
            "pale: chosen in hindsight on the holdout; it shows where alpha is lost and is used for nothing"
        )
        figure.text(0.01, 0.008, words, color="#555555", fontsize=8)
        figure.subplots_adjust(left=0.13, right=0.99, bottom=0.07, top=0.965, hspace=0.42)
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, metadata={"Date": None} if picture.suffix == ".svg" else None)


def _bars(levels: pl.DataFrame) -> list[Bar]:
    rows = list(levels.iter_rows(named=True))
    before = [0.0, *(row["alpha"] for row in rows[:-1])]
    return [
        Bar(NAMES[row["step"]], start, row["alpha"], row["hindsight"])
        for row, start in zip(rows, before, strict=True)
    ]


def _draw(ax: Axes, bars: Sequence[Bar], title: str, quote: str) -> None:
    """The first bar is whole, the last one of the picture is what is realised."""
    realised = bars[-1].alpha
    for place, bar in enumerate([*bars, Bar("realised", 0.0, realised, hindsight=False)]):
        change = bar.alpha - bar.before
        whole = place in {0, len(bars)}
        look = REALISED if place == len(bars) else LEVEL if whole else GAINED if change > 0 else LOST
        ax.bar(
            place, change, bottom=bar.before, width=0.72, alpha=HINDSIGHT if bar.hindsight else 1.0, **look
        )
        if place < len(bars):
            ax.plot([place - 0.36, place + 1.36], [bar.alpha] * 2, color="#444444", linewidth=0.8)
        shown = f"{round(change):,}" if whole or not round(change) else f"{round(change):+,}"
        above = (place, max(bar.before, bar.alpha))
        ax.annotate(
            shown,
            above,
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            bbox={"facecolor": "#FFFFFF", "edgecolor": "none", "pad": 0.5},
        )
    ax.set_xticks(range(len(bars) + 1), [*(bar.name for bar in bars), "realised"])
    ax.axhline(0, color="#000000", linewidth=0.8)
    ends = [0.0, *(bar.alpha for bar in bars)]
    room = (max(ends) - min(ends)) or 1.0
    ax.set_ylim(min(ends) - (0.04 * room if min(ends) < 0 else 0.0), max(ends) + 0.1 * room)
    ax.set_ylabel(f"alpha, {quote}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_title(title, loc="left", fontsize=10, pad=10)


def main() -> None:
    """`python -m atc.report.waterfall_picture RUN PICTURE`."""
    parser = argparse.ArgumentParser(prog="python -m atc.report.waterfall_picture", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run with a waterfall")
    parser.add_argument("picture", type=Path, help="an .svg or .png to write")
    parser.add_argument("--quote", default="JPY", help="the currency, for the axis")
    asked = parser.parse_args()
    draw_waterfall(asked.run, asked.picture, quote=asked.quote)


if __name__ == "__main__":
    main()
