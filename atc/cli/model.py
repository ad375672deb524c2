"""`atc model`: stored models, shown, asked for scores, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from atc.models.artifact import LoadedModel
    from atc.opened_run import OpenedRun
    from atc.tasks.cached_rows import InputRows

app = typer.Typer(
    no_args_is_help=True, help="Stored models: what one is, its scores of rows, whether it is whole."
)

Where = Annotated[
    Path,
    typer.Argument(metavar="PATH", help="The folder of a finished run, or of a model such as RUN/model."),
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="The same as JSON too.")]


@app.command()
def show(path: Where, *, file: Json = None) -> None:
    """What a model is, on what it was trained, its figures on validation, inputs, files."""
    from atc.models.manifest import check_files, read_manifest
    from atc.models.profile import PROFILE_FILE, read_profile
    from atc.opened_run import model_folders
    from atc.report.model_lines import model_content, model_lines

    content: list[dict[str, Any]] = []
    for folder in model_folders(path)[1]:
        manifest = read_manifest(folder)
        check_files(folder, manifest, [PROFILE_FILE])
        profile = read_profile(folder, manifest["features"])
        if content:
            typer.echo()
        for line in model_lines(folder, manifest, profile):
            typer.echo(line)
        content.append(model_content(folder, manifest, profile))
    _write(file, content)


@app.command()
def score(
    path: Where,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The Parquet file of scores to make.")],
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows", metavar="FILE", help="A Parquet file with the model's inputs as columns, in order."
        ),
    ] = None,
    by_name: Annotated[
        bool,
        typer.Option("--by-name", help="Of --rows: other columns may stand there too, in any order."),
    ] = False,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="Of a run: its data's business days from this one."),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="The last business day; default: that of --from."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="What the model says before the run's calibration.")
    ] = False,
) -> None:
    """Scores of rows, calibrated as in the run, as Parquet: keys as far as they are known, then the scores.

    The rows are those of a file, or of business days of a run's data, built unless they are in the cache.
    Labels are not read, so no holdout is looked at.
    """
    from atc.models.artifact import load_model
    from atc.opened_run import model_folders
    from atc.tasks.scoring import file_rows, schema_said, write_scores

    if (rows is None) == (first is None):
        raise UsageError("give either --rows FILE or --from DATE: one of the two says which rows to score")
    if by_name and rows is None:
        raise UsageError("--by-name is of --rows: days of the cache have their columns by name")
    if last is not None and first is None:
        raise UsageError("--to is the end of --from: give both")
    run, (folder, *_) = model_folders(path)
    loaded = load_model(folder)
    if rows is not None:
        found = file_rows(loaded, folder, rows, by_name=by_name)
        if schema_said(rows) is None:
            typer.echo(
                f"--rows {rows} does not say which feature schema made its columns (metadata "
                f"atc.feature_schema): they are taken for those of {loaded.manifest['feature_schema']}",
                err=True,
            )
    else:
        found = _days_rows(run, folder, loaded, str(first), last)
    done = write_scores(loaded, found, out, raw=raw)
    typer.echo(f"{done:,} rows scored: {out}")


@app.command()
def verify(path: Where, *, file: Json = None) -> None:
    """Check a model: manifest, digests, inputs against this checkout, its kind's own files, and that it gives
    the predictions of its run again on the rows that the feature cache holds.

    Exit code 1 where a check fails. Nothing is built and nothing is written.
    """
    from dataclasses import asdict

    from atc.opened_run import model_folders
    from atc.report.model_lines import check_lines
    from atc.tasks.verifying_model import verify_model

    run, folders = model_folders(path)
    content: list[dict[str, Any]] = []
    failed = False
    for folder in folders:
        checks = list(verify_model(folder, run))
        typer.echo(str(folder))
        for line in check_lines(checks):
            typer.echo(line)
        content.append({"folder": str(folder), "checks": [asdict(one) for one in checks]})
        failed |= any(one.passed is False for one in checks)
    _write(file, content)
    if failed:
        raise typer.Exit(1)


def _days_rows(
    run: OpenedRun | None, folder: Path, loaded: LoadedModel, first: str, last: str | None
) -> Iterator[InputRows]:
    from atc.events.filed import filed_events
    from atc.features.day_cache import feature_days
    from atc.models.window_length import window_length
    from atc.report.progress import Progress
    from atc.tasks.cached_rows import (
        cached_days,
        cached_row_count,
        input_rows,
        keyed_from,
        require_computed,
        source_of,
        with_days_before,
    )

    if run is None:
        raise UsageError(
            f"--from: {folder} is a model without its run, which says where the data lie; use --rows"
        )
    require_computed(folder, loaded.manifest)
    begin, end = _date("--from", first), _date("--to", last or first)
    progress = Progress(run.config.runtime.progress)
    source = source_of(run.config, filed_events(run.config, progress))
    days = [day for day in source.days if begin <= day <= end]
    if not days:
        raise UsageError(
            f"no business day of {run.config.data.name} from {begin} to {end}; there are {len(source.days)}"
        )
    columns, length = loaded.model.features, window_length(loaded.model)

    def build(some: list[date]) -> None:
        with progress.bar("features", len(some), "days") as bar:
            feature_days(
                source, some, columns, watch=lambda tally: bar.update(tally.done, detail=tally.detail)
            )

    def rows_on(day: date) -> int | None:
        if not cached_days(source, [day], columns):
            build([day])
        return cached_row_count(source, day, columns)

    # The windows of the first rows begin on the day before; where it has few rows, on still earlier ones.
    build([*([day for day in source.days if day < days[0]][-1:] if length > 1 else []), *days])
    read = with_days_before(source, days, length, rows_on)
    found = input_rows(source, run.config.data.symbol, read, columns, length)
    return keyed_from(found, source.span(days[0])[0])


def _date(option: str, text: str) -> Any:
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is '{text}'; expected a date such as 2025-01-06") from None


def _write(file: Path | None, content: object) -> None:
    from json import dumps

    if file is None:
        return
    try:
        file.write_text(dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from error
