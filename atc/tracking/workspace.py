"""The dashboard that compares runs in W&B, as code: the same page for every sweep.

    verdict           lifts with their intervals, the leaderboard; deltas to the baseline in the run table
    generalisation    validation against holdout, calibration, how the holdout's inputs differ
    money             alpha with its interval, the curves, lift against alpha
    what mattered     parallel coordinates, parameter importance, the keys that differ, importance of inputs
    cost              time, memory, rows; lift against time

Nothing here needs an account. Ids that W&B would draw are made of what they name, so the same runs give the
same JSON, and a dashboard that is published again replaces itself.
"""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Panel = Any
"""Of W&B's library, which says of its panels to no type checker what they are."""

_LIFT = "lift/"
_MOST_RUNS = 200
_LO, _HI = "/lo", "/hi"
_SPLITS = ("train", "valid", "holdout")


@dataclass(frozen=True)
class Shown:
    """What a dashboard is of."""

    name: str
    """Its title; of a sweep the folder's name."""
    project: str
    entity: str
    runs: tuple[str, ...]
    """W&B ids of the runs."""
    group: str | None
    """The runs' group; None: the runs are found by their ids."""
    baseline: str | None
    """W&B id of the run that the run table gives deltas to."""
    figures: tuple[str, ...]
    """The lifts that count, such as `lift/holdout/auc`; several where the runs differ in their labels. Of
    sealed runs figures of validation, such as `valid/auc`.
    """
    varied: tuple[str, ...]
    """Config keys in which the runs differ, such as `model.num_leaves`."""

    @property
    def key(self) -> str:
        """What makes two dashboards the same one."""
        return self.group or ",".join(self.runs)


def workspace_of(shown: Shown) -> Any:
    """The dashboard of `shown`. Takes some tenths of a second, for the import."""
    ws, expr = library("workspaces"), library("expr")
    in_group, by_id = expr.Metric("Group") == shown.group, expr.Metric("ID").isin(list(shown.runs))
    order = [expr.Ordering(expr.Summary(figure), ascending=False) for figure in shown.figures[:1]]
    columns = [*_with_intervals(shown.figures), *map(_held, shown.figures), "backtest/alpha", "cost/seconds"]
    workspace = ws.Workspace(
        entity=shown.entity,
        project=shown.project,
        name=shown.name,
        sections=[
            _section("Verdict: lift over each run's own baseline", _verdict(shown), is_open=True),
            _section("Generalisation: validation against holdout", _generalisation(shown), is_open=True),
            _section("Money: alpha over always HOLD", _money(shown)),
            _section("What mattered", _what_mattered(shown)),
            _section("Cost", _cost(shown)),
        ],
        settings=ws.WorkspaceSettings(max_runs=_MOST_RUNS),
        runset_settings=ws.RunsetSettings(
            filters=expr.And(in_group if shown.group else by_id),
            order=order,
            pinned_columns=[f"summary:{column}" for column in columns],
            baseline_run=shown.baseline,
        ),
    )
    workspace._internal_name = f"nw-{_id(shown.key)}-v"
    workspace._internal_runset_id = _id(f"runs of {shown.key}")
    return workspace


