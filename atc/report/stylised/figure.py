"""The figure: small multiples of every panel, the bands as shade, misses in the panels' titles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.report.stylised.bands import BANDS, Verdict
from atc.report.stylised.measured import Curve, Measured
from atc.report.stylised.panels import PANELS, Panel, Shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIMULATED: dict[str, Any] = {"color": "#000000", "linewidth": 2.0, "linestyle": "-", "zorder": 4}
# Okabe & Ito's palette, told apart by line style too.
RECORDED: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linewidth": 1.5, "linestyle": "--", "zorder": 3},
    {"color": "#E69F00", "linewidth": 1.5, "linestyle": "-.", "zorder": 3},
    {"color": "#009E73", "linewidth": 1.5, "linestyle": ":", "zorder": 3},
)
SHADE: dict[str, Any] = {"color": "#9ACD9A", "alpha": 0.45, "linewidth": 0, "zorder": 1}
MISS, HIT, UNJUDGED = "#B00020", "#2B5D2B", "#666666"
COLUMNS = 4


def draw(
    simulated: Measured, recordings: Sequence[Measured], verdicts: Sequence[Verdict], paths: Sequence[Path]
) -> None:
    """Draws all panels into each of `paths`, as SVG or PNG by suffix. At most three recordings."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        # Text stays text, and the same facts give the same file.
        "svg.fonttype": "none",
        "svg.hashsalt": "atc",
    }
    with rc_context(style):
        rows = -(-len(PANELS) // COLUMNS)
        height = 3.75 * rows + 1.0
        figure = Figure(figsize=(4.1 * COLUMNS, height))
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, COLUMNS).ravel()
        for panel, ax in zip(PANELS, axes, strict=True):
            ax.set_gid(f"panel-{panel.name}")
            _draw_panel(ax, panel, simulated, recordings, verdicts)
        _legend(figure, simulated, recordings, verdicts)
        figure.subplots_adjust(
            left=0.055, right=0.99, bottom=0.035, top=1 - 1.75 / height, wspace=0.32, hspace=0.52
        )
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(path, dpi=110, metadata=metadata)


def _draw_panel(
    ax: Axes,
    panel: Panel,
    simulated: Measured,
    recordings: Sequence[Measured],
    verdicts: Sequence[Verdict],
) -> None:
    if panel.name == "frequency":
        _draw_frequency(ax, verdicts)
    else:
        ax.set_xscale(panel.x_scale)
        ax.set_yscale(panel.y_scale)
        for market, style in _styled(simulated, recordings):
            curve = market.curves.get(panel.name)
            if curve is not None:
                _draw_curve(ax, panel, curve, style)
        _reference(ax, panel, simulated.curves.get(panel.name))
        if panel.shade is not None:
            _draw_shade(ax, panel.shade, simulated.curves.get(panel.name), verdicts)
        _plain_ticks(ax)
    if panel.name.endswith("by_hour"):
        ax.set_ylim(0, max(2.0, ax.get_ylim()[1]))
        ax.set_xlim(0, 24)
        ax.set_xticks(range(0, 25, 6))
    ax.set_xlabel(panel.x)
    ax.set_ylabel(panel.y)
    ax.grid(True, color="#E4E4E4", linewidth=0.6)
    ax.set_axisbelow(True)
    _title(ax, panel, verdicts)


def _draw_curve(ax: Axes, panel: Panel, curve: Curve, style: dict[str, Any]) -> None:
    import numpy as np

    known = np.isfinite(curve.y)
    if panel.y_scale == "log":
        known &= curve.y > 0
    marker = "o" if len(curve.x) <= 24 else None
    ax.plot(curve.x[known], curve.y[known], marker=marker, markersize=2.8, **style)
    if curve.fit is not None:
        ax.plot(
            curve.x, curve.fit(curve.x), **{**style, "linewidth": 0.8, "linestyle": (0, (1, 1)), "alpha": 0.8}
        )


def _reference(ax: Axes, panel: Panel, simulated: Curve | None) -> None:
    """What would be there if there were nothing to see."""
    import numpy as np

    line: dict[str, Any] = {"color": "#888888", "linewidth": 0.9, "zorder": 2}
    if panel.name in {"return_correlation", "kurtosis"}:
        ax.axhline(0, **line)
    elif panel.name in {"signature", "activity_by_hour", "volatility_by_hour"}:
        ax.axhline(1, **line)
    elif panel.name in {"interarrival", "return_tail"}:
        x = np.geomspace(0.05, 8, 100)
        y = np.exp(-x) if panel.name == "interarrival" else np.array([math.erfc(v / math.sqrt(2)) for v in x])
        low = ax.get_ylim()[0]
        ax.plot(x[y > low], y[y > low], **line)
        if panel.name == "interarrival":
            # More spread out than exponential is a tail above it.
            ax.fill_between(x[x > 3], np.maximum(y[x > 3], low), 0.2, **SHADE)
        label = "Poisson process" if panel.name == "interarrival" else "normal"
        ax.text(0.03, 0.05, f"grey: {label}", transform=ax.transAxes, color="#666666", fontsize=8)
    elif simulated is not None and simulated.noise is not None:
        bottom = simulated.noise / 4
        ax.set_ylim(bottom=bottom)
        ax.axhspan(bottom, simulated.noise, color="#EDEDED", zorder=0)
        ax.text(0.03, 0.03, "grey: noise", transform=ax.transAxes, color="#666666", fontsize=8)


