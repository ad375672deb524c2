"""Building one business day: what a worker does, in this process, another one, or on another machine."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.features.compute import KEYS, compute_features, compute_labels
from atc.features.day_file import Damaged, manifest_of, packed, read_footer, sweep_parts, write_whole
from atc.features.day_job import FEATURES, DayJob, DayOutcome, Output
from atc.features.day_lock import DayIsLocked, day_lock

if TYPE_CHECKING:
    import pyarrow as pa

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_OURS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def build_day(job: DayJob) -> DayOutcome:
    """Builds the files of `job` that are not there, in one pass, under the day's lock; never raises."""
    try:
        with day_lock(job.lock) as alone:
            return _build(job, alone=alone)
    except DayIsLocked as other:
        return DayOutcome(locked_by=other.owner)
    except (DataError, ValueError) as why:
        return DayOutcome(failure=f"{job.title}: {why}")
    except OSError as why:
        return DayOutcome(failure=_writing_failed(job, why), stops_all=why.errno in _FULL | _NOT_OURS)
    except Exception:
        return DayOutcome(crash=f"{job.title}:\n{traceback.format_exc()}")


def _build(job: DayJob, *, alone: bool) -> DayOutcome:
    began = time.perf_counter()
    notes: list[str] = []
    # Somebody may have built some of them since the job was made.
    wanted = [output for output in job.outputs if not is_there(output, notes)]
    if alone:
        for output in job.outputs:
            sweep_parts(output.file.parent)
    if not wanted:
        return DayOutcome(notes=tuple(notes))
    computed = compute_features(job, wanted) if job.kind == FEATURES else compute_labels(job)
    for output, table in zip(wanted, computed.tables, strict=True):
        _write(job, output, table)
    outcome = DayOutcome(
        built=tuple(output.schema for output in wanted),
        rows=computed.tables[0].num_rows,
        events=computed.events,
        seconds=time.perf_counter() - began,
        notes=tuple(notes),
    )
    _log(job, wanted, outcome)
    return outcome


def is_there(output: Output, notes: list[str]) -> bool:
    """The file is there and whole; of one that is not `notes` says why it is built again."""
    try:
        read_footer(output.file)
    except FileNotFoundError:
        return False
    except Damaged as why:
        notes.append(f"{output.file} is damaged ({why}) and is built again")
        return False
    return True


def _write(job: DayJob, output: Output, table: pa.Table) -> None:
    keys = KEYS if job.label is None else job.label.keys
    manifest = manifest_of(table, (job.venue, job.symbol, job.day), output.inputs, keys)
    write_whole(output.file, packed(table, manifest))


def _log(job: DayJob, wanted: Sequence[Output], outcome: DayOutcome) -> None:
    """What a file must not hold, since it would differ from build to build."""
    line = {
        "date": job.day.isoformat(),
        "schemas": outcome.built,
        "keys": [output.file.stem for output in wanted],
        "rows": outcome.rows,
        "events": outcome.events,
        "seconds": round(outcome.seconds, 4),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    # One short write to an appending descriptor: lines of several processes do not mix.
    descriptor = os.open(job.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


def _writing_failed(job: DayJob, why: OSError) -> str:
    place = job.outputs[0].file.parent
    reason = why.strerror or str(why)
    if why.errno in _FULL:
        return (
            f"{job.title}: writing to {place} failed: {reason}; days that are built stay. Make room "
            "(`atc features prune`), or name another folder with paths.outputs, and build again"
        )
    if why.errno in _NOT_OURS:
        return (
            f"{job.title}: nothing can be written to {why.filename or place}: {reason}; what is built there "
            "can be read. Name another folder with paths.outputs, or build with an account that may write"
        )
    return f"{job.title}: {why.filename or place}: {reason}"