def library(part: str) -> Any:
    """A module of W&B's library of dashboards, whose validators warn of their age while it is loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(f"wandb_workspaces.{part}")


def workspace_json(shown: Shown) -> dict[str, Any]:
    """What `publish` sends: the view's name and title, and its spec, as plain values."""
    model = workspace_of(shown)._to_model()
    return {
        "entity": model.entity,
        "project": model.project,
        "name": model.name,
        "displayName": model.display_name,
        "spec": model.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _section(name: str, panels: Sequence[Panel], *, is_open: bool = False) -> Any:
    ws = library("workspaces")
    for number, panel in enumerate(panels):
        panel._id = _id(f"{name} {number}")
    rows = -(-len(panels) // 3)
    return ws.Section(
        name=name,
        panels=list(panels),
        is_open=is_open,
        layout_settings=ws.SectionLayoutSettings(columns=3, rows=min(rows, 3)),
    )


def _verdict(shown: Shown) -> list[Panel]:
    wr = library("reports.v2")
    lifts = [figure.removeprefix(_LIFT) for figure in shown.figures if figure.startswith(_LIFT)]
    over_volatility = [f"lift_over_volatility/{lift}" for lift in lifts]
    return [
        *(_bars(f"{figure} and its interval", _with_intervals([figure])) for figure in shown.figures),
        *(_bars(f"{over} and its interval", _with_intervals([over])) for over in over_volatility),
        _bars("gate: 1 accepted, 0 its fallback is deployed", ["gate/verdict"]),
        wr.WeavePanelSummaryTable(table_name="leaderboard"),
    ]


def _generalisation(shown: Shown) -> list[Panel]:
    panels: list[Panel] = []
    for figure in shown.figures:
        own = _held(figure)
        split, _, rest = own.partition("/")
        before = {"holdout": "valid", "valid": "train"}[split]
        panels += [
            _cloud(f"{own} against {before}", f"{before}/{rest}", own),
            _bars(f"{rest}: train, validation, holdout", [f"{one}/{rest}" for one in _SPLITS]),
        ]
    return [
        *panels,
        _bars("calibration: ECE and its interval", _with_intervals(["holdout/ece"])),
        _bars("holdout told from training: AUC, 0.5 is alike", ["adversarial/auc"]),
    ]


def _money(shown: Shown) -> list[Panel]:
    wr = library("reports.v2")
    return [
        _bars("alpha a day and its interval", _with_intervals(["backtest/alpha_daily"])),
        _bars("alpha and drawdown of alpha", ["backtest/alpha", "backtest/alpha_drawdown"]),
        wr.LinePlot(
            title="alpha, day by day",
            x="backtest_curve/day",
            y=["backtest_curve/alpha"],
            max_runs_to_show=_MOST_RUNS,
        ),
        _bars("Sharpe ratio of daily alpha", ["backtest/alpha_sharpe"]),
        _bars(
            "edge before and after costs, bps",
            ["backtest/edge_before_costs_bps", "backtest/edge_after_costs_bps"],
        ),
        *(_cloud(f"alpha against {figure}", figure, "backtest/alpha") for figure in shown.figures),
    ]


def _what_mattered(shown: Shown) -> list[Panel]:
    wr = library("reports.v2")
    ends = [*map(_held, shown.figures), *shown.figures, "backtest/alpha"]
    keys: list[Any] = [wr.Config(key) for key in shown.varied]
    keys += [wr.SummaryMetric(end) for end in ends]
    return [
        wr.ParallelCoordinatesPlot(
            title="what differs, and what it moved",
            columns=[wr.ParallelCoordinatesPlotColumn(metric=key) for key in keys],
        ),
        *(wr.ParameterImportancePlot(with_respect_to=figure) for figure in shown.figures),
        wr.RunComparer(diff_only="split"),
        wr.WeavePanelSummaryTable(table_name="importance"),
    ]


def _cost(shown: Shown) -> list[Panel]:
    return [
        _bars("seconds of all stages", ["cost/seconds"]),
        _bars("processor seconds of all stages", ["cost/cpu_seconds"]),
        _bars("largest resident memory, MiB", ["cost/peak_rss_mib"]),
        _bars("rows that train", ["train/rows"]),
        *(
            _cloud(f"{figure} against processor seconds", "cost/cpu_seconds", figure)
            for figure in shown.figures
        ),
    ]


def _bars(title: str, metrics: Sequence[str]) -> Panel:
    wr = library("reports.v2")
    return wr.BarPlot(
        title=title, metrics=list(metrics), max_runs_to_show=_MOST_RUNS, max_bars_to_show=_MOST_RUNS
    )


def _cloud(title: str, x: str, y: str) -> Panel:
    wr = library("reports.v2")
    return wr.ScatterPlot(title=title, x=wr.SummaryMetric(x), y=wr.SummaryMetric(y))


def _with_intervals(figures: Iterable[str]) -> list[str]:
    return [key for figure in figures for key in (figure, f"{figure}{_LO}", f"{figure}{_HI}")]


def _held(figure: str) -> str:
    """The model's own figure behind a lift: `holdout/auc` behind `lift/holdout/auc`."""
    return figure.removeprefix(_LIFT)


def _id(text: str) -> str:
    """As long as W&B's own, and the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:11]