def _draw_shade(ax: Axes, shade: Shade, curve: Curve | None, verdicts: Sequence[Verdict]) -> None:
    import numpy as np

    ends = next(verdict.ends for verdict in verdicts if verdict.band.fact == shade.fact)
    if ends is None:
        return
    low, high = ends
    if shade.kind == "x":
        ax.axvspan(low, high, **SHADE)
        return
    if shade.kind == "y_at":
        factor = 1.35 if ax.get_xscale() == "log" else 1.0
        left, right = (
            (shade.at / factor, shade.at * factor) if factor > 1 else (shade.at - 0.4, shade.at + 0.4)
        )
        bottom, top = ax.get_ylim()
        ends = (bottom if math.isinf(low) else low, top if math.isinf(high) else high)
        ax.fill_between([left, right], *ends, **SHADE)
        return
    if curve is None or not len(curve.x) or (shade.of_fit and curve.fit is None):
        return
    limits = ax.get_ylim()
    known = np.isfinite(curve.y) & (curve.y > 0)
    level = float(np.exp(np.interp(math.log(shade.at), np.log(curve.x[known]), np.log(curve.y[known]))))
    x = np.geomspace(shade.at, max(float(curve.x[-1]), 3 * shade.at), 50)
    sign = -1 if shade.falling else 1
    ax.fill_between(
        x, level * (x / shade.at) ** (sign * low), level * (x / shade.at) ** (sign * high), **SHADE
    )
    ax.set_ylim(limits)


def _draw_frequency(ax: Axes, verdicts: Sequence[Verdict]) -> None:
    """The plan's figures, each relative to the middle of its band."""
    wanted = ("frames_a_day", "executions_a_day", "depth_20_million", "spread_bps")
    names = {
        "frames_a_day": "book frames a day",
        "executions_a_day": "executions a day",
        "depth_20_million": "20 levels a side",
        "spread_bps": "mean spread",
    }
    by_fact = {verdict.band.fact: verdict for verdict in verdicts}
    for row, fact in enumerate(wanted):
        verdict = by_fact[fact]
        if verdict.ends is None:
            continue
        low, high = verdict.ends
        middle = (low + high) / 2
        ax.barh(row, (high - low) / middle, left=low / middle, height=0.6, **SHADE)
        if verdict.value is not None:
            ax.plot(verdict.value / middle, row, "o", **{**SIMULATED, "linestyle": ""}, markersize=6)
        ax.text(0.02, row + 0.36, names[fact], transform=ax.get_yaxis_transform(), fontsize=8, va="bottom")
    ax.set_yticks([])
    ax.set_ylim(-0.6, len(wanted) - 0.2)
    ax.axvline(1, color="#888888", linewidth=0.9)


def _title(ax: Axes, panel: Panel, verdicts: Sequence[Verdict]) -> None:
    """The panel's title, and a line a fact: value, band, and whether it lies in it."""
    own = [verdict for verdict in verdicts if verdict.band.panel == panel.name]
    lines = len(own)
    missed = any(verdict.says == "MISS" for verdict in own)
    title = f"{panel.title}: MISS" if missed else panel.title
    ax.set_title(
        title, loc="left", pad=5 + 11 * lines, fontweight="bold", color=MISS if missed else "#000000"
    )
    for number, verdict in enumerate(own):
        colour = {"hit": HIT, "MISS": MISS}.get(verdict.says, UNJUDGED)
        ax.annotate(
            f"{verdict.says}: {_short(verdict)}",
            (0, 1),
            xytext=(0, 4 + 11 * (lines - 1 - number)),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=colour,
        )


def _short(verdict: Verdict) -> str:
    from atc.report.stylised.verdicts import span_text, value_text

    unit = f" {verdict.band.unit}" if verdict.band.unit else ""
    return f"{verdict.band.short} {value_text(verdict)}{unit}, band {span_text(verdict.ends)}"


def _styled(simulated: Measured, recordings: Sequence[Measured]) -> list[tuple[Measured, dict[str, Any]]]:
    return [(simulated, SIMULATED), *zip(recordings, RECORDED, strict=False)]


def _legend(
    figure: Figure, simulated: Measured, recordings: Sequence[Measured], verdicts: Sequence[Verdict]
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    styled = _styled(simulated, recordings)
    handles: list[Any] = [Line2D([], [], **style) for _, style in styled]
    labels = [
        f"{market.name} ({'simulated' if market.is_simulated else 'recorded'}, {_span(market)}"
        + ("" if market.takes_prices_from == "mid" else ", prices of executions")
        + ")"
        for market, _ in styled
    ]
    handles.append(Patch(**{**SHADE, "zorder": 0}))
    labels.append("tolerance band")
    handles.append(Line2D([], [], color="#000000", linewidth=0.8, linestyle=(0, (1, 1))))
    labels.append("fitted power law")
    figure.legend(handles, labels, loc="upper center", ncols=3, frameon=False, bbox_to_anchor=(0.5, 0.972))
    counts = {
        said: sum(verdict.says == said for verdict in verdicts) for said in ("hit", "MISS", "not judged")
    }
    figure.suptitle(
        f"Stylised facts of {simulated.name}: {counts['hit']} in their bands, {counts['MISS']} missed, "
        f"{counts['not judged']} not judged (of {len(BANDS)})",
        y=0.995,
        fontsize=13,
        fontweight="bold",
    )


def _span(market: Measured) -> str:
    if market.hours >= 23:
        days = round(market.hours / 24)
        return f"{days} day{'s' if days > 1 else ''}"
    return f"{market.hours:.0f} h" if market.hours >= 1 else f"{60 * market.hours:.0f} min"


def _plain_ticks(ax: Axes) -> None:
    import numpy as np
    from matplotlib.ticker import FuncFormatter, LogLocator

    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        if axis.get_scale() == "log":
            decades = float(np.log10(limits[1] / limits[0]))
            axis.set_major_locator(
                LogLocator(subs=(1, 2, 5) if decades < 1.7 else (1,), numticks=12 if decades < 1.7 else 6)
            )
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.minorticks_off()
