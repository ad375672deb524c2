"""Why a job was interrupted, in words that a state keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from atc.sweep.folder import LOG, PROGRESS, STATE
from atc.sweep.state import JobError, JobState

KIND = "Interrupted"
_CALLED = {"SIGINT": "Ctrl-C (SIGINT)", "SIGHUP": "a closed terminal (SIGHUP)"}
_LIFE = (STATE, LOG, PROGRESS)


def by_signal(stopped: KeyboardInterrupt, whom: str) -> JobError:
    """By Ctrl-C or by the signal that the exception names; `whom` it reached."""
    name = str(stopped) or "SIGINT"
    return JobError(KIND, f"{_CALLED.get(name, name)} reached {whom}")


def because(why: str) -> JobError:
    """By what else ended the launch."""
    return JobError(KIND, why)


def without_a_word(place: Path) -> tuple[JobError, str | None]:
    """Of a job whose state says that it runs, and whose launcher is no more; when there was the last sign of
    it in its folder, ISO, UTC.
    """
    times = []
    for name in _LIFE:
        try:
            times.append((place / name).stat().st_mtime)
        except OSError:
            continue
    last = datetime.fromtimestamp(max(times), UTC).isoformat(timespec="milliseconds") if times else None
    return because("its launcher ended without a word: kill -9, no memory left, or a power cut"), last


def interrupted_words(state: JobState) -> str:
    """When and why, of a job that was interrupted."""
    when = "" if state.at is None else f"at {state.at[:19].replace('T', ' ')} UTC"
    why = "" if state.error is None else state.error.message
    return ": ".join(part for part in (when, why) if part)
