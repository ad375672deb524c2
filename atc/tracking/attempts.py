"""How the attempts at one run are kept: which folder each gets, how they are numbered and change places.

- An attempt works in the run's own folder, but in `attempts/<n>/` while a finished run lies there; it takes
  that one's place only when it has finished itself, and the earlier one moves to `attempts/<m>/` whole.
- What did not finish is moved to `attempts/<n>/`, log and all, before the next attempt begins.
- Checkpoints of fits belong to the run: the next attempt takes those of one that did not finish over.
- Moving an attempt in or out is a few renames of folders, with the new one ready beside the run under a
  hidden name; a process killed between them leaves that name, and the next call carries the move through.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from atc.errors import DataError
from atc.tracking import durable
from atc.tracking.metrics_file import read_metrics
from atc.tracking.run_files import (
    ATTEMPTS,
    CHECKPOINTS,
    FINISHED,
    INTERRUPTED,
    METRICS,
    RUNNING,
    Manifest,
    now,
    read_manifest,
    write_manifest,
)

_log = logging.getLogger(__name__)


class Attempts:
    """The attempts at the run of `run_folder`. Whoever moves them holds the run's lock."""

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder
        self._kept = run_folder / ATTEMPTS
        self._incoming = run_folder.with_name(f".{run_folder.name}.incoming")

    @property
    def move_was_cut_short(self) -> bool:
        """Whether a process died while attempts changed places; until `carry_through`, the run's folder may
        not be there.
        """
        return self._incoming.exists()

    def begin(self) -> tuple[Path, int]:
        """The folder, made, and the number of a new attempt; what did not finish before is kept first."""
        self._close_dead()
        before = read_manifest(self._run_folder)
        number = self._next_number(before)
        folder = self._run_folder
        if before is not None and before["status"] == FINISHED:
            folder = self._kept / str(number)
        elif self._run_folder.exists() and any(path.name != ATTEMPTS for path in self._run_folder.iterdir()):
            durable.remove_parts(self._run_folder)
            self._incoming.mkdir()
            self.carry_through()
            number = self._next_number(None)
        folder.mkdir(parents=True, exist_ok=True)
        self._take_checkpoints_over(folder)
        return folder, number

    def compare_with_finished(self, metrics: Mapping[str, int | float | None]) -> Manifest:
        """What to put under `previous` in the manifest of an attempt that is about to take the finished one's
        place: whether `metrics`, its own, are the same.
        """
        number = (read_manifest(self._run_folder) or {}).get("attempt")
        try:
            earlier = read_metrics(self._run_folder / METRICS)
        except DataError as error:  # a damaged finished run is a good reason to force
            _log.warning("the earlier attempt cannot be compared with: %s", error)
            return {"attempt": number, "metrics_equal": None}
        differing = sorted(
            key
            for key in earlier.keys() | metrics.keys()
            if earlier.get(key) != metrics.get(key) or (key in earlier) != (key in metrics)
        )
        if differing:
            _log.warning(
                "made again, the run gave other metrics than attempt %s: %s", number, ", ".join(differing)
            )
        else:
            _log.info("made again, the run gave the same metrics as attempt %s", number)
        return {"attempt": number, "metrics_equal": not differing, "differing": differing}

    def promote(self, folder: Path) -> None:
        """Puts the attempt in `folder` in the place of the finished one."""
        folder.rename(self._incoming)
        self.carry_through()

    def carry_through(self) -> None:
        """Puts the folder that waits under the hidden name, if any, in the place of the run's, which joins
        the attempts.

        Every step looks at what is there, so a move that was cut short is carried on where it stopped.
        """
        if not self._incoming.exists():
            return
        attempts = self._incoming / ATTEMPTS
        if self._run_folder.exists():
            if self._kept.exists() and not attempts.exists():
                self._kept.rename(attempts)
            attempts.mkdir(exist_ok=True)
            manifest = read_manifest(self._run_folder)
            number = _number(manifest.get("attempt")) if manifest else 0
            if number == 0 or (attempts / str(number)).exists():
                number = _highest(attempts) + 1
            self._run_folder.rename(attempts / str(number))
            durable.sync_folder(attempts)
        self._incoming.rename(self._run_folder)
        durable.sync_folder(self._run_folder.parent)

    def _close_dead(self) -> None:
        """Called with the lock held: whoever left `running` behind is dead."""
        for folder in [self._run_folder, *self._kept.glob("*")]:
            manifest = read_manifest(folder)
            if manifest is None or manifest["status"] != RUNNING:
                continue
            _log.warning(
                "an earlier attempt died (process %s); its log is kept", manifest.pop("pid", "unknown")
            )
            manifest["status"] = INTERRUPTED
            manifest["error"] = {
                "type": "Died",
                "message": f"its process ended without closing it; found by the next attempt at {now()}",
            }
            write_manifest(folder, manifest)

    def _take_checkpoints_over(self, folder: Path) -> None:
        """An attempt that finished has none left."""
        dead = sorted(self._kept.glob(f"*/{CHECKPOINTS}"), key=lambda path: _number(path.parent.name))
        if dead and not (folder / CHECKPOINTS).exists():
            dead[-1].rename(folder / CHECKPOINTS)

    def _next_number(self, top: Manifest | None) -> int:
        return max(_highest(self._kept), _number(top.get("attempt")) if top else 0) + 1


def _highest(attempts: Path) -> int:
    return max((_number(path.name) for path in attempts.glob("*")), default=0)


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0
