"""`manifest.jsonl`: all jobs of a sweep as they were judged before the first one started.

The first line is the header, each other one a job in order. It is written once and whole, and never edited:
a YAML that is edited later changes nothing, and `resume` needs no YAML at all. Trials of a search, which are
known only one after the other, have lines of the same shape in `trials.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from atc.errors import DataError
from atc.sweep.folder import MANIFEST, TRIALS
from atc.tracking import durable

FORMAT, KIND = 1, "atc sweep"


@dataclass(frozen=True)
class SweepHeader:
    """The first line of a manifest, without `format` and `kind`."""

    name: str
    sweep_id: str
    """Hex; see `sweep_id_of`."""
    created_at: str
    """ISO, UTC."""
    command: tuple[str, ...]
    """The words behind `-m`."""
    sealed: bool
    """Whether the holdout stays closed to jobs that say nothing about it."""
    sealing: tuple[str, ...]
    """The keys that the jobs vary and could choose by the holdout."""
    group: str
    """Of the jobs in W&B."""
    jobs: int
    """How many lines follow."""
    code_digest: str
    launcher: Mapping[str, Any]
    """The section `launcher` of its first start."""
    search: Mapping[str, Any] | None = None
    """The section `search`; None: the jobs are all that there are."""

    @property
    def words(self) -> str:
        """`command`, as a shell takes it."""
        return shlex.join(self.command)

    @property
    def total(self) -> int:
        """Jobs that there are or, of a search, will be."""
        return self.jobs if self.search is None else int(self.search["trials"])


@dataclass(frozen=True)
class PlannedJob:
    """One job as it was judged."""

    number: int
    """From 1."""
    overrides: tuple[str, ...]
    config_digest: str
    config: Mapping[str, Any]
    """Resolved, as plain values."""

    @property
    def name(self) -> str:
        """Of its experiment."""
        return str(self.config["name"])


def titles(jobs: Sequence[PlannedJob]) -> dict[int, str]:
    """What tables call each job: its overrides without those that all have, an experiment by its name."""
    common = set.intersection(*(set(job.overrides) for job in jobs)) if len(jobs) > 1 else set()
    own = {job.number: [word for word in job.overrides if word not in common] for job in jobs}
    return {
        job.number: " ".join(word.removeprefix("+experiment=") for word in own[job.number]) or job.name
        for job in jobs
    }


def sweep_id_of(config_digests: Sequence[str], code_digest: str, search: Mapping[str, Any] | None) -> str:
    """Identity of a sweep: what its jobs compute and with which code; not where, by whom, or how many at a
    time.
    """
    content = {"jobs": list(config_digests), "code": code_digest, "search": search}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(folder: Path, header: SweepHeader, jobs: Sequence[PlannedJob]) -> None:
    """Writes the manifest in one step; a reader sees all of it or none."""
    assert header.jobs == len(jobs)
    lines = [{"format": FORMAT, "kind": KIND, **asdict(header)}, *(asdict(job) for job in jobs)]
    folder.mkdir(parents=True, exist_ok=True)
    durable.write_bytes(folder / MANIFEST, b"".join(line_of(line) for line in lines))


def line_of(value: Mapping[str, Any]) -> bytes:
    """A line of a manifest."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_manifest(folder: Path) -> tuple[SweepHeader, list[PlannedJob]]:
    """Header and jobs, those of `trials.jsonl` included.

    Raises DataError where there is no sweep, or its manifest is damaged or of another format.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(_no_sweep(folder)) from None
    lines = list(_lines(path, content))
    header = _header(path, lines[0] if lines else {})
    jobs = [_job(path, number, line) for number, line in enumerate(lines[1:], start=2)]
    if len(jobs) != header.jobs or [job.number for job in jobs] != list(range(1, header.jobs + 1)):
        raise DataError(
            f"{path}: its header announces jobs 1 to {header.jobs}, found {len(jobs)} lines of jobs; it was "
            "cut or edited: restore it, or move the folder away and give the command of the sweep again "
            f"(-m {header.words}), which finds what is finished"
        )
    return header, [*jobs, *_trials(folder / TRIALS, header.jobs)]


def _header(path: Path, line: Mapping[str, Any]) -> SweepHeader:
    if line.get("kind") != KIND:
        raise DataError(f"{path}: its first line is not the header of a sweep (kind: {KIND!r} was expected)")
    if line.get("format") != FORMAT:
        raise DataError(
            f"{path}: format {line.get('format')}, this ATC reads {FORMAT}; give the sweep's command again"
        )
    values = {key: value for key, value in line.items() if key not in ("format", "kind")}
    try:
        return SweepHeader(
            **{**values, "command": tuple(values["command"]), "sealing": tuple(values["sealing"])}
        )
    except (KeyError, TypeError) as why:
        raise DataError(f"{path}: its header is not whole ({why})") from None


def _job(path: Path, number: int, line: Mapping[str, Any]) -> PlannedJob:
    try:
        return PlannedJob(**{**line, "overrides": tuple(line["overrides"])})
    except (KeyError, TypeError) as why:
        raise DataError(f"{path}: line {number} is no whole job ({why})") from None


def _lines(path: Path, content: bytes) -> Iterator[Mapping[str, Any]]:
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            line = json.loads(text)
        except ValueError as why:
            raise DataError(f"{path}: line {number} is not whole JSON ({why})") from None
        if not isinstance(line, dict):
            raise DataError(f"{path}: line {number} is a {type(line).__name__}, an object was expected")
        yield line


def _trials(path: Path, before: int) -> Iterator[PlannedJob]:
    """The trials so far; the line that a process died at is none yet."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    for number, line in enumerate(_lines(path, whole), start=1):
        job = _job(path, number, line)
        if job.number != before + number:
            raise DataError(
                f"{path}: line {number} is of job {job.number}, {before + number} was expected: edited?"
            )
        yield job


def _no_sweep(folder: Path) -> str:
    from atc.errors import nearest

    if not folder.exists():
        beside = [path.parent.name for path in folder.parent.glob(f"*/{MANIFEST}")]
        return f"there is no sweep {folder}; {nearest(folder.name, beside)}"
    inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if inside:
        return f"{folder} is not a sweep but a folder of {len(inside)}: give one of them, such as {inside[0]}"
    return f"{folder} is no sweep: it has no {MANIFEST}"
