"""What the model of a run uses, and how, as two pictures, drawn from the run's tables alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from atc.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 12
"""Inputs of the first picture, and pairs of the second."""
CURVES = 6
# Okabe & Ito's palette.
BAR, LINE, LOCAL = "#0072B2", "#000000", "#D55E00"
FIGURES = {"auc_drop": "AUC lost", "pearson_drop": "Pearson's ρ lost"}
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Text stays text, and the same tables give the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "atc",
}


def draw_importance(run: Path, picture: Path, *, head: str | None = None, kind: str = "png") -> None:
    """What the figures of the run folder `run` lose without each input, with intervals, and where it has
    trees the SHAP values of its rows; into `picture`, as `kind` (png or svg). `head`: None for the last.

    Raises DataError for a run that was not explained.
    """
    table = _table(run, "importance", head)
    drop = next(name for name in FIGURES if name in table.columns)
    top = table.sort(drop, descending=True, nulls_last=True).head(SHOWN)
    names = top["feature"].to_list()[::-1]

    def draw(figure: Figure) -> None:
        values = _table(run, "shap", head) if (run / "shap.parquet").is_file() else None
        axes = figure.subplots(1, 1 if values is None else 2, squeeze=False)[0]
        _draw_bars(axes[0], top.reverse(), drop)
        if values is not None:
            _draw_swarm(axes[1], values, names)
        figure.subplots_adjust(left=0.21, right=0.98, bottom=0.13, top=0.93, wspace=0.08)

    _save(picture, draw, size=(9.5, 4.8), kind=kind)


def draw_dependence(run: Path, picture: Path, *, head: str | None = None, kind: str = "png") -> None:
    """How the answers of the model move with its most important inputs, and which pairs act together; else as
    `draw_importance`.
    """
    table = _table(run, "dependence", head)
    names = table["feature"].unique(maintain_order=True).to_list()[:CURVES]
    pairs = _table(run, "interactions", head) if (run / "interactions.parquet").is_file() else None

    def draw(figure: Figure) -> None:
        axes = figure.subplots(3, 3).ravel()
        for ax, name in zip(axes, names, strict=False):
            _draw_curve(ax, table.filter(feature=name), name)
        for ax in axes[len(names) :]:
            ax.set_axis_off()
        axes[0].legend(frameon=False, fontsize=7, loc="upper left")
        for ax in axes[::3]:
            ax.set_ylabel("margin above its mean", fontsize=8)
        if pairs is not None:
            ax = figure.add_axes((0.36, 0.05, 0.62, 0.25))
            _draw_pairs(ax, pairs.head(8).reverse())
        figure.subplots_adjust(left=0.07, right=0.98, bottom=0.06, top=0.95, hspace=0.45, wspace=0.25)

    _save(picture, draw, size=(9.5, 8.0), kind=kind)


PICTURES: Mapping[str, Callable[..., None]] = {"importance": draw_importance, "dependence": draw_dependence}
"""By the name of the table that one needs."""


def pictures_of(run: Path) -> Iterator[tuple[str, Callable[..., None]]]:
    """Name and drawing of each picture that the tables of `run` bear."""
    for name, draw in PICTURES.items():
        if (run / f"{name}.parquet").is_file():
            yield name, draw


def _save(picture: Path, draw: Callable[[Figure], None], *, size: tuple[float, float], kind: str) -> None:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        draw(figure)
        metadata: Any = {"Date": None} if kind == "svg" else None
        figure.savefig(picture, dpi=110, format=kind, metadata=metadata)


def _table(run: Path, name: str, head: str | None) -> pl.DataFrame:
    file = run / f"{name}.parquet"
    if not file.is_file():
        raise DataError(f"{file} is not there: the run was made with explain=none, or its model has none")
    table = pl.read_parquet(file)
    heads = table["head"].unique(maintain_order=True).to_list()
    chosen = heads[-1] if head is None else head
    if chosen not in heads:
        raise DataError(f"{file} has no head {chosen!r}; it has {', '.join(map(repr, heads))}")
    return table.filter(head=chosen)


def _draw_bars(ax: Axes, table: pl.DataFrame, drop: str) -> None:
    """`table`: the last row comes to the top."""
    values = table[drop].to_numpy()
    low, high = (table[f"{drop}_{end}"].fill_null(table[drop]).to_numpy() for end in ("lo", "hi"))
    places = np.arange(len(values))
    ax.barh(places, values, color=BAR, height=0.65)
    ax.hlines(places, low, high, color=LINE, linewidth=1.0)
    ax.axvline(0, color=LINE, linewidth=0.8)
    ax.set_yticks(places, table["feature"].to_list())
    ax.set_xlabel(f"{FIGURES[drop]} without it; line: interval")
    ax.set_title("what the model leans on (validation)", loc="left", fontsize=10)


def _draw_swarm(ax: Axes, values: pl.DataFrame, names: Sequence[str]) -> None:
    """A point a row, by its value from blue (low) to yellow (high); grey where it is null."""
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        shap = values[f"shap_{name}"].to_numpy()
        rank = values[name].rank("average").to_numpy() / max(values[name].count(), 1)
        at = place + rng.uniform(-0.28, 0.28, len(shap))
        null = np.isnan(rank)
        ax.scatter(shap[null], at[null], s=5, color="#BBBBBB", linewidths=0)
        ax.scatter(shap[~null], at[~null], s=5, c=rank[~null], cmap="cividis", vmin=0, vmax=1, linewidths=0)
    ax.axvline(0, color=LINE, linewidth=0.8)
    ax.set_yticks([])
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_xlabel("SHAP value, log-odds; blue: low input, yellow: high")
    ax.set_title("row by row", loc="left", fontsize=10)


def _draw_curve(ax: Axes, table: pl.DataFrame, name: str) -> None:
    partial, local = (table.filter(kind=kind) for kind in ("partial", "accumulated"))
    if partial["low"].null_count() == 0:
        ax.fill_between(partial["value"], partial["low"], partial["high"], color=BAR, alpha=0.15, linewidth=0)
    ax.plot(partial["value"], partial["response"], color=BAR, linewidth=1.4, label="partial dependence")
    ax.plot(
        local["value"], local["response"], color=LOCAL, linewidth=1.4, linestyle="--", label="local effects"
    )
    ax.axhline(0, color=LINE, linewidth=0.5)
    at = partial["value"].to_list()
    if len(at) > 4:  # the extremes are single rows
        ax.set_xlim(at[1], at[-2])
        inside = table.filter(pl.col("value").is_between(at[1], at[-2]))
        shown = inside.select("response", "low", "high").unpivot()["value"].drop_nulls().to_numpy()
        room = 0.08 * np.ptp(shown)
        ax.set_ylim(shown.min() - room, shown.max() + room)
    ax.set_title(name, loc="left", fontsize=9)
    ax.tick_params(labelsize=7)


def _draw_pairs(ax: Axes, pairs: pl.DataFrame) -> None:
    places = np.arange(pairs.height)
    ax.barh(places, pairs["strength"], color=BAR, height=0.65)
    ax.set_yticks(places, [f"{row['feature_a']} × {row['feature_b']}" for row in pairs.iter_rows(named=True)])
    for place, (strength, share) in enumerate(pairs.select("strength", "h_squared").iter_rows()):
        told = "–" if share is None else f"{share:.3f}"
        ax.annotate(f" H² {told}", (strength, place), va="center", fontsize=7)
    ax.set_xmargin(0.15)
    ax.set_title("what pairs do beyond their inputs alone, root mean square", loc="left", fontsize=9)


def main() -> None:
    """`python -m atc.report.explain_picture RUN FOLDER [--head NAME] [--svg]`."""
    parser = argparse.ArgumentParser(prog="python -m atc.report.explain_picture", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run that was explained")
    parser.add_argument("folder", type=Path, help="where importance.* and dependence.* are written")
    parser.add_argument("--head", help="of several heads the one to draw; default: the last")
    parser.add_argument("--svg", action="store_true", help="SVG instead of PNG")
    asked = parser.parse_args()
    kind = "svg" if asked.svg else "png"
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name, draw in pictures_of(asked.run):
        draw(asked.run, asked.folder / f"{name}.{kind}", head=asked.head, kind=kind)


if __name__ == "__main__":
    main()
