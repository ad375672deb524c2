"""What a sweep calls finished: a whole run of this config and this code, on data that nobody has touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import swept_runs

from atc.config.compose import Composer
from atc.config.digest import code_digest, config_digest
from atc.config.schema import RunConfig
from atc.config.sweep import Sweep, expand
from atc.run_sweep import resume_sweep, run_frozen
from atc.sweep.finished import data_seen, is_finished
from atc.sweep.frozen import freeze
from atc.sweep.manifest import PlannedJob
from atc.sweep.opened import open_sweep
from atc.sweep.state import JobState
from atc.tracking.run_files import read_manifest

FILES = ("first.gz", "second.gz")
RECORDED = ("+experiment=gbdt_36feat", "data=binance_ethbtc_2020", f"data.files=[{','.join(FILES)}]")
COMPOSER = Composer()


def recordings(root: Path) -> Path:
    folder = root / "recordings"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(name.encode())
    return folder


def recorded(root: Path, *words: str) -> Sweep:
    folders = (f"paths.recordings={root / 'recordings'}", f"paths.events={root / 'events'}")
    outputs = (f"paths.outputs={root / 'outputs'}", "tracking=none")
    return expand(COMPOSER, [*RECORDED, *words, *folders, *outputs])


def finished_job(root: Path) -> tuple[JobState, PlannedJob, RunConfig, Path]:
    recordings(root)
    config = recorded(root, "seed=1").jobs[0].config
    outputs = root / "outputs"
    outputs.mkdir()
    run = swept_runs.run(config)
    manifest = read_manifest(run)
    assert manifest is not None
    seen = data_seen(config)
    place = run.relative_to(outputs).as_posix()
    state = JobState("finished", 1, run=place, run_id=str(manifest["run_id"]), data_seen=seen)
    return state, PlannedJob(1, (), config_digest(config), {}), config, outputs


def test_only_what_the_job_asks_for_is_finished(tmp_path: Path) -> None:
    state, job, config, outputs = finished_job(tmp_path)
    code = code_digest()
    assert is_finished(state, job, config, code, outputs)
    assert not is_finished(None, job, config, code, outputs)
    assert not is_finished(replace(state, status="interrupted"), job, config, code, outputs)
    assert not is_finished(replace(state, run_id="f" * 64), job, config, code, outputs)
    assert not is_finished(replace(state, data_seen=None), job, config, code, outputs)
    assert not is_finished(state, replace(job, config_digest="f" * 64), config, code, outputs)
    assert not is_finished(state, job, config, "f" * 64, outputs)
    strict = config.quality.model_copy(update={"max_gap_s": 0.5})
    assert not is_finished(state, job, config.model_copy(update={"quality": strict}), code, outputs)
    forced = config.model_copy(update={"runtime": config.runtime.model_copy(update={"force": True})})
    assert is_finished(state, job, forced, code, outputs)
    assert state.run is not None
    metrics = outputs / state.run / "metrics.json"
    metrics.rename(tmp_path / "aside")
    assert not is_finished(state, job, config, code, outputs)
    (tmp_path / "aside").rename(metrics)
    assert is_finished(state, job, config, code, outputs)


def test_a_recording_that_was_touched_is_seen(tmp_path: Path) -> None:
    state, job, config, outputs = finished_job(tmp_path)
    second = tmp_path / "recordings" / FILES[1]

    def finished() -> bool:
        return is_finished(replace(state, data_seen=seen), job, config, code_digest(), outputs)

    def touched() -> None:
        os.utime(second, ns=(1, 1))

    def other_size() -> None:
        second.write_bytes(b"longer than it was")

    def other_content_of_the_same_size_and_time() -> None:
        before, content = second.stat(), bytes(reversed(second.read_bytes()))
        part = second.with_name("part")
        part.write_bytes(content)
        os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
        part.replace(second)

    def taken_away() -> None:
        second.unlink()

    def another_ingest() -> None:
        manifests = tmp_path / "events" / "canonical" / "_ingests"
        manifests.mkdir(parents=True)
        (manifests / "one.json").write_text("{}")

    for change in (touched, other_size, other_content_of_the_same_size_and_time, taken_away, another_ingest):
        seen = data_seen(config)
        assert finished()
        change()
        assert not finished(), change.__name__


def test_what_depends_on_no_file_and_what_on_more_than_files(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    simulated = expand(COMPOSER, ["+experiment=gbdt_36feat", "seed=1"]).jobs[0].config
    seen = data_seen(simulated)
    assert seen is not None
    assert seen == data_seen(expand(COMPOSER, ["+experiment=gbdt_36feat", "seed=2"]).jobs[0].config)
    strict = expand(COMPOSER, ["+experiment=gbdt_36feat", "seed=1", "quality=strict"]).jobs[0].config
    assert seen != data_seen(strict)
    ensemble = expand(COMPOSER, ["+experiment=ensemble_36feat", "seed=1"]).jobs[0].config
    assert data_seen(ensemble) is None  # its members, which the run looks at


def attempts(folder: Path) -> list[int]:
    return [job.state.attempts for job in open_sweep(folder).jobs if job.state]


def test_a_sweep_asks_again_where_recordings_were_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outputs").mkdir()
    second = recordings(tmp_path) / FILES[1]
    frozen = freeze(recorded(tmp_path, "seed=1,2"), ["seed=1,2"])
    assert run_frozen(frozen, swept_runs.run) == 0
    first = [job.run_folder for job in open_sweep(frozen.folder).jobs]
    assert resume_sweep(frozen.folder, swept_runs.run) == 0
    assert attempts(frozen.folder) == [1, 1]

    os.utime(second, ns=(1, 1))  # the same bytes: each run is asked, and found
    assert resume_sweep(frozen.folder, swept_runs.run) == 0
    again = open_sweep(frozen.folder)
    assert attempts(frozen.folder) == [2, 2]
    assert [job.run_folder for job in again.jobs] == first
    assert [job.state.reused for job in again.jobs if job.state] == [True, True]

    second.write_bytes(bytes(reversed(second.read_bytes())))  # other ones: other runs
    assert resume_sweep(frozen.folder, swept_runs.run) == 0
    other = [job.run_folder for job in open_sweep(frozen.folder).jobs]
    assert not set(other) & set(first)
    assert (tmp_path / "outputs" / "made.txt").read_text().split() == ["1", "2", "1", "2"]


def test_a_sweep_of_ensembles_asks_for_their_members(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = tmp_path / "members.txt"
    members.write_text("one")
    words = ["+experiment=ensemble_36feat", "seed=1,2", f"paths.outputs={tmp_path}", "tracking=none"]
    frozen = freeze(expand(COMPOSER, words), words)
    assert run_frozen(frozen, swept_runs.run) == 0
    first = [job.run_folder for job in open_sweep(frozen.folder).jobs]
    members.write_text("another")
    assert resume_sweep(frozen.folder, swept_runs.run) == 0
    other = [job.run_folder for job in open_sweep(frozen.folder).jobs]
    assert not set(other) & set(first)
    members.write_text("one")
    assert resume_sweep(frozen.folder, swept_runs.run) == 0
    assert [job.run_folder for job in open_sweep(frozen.folder).jobs] == first
    assert (tmp_path / "made.txt").read_text().split() == ["1", "2", "1", "2"]
