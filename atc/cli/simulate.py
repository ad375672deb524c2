"""`atc simulate`: simulated events under a root, in the layout of recorded ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import UsageError, nearest

if TYPE_CHECKING:
    from atc.config.schema import SimulatedData

KEYS = ("scenario", "days", "seed", "rate", "start_date")


def simulate(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help=f"{', '.join(KEYS)}; what is left out is as in conf/data/demo.yaml.",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Events root to write under; else where runs look: paths.events, which is ATC_EVENTS or "
            "outputs/data in the project.",
        ),
    ] = None,
) -> None:
    """Simulate business days of a market, unless they are there already."""
    from atc.events.keyframe_statistics import market_statistics
    from atc.events.simulate import ensure_simulated, located
    from atc.report.progress import Progress

    data, runs_look_in = _data(settings or [])
    root = root or runs_look_in
    with Progress().bar("simulate", data.days, "days") as bar:
        made = ensure_simulated(data, root, bar.update)
    venue = located(data).venue
    found = market_statistics(root, venue, data.symbol)
    row = {
        "scenario": data.scenario,
        "seed": str(data.seed),
        "days": str(found.days),
        "frames/day": f"{found.frames_a_day:.0f}",
        "executions/day": f"{found.executions_a_day:.0f}",
        "spread bps": _number(found.spread_bps, 2),
        "20 levels, M": _number(found.depth_million, 1),
        "300 s vol bps": _number(found.vol_300s_bps, 1),
    }
    typer.echo(f"{'simulated' if made else 'was there'}: {venue}/{data.symbol} under {root}")
    widths = {name: max(len(name), len(value)) for name, value in row.items()}
    typer.echo("  ".join(name.rjust(widths[name]) for name in row))
    typer.echo("  ".join(value.rjust(widths[name]) for name, value in row.items()))


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _data(settings: list[str]) -> tuple[SimulatedData, Path]:
    """The demo's data with the settings on top, and its events root.

    Raises UsageError that names the setting.
    """
    from pydantic import ValidationError

    from atc.config.compose import compose
    from atc.config.schema import SimulatedData

    given: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not value:
            raise UsageError(
                f"'{setting}' is no setting; expected KEY=VALUE with KEY one of {', '.join(KEYS)}"
            )
        if key not in KEYS:
            raise UsageError(f"atc simulate has no setting '{key}'; {nearest(key, KEYS)}")
        if key in given:
            raise UsageError(f"'{key}' is set twice")
        given[key] = value
    demo = compose(["data=demo"])
    try:
        data = SimulatedData.model_validate({**demo.data.model_dump(), **given})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}={e['input']}: {e['msg']}" for e in error.errors()]
        raise UsageError("; ".join(wrong)) from error
    return data, demo.paths.events_dir
