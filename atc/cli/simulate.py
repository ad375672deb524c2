"""`atc simulate`: simulated events under a root, in the layout of recorded ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import UsageError, nearest

if TYPE_CHECKING:
    from atc.config.data import SimulatedData
    from atc.config.surroundings import Paths

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
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.svg|FILE.png|DIR",
            help="Draw the market's stylised facts beside real recordings, with a table and JSON.",
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside",
            metavar="data=NAME",
            help="A recording to stand in the report, up to three; `none` for the simulator alone; else "
            "the recordings that are there.",
        ),
    ] = None,
) -> None:
    """Simulate business days of a market, unless they are there already."""
    from atc.events.keyframe_statistics import market_statistics
    from atc.events.simulate import ensure_simulated, located
    from atc.report.progress import Progress

    data, paths = _data(settings or [])
    if report is not None:
        from atc.report.stylised.report import report_files

        report_files(report)
    elif beside:
        raise UsageError("--beside belongs to --report, which is not given")
    root = root or paths.events_dir
    with Progress().bar("simulate", data.days, "days") as bar:
        made = ensure_simulated(data, root, bar.update)
    venue = located(data).venue
    found = market_statistics(root, venue, data.symbol)
    row = {
        "scenario": data.scenario.name,
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
    if report is not None:
        _report(data, paths.model_copy(update={"events": str(root.resolve())}), beside, report)


def _report(data: SimulatedData, paths: Paths, beside: list[str] | None, target: Path) -> None:
    from atc.report.progress import Progress
    from atc.report.stylised.report import stylised_report
    from atc.report.stylised.verdicts import table

    names = None if beside is None else [_recording(given) for given in beside if given != "none"]
    made = stylised_report(data, paths, names, target, Progress())
    for sentence in made.absent:
        typer.echo(sentence)
    if not made.recordings:
        typer.echo(
            "no recording stands beside the simulator; facts whose band is the recordings' are not judged"
        )
    typer.echo(table(made.verdicts, made.recordings))
    typer.echo(f"report: {', '.join(map(str, made.files))}")


def _recording(given: str) -> str:
    key, equals, name = given.rpartition("=")
    if (equals and key != "data") or not name:
        raise UsageError(f"--beside {given} is no recording; expected data=NAME, as in conf/data")
    return name


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _data(settings: list[str]) -> tuple[SimulatedData, Paths]:
    """The demo's data with the settings on top, and its folders.

    Raises UsageError that names the setting.
    """
    from pydantic import ValidationError

    from atc.config.compose import compose
    from atc.config.data import SimulatedData

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
    chosen = [f"data/scenario='{given.pop('scenario')}'"] if "scenario" in given else []
    demo = compose(["data=demo", *chosen])
    try:
        data = SimulatedData.model_validate({**demo.data.model_dump(), **given})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}={e['input']}: {e['msg']}" for e in error.errors()]
        raise UsageError("; ".join(wrong)) from error
    return data, demo.paths
