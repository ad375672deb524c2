"""What a run's W&B files still lack when they are sent: an end, where its process died, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from atc.errors import DataError
from atc.opened_run import OpenedRun
from atc.report.publishing import Entry, Publication
from atc.report.sweep_tracking import tracking_of
from atc.tracking import durable
from atc.tracking.run_files import FINISHED
from atc.tracking.wandb_files import wandb_id, was_sent
from atc.tracking.wandb_session import About, begin
from atc.tracking.wandb_sink import WandbSink
from atc.tracking.wandb_words import tags_of

_SETTLED = "settled"
"""A file beside W&B's: these are the end of a run that died."""


def settle(entry: Entry) -> Entry:
    """Finishes a run that died as failed, in offline files of its own that take the place of those without
    an end; these move to `wandb/earlier/`. Gives any other run back as it is.
    """
    if not entry.died or entry.folder is None or was_sent(entry.folder) or (entry.folder / _SETTLED).exists():
        return entry
    run, told = entry.run, tracking_of(entry.run.raw_config)
    lineage = entry.lineage
    sink = WandbSink(
        "offline",
        entry.outputs,
        lineage.experiment,
        lineage.identity,
        run.raw_config,
        project=str(told.get("project", "atc")),
        entity=told.get("entity"),
        group=told.get("group"),
        tags=(*_tags(run), *told.get("tags", ())),
    )
    sink.start()
    sink.close(run.folder, None, exit_code=1)
    report = sink.report()
    if report["status"] != "recorded":
        raise DataError(f"{run.folder.name} died, and W&B cannot finish it: {report['error']}")
    folder = entry.outputs / str(report["directory"])
    (folder / _SETTLED).touch()
    return replace(entry, folder=folder)


def _tags(run: OpenedRun) -> tuple[str, ...]:
    """None where the config is of another version."""
    try:
        return tags_of(run.config)
    except DataError:
        return ()


@contextmanager
def add_reports(found: Publication) -> Iterator[list[Path]]:
    """Adds each report that W&B has not got to its run, offline: gives the folders to be sent after the runs.

    When the body ends well the reports count as sent; the folders are gone in any case. Raises what W&B does.
    """
    added: list[tuple[Entry, Path, Path]] = []
    try:
        for entry in found.entries:
            page = entry.page_to_send
            if page is not None:
                added.append((entry, page, _add_report(found, entry, page)))
        yield [folder for _, _, folder in added]
        for entry, page, _ in added:
            entry.page_was_sent(page)
    finally:
        for _, _, folder in added:
            durable.remove(folder)


def _add_report(found: Publication, entry: Entry, page: Path) -> Path:
    """The run goes on, only to give its report, and ends as it had ended."""
    about = About(
        wandb_id(entry.run.run_id), entry.run.folder.name, found.project, found.entity, job_type=None
    )
    more = begin(entry.outputs, "offline", about, {})
    folder = Path(more.dir).parent
    try:
        entry.lineage.record_report(more, page)
    finally:
        more.finish(exit_code=0 if entry.run.manifest["status"] == FINISHED else 1)
    return folder
