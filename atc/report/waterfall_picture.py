"""The alpha waterfall of a run as a picture, drawn from its waterfall.parquet alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from atc.errors import DataError
from atc.report.waterfall_lines import STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "waterfall.parquet"
WAYS = {
    "forward": "information first, execution last",
    "reverse": "execution first, from its end backwards, then information",
}
# Okabe & Ito's palette, told apart by hatching too: whole bars, what is lost, what is gained.
LEVEL: dict[str, Any] = {"color": "#999999"}
LOST: dict[str, Any] = {"color": "#D55E00"}
GAINED: dict[str, Any] = {"color": "#009E73", "hatch": "//", "edgecolor": "#FFFFFF"}
HINDSIGHT = 0.55
"""Opacity of what was chosen in hindsight."""


def draw_waterfall(run: Path, picture: Path, *, quote: str) -> None:
    """Draws the waterfall of the run folder `run` into `picture`, as SVG or PNG by suffix; money in `quote`.

    Raises DataError for a run without one.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    file = run / FILE
    if not file.is_file():
        raise DataError(f"{file} is not there: the run has no backtest, or backtest.waterfall.enabled=false")
    levels = pl.read_parquet(file)
    # Text stays text, and the same table gives the same file.
    style: Any = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "atc",
    }
    with rc_context(style):
        figure = Figure(figsize=(9.5, 8.0))
        FigureCanvasAgg(figure)
        for ax, (way, words) in zip(figure.subplots(2, 1, sharey=True), WAYS.items(), strict=True):
            ax.set_gid(f"waterfall-{way}")
            _draw(ax, levels.filter(way=way), f"{way}: {words}", quote)
        figure.text(
            0.01,
            0.008,
            "pale: chosen in hindsight on the holdout, shows where alpha is lost and is used for nothing",
            color="#555555",
            fontsize=8,
        )
        figure.subplots_adjust(left=0.1, right=0.99, bottom=0.085, top=0.95, hspace=0.35)
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, metadata={"Date": None} if picture.suffix == ".svg" else None)


def _draw(ax: Axes, levels: pl.DataFrame, title: str, quote: str) -> None:
    names = {step: words.rstrip("*") for step, words in STEPS}
    words, before = [], 0.0
    for place, row in enumerate(levels.iter_rows(named=True)):
        change, alpha = row["change"], row["alpha"]
        look = LEVEL if place == 0 else GAINED if change > 0 else LOST
        pale = HINDSIGHT if row["hindsight"] else 1.0
        ax.bar(place, change, bottom=before, width=0.72, alpha=pale, **look)
        ax.plot([place - 0.36, place + 1.36], [alpha, alpha], color="#444444", linewidth=0.8)
        shown = f"{alpha:,.0f}" if place == 0 else f"{change:+,.0f}"
        ax.annotate(
            shown,
            (place, max(before, alpha)),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
        words.append(names[row["step"]].replace(", ", ",\n").replace(" and ", "\nand "))
        before = alpha
    ax.bar(len(words), before, width=0.72, color="#000000")
    ax.annotate(
        f"{before:,.0f}",
        (len(words), max(before, 0.0)),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
    ax.set_xticks(range(len(words) + 1), [*words, "realised"])
    ax.axhline(0, color="#000000", linewidth=0.8)
    ax.set_ylabel(f"alpha, {quote}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.margins(y=0.1)
    ax.set_title(title, loc="left", fontsize=10)


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
