"""`atc features`: what columns there are, in which schemas, and the cache of their values."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atc.config.schema import RunConfig
    from atc.features.day_workers import DayExecutor, MakeExecutor
    from atc.features.declarations import Schema
    from atc.features.source import Source
    from atc.report.progress import Progress

app = typer.Typer(no_args_is_help=True, help="The declared columns, and the cache of their values.")

Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="data=NAME, features=NAME, sampling=NAME, +experiment=NAME and other settings of a run.",
    ),
]
First = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="First business day; default: the first with events."),
]
Last = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="Last business day; default: the last with events.")
]
Schemas = Annotated[
    list[str] | None,
    typer.Option(
        "--schema",
        metavar="NAME",
        help="This schema alone; may be given again. Default: those of the columns that a run with these "
        "settings reads, its baseline's included.",
    ),
]


@app.command("list")
def list_columns(
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/features.md.")] = False,
) -> None:
    """Every column: family, inputs, window, unit, formula, source."""
    from atc.report.feature_columns import markdown_table, plain_table

    typer.echo(markdown_table() if markdown else plain_table(), nl=False)


@app.command("schemas")
def list_schemas(
    write: Annotated[
        bool, typer.Option("--write", help="Write tests/golden/feature_schemas.json of this build.")
    ] = False,
    same_values: Annotated[
        bool,
        typer.Option("--same-values", help="The code has changed, but no value has: no version is raised."),
    ] = False,
) -> None:
    """Every schema: version, digest of its code, how far it looks back, columns."""
    from atc.features.declarations import schemas
    from atc.features.golden_schemas import write_golden

    if write:
        write_golden(same_values=same_values)
    for schema in schemas():
        typer.echo(
            f"{schema.name}-{schema.version}  {schema.code[:12]}  {schema.lookback_s:>5} s  "
            f"{len(schema.columns):>3} columns"
        )


@app.command()
def build(
    settings: Settings = None,
    *,
    first: First = None,
    last: Last = None,
    schema: Schemas = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Days at a time; default: one a core, with Ray one a CPU of the cluster."
        ),
    ] = None,
    on: Annotated[
        str, typer.Option("--on", metavar="local|ray", help="Processes of this machine, or tasks of Ray.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="The Ray cluster; default: RAY_ADDRESS, else Ray on this machine."
        ),
    ] = None,
) -> None:
    """Build the days that are not in the cache; the events are simulated or ingested first where they are not
    there.

    What is built stays: a killed build goes on where it stopped, and two builds of the same days share the
    work.
    """
    from atc.events.filed import filed_events
    from atc.features.day_cache import build_schemas

    make_executor = _executor(on, address, workers)
    config, progress = _composed(settings)
    # Before events are made, which may take long.
    wanted = _wanted(config, schema)
    _dates(first, last)
    source = _source(config, *filed_events(config, progress))
    days = _days(source, first, last)
    try:
        with progress.bar("features", len(days), "days") as bar:
            built = build_schemas(
                source,
                days,
                wanted,
                watch=lambda tally: bar.update(tally.done, detail=tally.detail),
                make_executor=make_executor,
            )
    except KeyboardInterrupt:
        typer.echo("stopped: whole days stay, and the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    files = [file for of_day in built.files for file in of_day.values()]
    size = sum(file.stat().st_size for file in files)
    typer.echo(
        f"{'+'.join(f'{each.name}-{each.version}' for each in wanted)} of {source.data.venue}/"
        f"{source.data.symbol}: {len(days) - built.cached} days built, {built.cached} were there, "
        f"{size / 1e6:,.1f} MB under {source.cache_root}"
    )


@app.command()
def status(
    settings: Settings = None,
    *,
    first: First = None,
    last: Last = None,
    schema: Schemas = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Also the statistics of every column over the built days.")
    ] = False,
    files: Annotated[
        bool, typer.Option("--files", help="Also every file: key, span of its events, rows, nulls, size.")
    ] = False,
) -> None:
    """How many days are built, missing, stale, and how large they are; nothing is made.

    stale: files that nobody can ask for again (`atc features prune` removes them); other: files of other
    settings.
    """
    from atc.events.filed import events_there
    from atc.features.inventory import cached_matrices
    from atc.features.state import schema_states
    from atc.report.feature_cache import column_lines, file_lines, matrix_lines, missing_lines, state_lines

    config, _ = _composed(settings)
    source = _source(config, *events_there(config))
    days = _days(source, first, last)
    states = schema_states(source, days, _wanted(config, schema))
    span = f"{days[0]} to {days[-1]}, {len(days)} business days" if days else "no events yet"
    typer.echo(f"{source.data.venue}/{source.data.symbol}, sampling {config.sampling.kind}: {span}")
    lines = [*state_lines(states), *missing_lines(states)]
    lines += matrix_lines([*cached_matrices(source.cache_root, source.data.venue, source.data.symbol)])
    lines += file_lines(states) if files else []
    lines += column_lines(states) if columns else []
    for line in lines:
        typer.echo(line)


@app.command()
def verify(
    settings: Settings = None,
    *,
    first: First = None,
    last: Last = None,
    schema: Schemas = None,
    stretches: Annotated[
        int, typer.Option(min=0, help="Random stretches of 5 minutes to compute again.")
    ] = 8,
    rows: Annotated[
        int,
        typer.Option(
            min=0,
            help="Random rows of a stretch that the slow reference of a checkout computes too; 0: none.",
        ),
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of the random choices.")] = 1,
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Remove the files that are wrong; the next build makes them anew."),
    ] = False,
) -> None:
    """Check every cached file of these settings, and compute random stretches again.

    Each file: readable, checksums, keys, statistics; labels too. Each stretch: a fresh engine, started
    elsewhere, gives the same bits; the reference in Python agrees as closely as it promises. Exit code 1
    where something is wrong, or nothing is built.
    """
    from atc.events.filed import events_there
    from atc.features.state import expected_files
    from atc.features.verifying import verified
    from atc.labels.definitions import label_spec

    config, progress = _composed(settings)
    source = _source(config, *events_there(config))
    days = _days(source, first, last)
    expected = expected_files(source, days, _wanted(config, schema))
    report = verified(
        source,
        expected,
        stretches=stretches,
        rows=rows,
        seed=seed,
        label=label_spec(config.label, config.auxiliary.horizons_s),
        progress=progress,
    )
    for finding in report.findings:
        typer.echo(f"{finding.path}: {finding.problem}")
    if remove and report.findings:
        wrong = {finding.path for finding in report.findings if finding.removable}
        for path in wrong:
            path.unlink(missing_ok=True)
        typer.echo(f"removed {len(wrong)} files")
    typer.echo(report.summary)
    if report.findings or not report.files:
        raise typer.Exit(1)


@app.command()
def prune(
    settings: Settings = None,
    *,
    schema: Annotated[
        list[str] | None,
        typer.Option(
            "--schema",
            metavar="NAME",
            help="This schema alone, or `labels` or `matrices`; may be given again.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Of every instrument in the cache, not of `data` alone.")
    ] = False,
    others: Annotated[
        bool,
        typer.Option(
            "--others", help="Features of other settings too: only what these settings ask for stays."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it nothing is touched.")] = False,
) -> None:
    """Remove what nobody can ask for again: other versions or code, days whose events are gone or others,
    damaged files, leftovers of killed processes.

    Says what would go, and removes it with --yes. A day that is being built is left alone.
    """
    from atc.events.filed import events_there
    from atc.features.declarations import schemas
    from atc.features.inventory import Judge, instruments
    from atc.features.matrix_cache import MATRICES
    from atc.features.pruning import removals, remove
    from atc.features.state import expected_files
    from atc.report.feature_cache import removal_lines

    if everything and others:
        raise UsageError(
            "--others asks what these settings need, which are of one instrument; leave --all out"
        )
    known = [*(each.name for each in schemas()), "labels", MATRICES]
    for name in schema or []:
        if name not in known:
            raise UsageError(f"--schema {name}: {nearest(name, known)}")
    config, _ = _composed(settings)
    source = _source(config, *events_there(config))
    keep = None
    if others:
        keep = set(expected_files(source, source.days, schemas()))
    there = instruments(source.cache_root) if everything else [(source.data.venue, source.data.symbol)]
    found = []
    for venue, symbol in there:
        judge = Judge(config.paths.events_dir, venue, symbol)
        found += removals(source.cache_root, judge, keep=keep, schemas=schema or ())
    if found:
        for line in removal_lines(found):
            typer.echo(line)
    size = sum(each.bytes for each in found)
    if not yes:
        typer.echo(
            f"{len(found):,} files, {size / 1e6:,.1f} MB would go{'; --yes removes them' if found else ''}"
        )
        return
    done = remove(found)
    for day in done.held:
        typer.echo(f"left alone: {day}")
    typer.echo(f"{done.removed:,} files, {done.bytes / 1e6:,.1f} MB removed")


def _composed(settings: list[str] | None) -> tuple[RunConfig, Progress]:
    from atc.config.compose import compose
    from atc.report.progress import Progress

    config = compose(settings or [])
    return config, Progress(config.runtime.progress)


def _source(config: RunConfig, catalog: object, facts: object) -> Source:
    from atc.features.source import Source

    cache: Path = config.paths.outputs_dir / "cache"
    return Source(facts, catalog, cache, config.sampling, config.features.engine)  # type: ignore[arg-type]


def _days(source: Source, first: str | None, last: str | None) -> list[date]:
    """Business days with events from `first` to `last`. Raises UsageError for a date that is none."""
    begin, end = _dates(first, last)
    days = [day for day in source.days if (not begin or day >= begin) and (not end or day <= end)]
    if source.days and not days:
        raise UsageError(
            f"no business day of {source.data.venue}/{source.data.symbol} from {begin or 'the first'} to "
            f"{end or 'the last'}; there are {len(source.days)} from {source.days[0]} to {source.days[-1]}"
        )
    return days


def _dates(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    begin, end = _date("--from", first), _date("--to", last)
    if begin and end and begin > end:
        raise UsageError(f"--from {begin} is after --to {end}")
    return begin, end


def _date(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option} is '{text}'; expected a date such as 2025-01-06") from None


def _wanted(config: RunConfig, names: list[str] | None) -> Sequence[Schema]:
    from atc.features.declarations import schema_named, schemas, schemas_of
    from atc.tasks.market_data import run_columns

    if names:
        chosen = [schema_named(name) for name in names]
        return [schema for schema in schemas() if schema in chosen]
    return schemas_of(run_columns(config))


def _executor(on: str, address: str | None, workers: int | None) -> MakeExecutor:
    if on not in ("local", "ray"):
        raise UsageError(f"--on {on}: expected local or ray")
    if on == "local":
        if address is not None:
            raise UsageError("--address is of a Ray cluster; add --on ray")
        from atc.features.day_workers import local

        return lambda jobs: local(workers, jobs)
    from atc.executors.ray_tasks import RayTasks, require_ray
    from atc.features.day_workers import DAYS

    require_ray()

    def on_ray(jobs: int) -> DayExecutor:  # noqa: ARG001  # Ray has its own idea of how many fit
        return RayTasks(DAYS, address, workers)

    return on_ray
