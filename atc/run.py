"""`python -m atc.run +experiment=… [key=value …]`: compose, validate, run, record."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.config.entry import main_with

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atc.config.schema import RunConfig
    from atc.config.sweep import Sweep
    from atc.tasks.base import Task
    from atc.tracking.record import RunRecord
    from atc.tracking.wandb_beside import WandbBeside


def run(config: RunConfig) -> Path:
    """Makes the run of `config`, or finds it finished; prints its summary and returns its folder.

    Raises AtcError for what the user can mend; the record of a run that began says `failed` then, with the
    traceback in its log.
    """
    from atc.config.digest import code_digest, config_digest, run_id
    from atc.report.progress import Progress
    from atc.report.summary import print_summary
    from atc.tasks.base import Desk
    from atc.tasks.tick_classification import TickClassification
    from atc.tracking.looks import judged_of, looks_of
    from atc.tracking.prelude import Prelude
    from atc.tracking.record import RunIdentity, RunRecord
    from atc.tracking.run_files import QUALITY

    _collect_from_here()
    code = code_digest()  # before hours may pass in which a source is edited
    task = TickClassification(config)
    progress = Progress(config.runtime.progress)
    with Prelude() as prelude:
        # The id of a run depends on its data, so the events come first.
        data = task.prepare(Desk(prelude.stage, progress.bar))
        parts = {
            "config_digest": config_digest(config),
            "data_digest": data.data_digest,
            "feature_schema": data.feature_schema,
            "label_schema": data.label_schema,
            "code_digest": code,
        }
        record = RunRecord.open(
            config.paths.outputs_dir,
            config.name,
            RunIdentity(run_id=run_id(**parts, members=data.members_digest), **parts),
            config.model_dump(mode="json"),
            force=config.runtime.force,
            prelude=prelude,
        )
        with record:
            if not record.finished:
                with record.writing(QUALITY) as path:
                    path.write_text(json.dumps(data.quality, indent=1) + "\n", encoding="utf-8")
                look = looks_of(record, config.paths.events_dir)
                judge = judged_of(record, config.paths.events_dir, _say)
                desk = Desk(record.stage, progress.bar, _say, look, judge, record.checkpoints)
                make(config, task, record, desk)
    print_summary(record.folder)
    return record.folder


def several(sweep: Sweep, command: Sequence[str], one: Callable[[RunConfig], object]) -> int:
    """Makes the runs of a multirun; the exit code."""
    from atc.run_sweep import run_sweep

    return run_sweep(sweep, command, one)


def _collect_from_here() -> None:
    """What is imported and composed is no garbage, and to look through it over and over costs 0.15 s."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def make(config: RunConfig, task: Task[Any, Any], record: RunRecord, desk: Any) -> None:
    """Loads, fits, saves, evaluates; everything lands in `record`, and in W&B beside it."""
    from atc.protocol.plan import warnings_of
    from atc.tracking.prediction_sample import sampled_predictions
    from atc.tracking.wandb_beside import WandbBeside
    from atc.tracking.wandb_sink import WandbSink
    from atc.tracking.wandb_words import job_type_of, tags_of

    tracking = config.tracking
    warnings = {**warnings_of(config.protocol), **config.label.warnings}
    sink = WandbBeside(
        WandbSink(
            tracking.mode,
            config.paths.outputs_dir,
            config.name,
            record.identity,
            config.model_dump(mode="json"),
            project=tracking.project,
            entity=tracking.entity,
            group=tracking.group,
            job_type=job_type_of(config),
            tags=(*tags_of(config), *tracking.tags, *(f"warning: {name}" for name in warnings)),
        )
    )
    record.attach(sink)
    loaded = task.load(desk)
    fitted = task.fit(loaded, desk)
    # At once: W&B's process draws them while others work.
    for name, curves in task.curves(fitted).items():
        sink.curves(name, curves)
    with record.writing("model") as folder:
        task.save(fitted, folder)
    outcome = task.evaluate(loaded, fitted, desk)
    record.describe(spans=outcome.spans, notes=list(outcome.notes))
    record.write_predictions(outcome.predictions)
    for name, table in outcome.tables.items():
        record.write_table(name, table)
    for name, series in outcome.series.items():
        sink.series(name, series.axis, series.at, series.columns)
    if outcome.importance:
        columns = list(outcome.importance[0])
        sink.importance(columns, [[row[column] for column in columns] for row in outcome.importance])
    if tracking.mode != "none":
        sample = sampled_predictions(outcome.predictions)
        sink.table("predictions", sample.columns, sample.iter_rows())
    for name in outcome.explained:
        sink.table(f"explain/{name}", outcome.tables[name].columns, outcome.tables[name].iter_rows())
    if config.explain.pictures:
        draw_explained(record, sink, desk)
    record.finish(outcome.metrics)


def draw_explained(record: RunRecord, sink: WandbBeside, desk: Any) -> None:
    """What the model uses, and how, as pictures in the record and in W&B."""
    from atc.report.explain_picture import pictures_of

    with desk.stage("pictures"):
        for name, draw in pictures_of(record.folder):
            file = f"{name}.png"
            with record.writing(file) as path:
                draw(record.folder, path)
            sink.picture(f"explain/{name}", record.folder / file)


if __name__ == "__main__":
    from atc.ending import end_process
    from atc.left_out import leave_out_unused
    from atc.waiting_threads import multiply_on_one_thread, wait_briefly

    gc.disable()  # until there is a run, or jobs are composed
    leave_out_unused()
    wait_briefly()
    multiply_on_one_thread()
    end_process(main_with(run, several))
