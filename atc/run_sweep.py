"""From a judged sweep to its exit code: frozen, launched where its config says, shown at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.storage import in_words
from atc.terminal import terminal_may_go

if TYPE_CHECKING:
    from atc.config.launcher import Launcher
    from atc.config.sweep import Sweep
    from atc.sweep.frozen import Frozen


def run_sweep(sweep: Sweep, command: Sequence[str], run: Callable[..., object]) -> int:
    """Runs every job of `-m COMMAND` that is not finished; the exit code of the process.

    `run` makes one run from its config; workers import it by its name. Raises AtcError where nothing could be
    started.
    """
    from atc.sweep.frozen import freeze

    paths = sweep.jobs[0].config.paths
    try:
        frozen = freeze(sweep, command)
    except OSError as failure:
        told = in_words(failure, paths)
        raise told from failure
    return run_frozen(frozen, run)


def resume_sweep(folder: Path, run: Callable[..., object], launcher: Launcher | None = None) -> int:
    """Runs what is not finished of the sweep in `folder`, as its manifest has it."""
    from atc.sweep.frozen import thaw

    return run_frozen(thaw(folder, launcher), run)


def run_frozen(frozen: Frozen, run: Callable[..., object]) -> int:
    """Launches the sweep and says what became of it.

    Raises DataError where the launcher could not write what became of a job.
    """
    with terminal_may_go():
        return _launched(frozen, run)


def _launched(frozen: Frozen, run: Callable[..., object]) -> int:
    from atc.report.sweep_lines import closing_lines
    from atc.report.sweep_tracking import track_sweep
    from atc.report.sweep_watch import watching
    from atc.sweep.job import target_of
    from atc.sweep.launch import launch

    with watching(frozen.progress) as watch:
        done = launch(frozen, target_of(run), watch, frozen.source)
    sys.stdout.flush()
    for line in closing_lines(done):
        sys.stderr.write(line + "\n")
    sys.stderr.flush()
    if done.failure is not None:
        raise in_words(done.failure, frozen.paths) from done.failure
    if not done.interrupted and any(row.state is not None and row.state.run is not None for row in done.rows):
        _print_board(frozen.folder)
    for row in done.rows:
        if row.status == "finished" and row.state is not None and row.state.run is not None:
            _print_folder("run", frozen.folder.parent.parent / row.state.run)
    _print_folder("sweep", frozen.folder)
    if not done.interrupted:
        track_sweep(frozen.folder)
    return done.exit_code


def _print_board(folder: Path) -> None:
    """The leaderboard, whose failure is no failure of the sweep."""
    from atc.errors import AtcError
    from atc.report.leaderboard import print_leaderboard
    from atc.report.summary import shown_path

    try:
        print_leaderboard(folder)
    except AtcError as why:
        sys.stderr.write(f"no leaderboard: {why}; `atc compare {shown_path(folder)}` makes it\n")
        sys.stderr.flush()


def _print_folder(kind: str, folder: Path) -> None:
    from atc.report.summary import shown_path

    sys.stdout.write(f"{kind}: {shown_path(folder)}\n")
    sys.stdout.flush()
