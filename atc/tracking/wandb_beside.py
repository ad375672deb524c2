"""W&B in a process of its own, beside the run.

To import it and to start its service takes about as long as to read the rows of a run. A core that waits
anyway does it meanwhile, and nothing that W&B does in its process can touch the run.
"""

from __future__ import annotations

import atexit
import logging
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from atc.processes import ctrl_c_waits, start
from atc.tracking.sink_worker import ANSWERED, LOG
from atc.tracking.wandb_sink import WandbSink

_log = logging.getLogger(__name__)

_WORKER = "atc.tracking.sink_worker"
_ENDS_WITHIN_S = 10.0

_leaving: list[subprocess.Popen[bytes]] = []
"""Processes that have done their work and end by themselves; the last are waited for at the very end."""


class WandbBeside:
    """The same words as `sink`, a `WandbSink` that has not been started, and the same report; each is sent to
    its process, which does them in order while the run goes on.
    """

    def __init__(self, sink: WandbSink) -> None:
        self._sink = sink
        self._report = sink.report()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._unsent: SimpleQueue[memoryview | None] = SimpleQueue()
        """Pickled words, which a thread sends; None: there are no more."""
        self._speaker: Thread | None = None
        self._answers: SimpleQueue[bool] = SimpleQueue()
        """True: a call was answered; False: nothing more will be."""
        self._owed = 0
        self._under_way = ""

    def start(self) -> None:
        """Starts the process, which begins the W&B run; whether that went well is not waited for."""
        if self._report["status"] == "off":
            return
        try:
            with ctrl_c_waits():
                self._process, self._pipe = process, pipe = start(_WORKER, own_session=True)
        except OSError as error:
            self._give_up(f"start ({type(error).__name__}: {error})")
            return
        Thread(target=self._listen, args=(process, pipe), name="wandb-beside", daemon=True).start()
        self._speaker = Thread(target=self._speak, args=(pipe,), name="wandb-told", daemon=True)
        self._speaker.start()
        self._unsent.put(ForkingPickler.dumps(self._sink))
        self._tell("start")

    def curves(self, prefix: str, columns: Mapping[str, Sequence[float | None]]) -> None:
        """See `WandbSink.curves`."""
        self._tell("curves", prefix, columns)

    def series(
        self, prefix: str, axis: str, at: Sequence[float], columns: Mapping[str, Sequence[float | None]]
    ) -> None:
        """See `WandbSink.series`."""
        self._tell("series", prefix, axis, at, columns)

    def importance(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """See `WandbSink.importance`."""
        self._tell("importance", columns, list(rows))

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """See `WandbSink.table`."""
        self._tell("table", name, columns, list(rows))

    def picture(self, name: str, file: Path) -> None:
        """See `WandbSink.picture`; the file may go once this has returned."""
        self._tell("picture", name, file)
        self._wait()

    def close(self, folder: Path, metrics: Mapping[str, int | float | None] | None, exit_code: int) -> None:
        """See `WandbSink.close`; returns when all that was told is in W&B's files."""
        self._tell("close", folder, metrics, exit_code)
        self._wait()
        self._leave()

    def report(self) -> dict[str, object]:
        """See `WandbSink.report`."""
        return dict(self._report)

    def _tell(self, name: str, *given: object) -> None:
        if self._pipe is None:
            return
        self._under_way = name
        self._owed += name in ANSWERED
        self._unsent.put(ForkingPickler.dumps((name, given)))

    def _speak(self, pipe: Connection) -> None:
        """Sends what was told. The run would wait for a process that is behind; and Ctrl-C, which ends such a
        wait in the middle of a message, would have both ends wait for the rest of it.
        """
        with suppress(OSError):  # where the process is gone, `_listen` says so
            while (words := self._unsent.get()) is not None:
                pipe.send_bytes(words)

    def _wait(self) -> None:
        """Until all is done that is answered, or nothing will be any more."""
        while self._owed and self._answers.get():
            self._owed -= 1
        if self._owed:
            self._answers.put(False)  # for whoever waits next

    def _listen(self, process: subprocess.Popen[bytes], pipe: Connection) -> None:
        """Takes over what the process logs and reports, until it ends."""
        said = ""
        with suppress(EOFError, OSError):
            while said != "close":
                said, told = pipe.recv()
                if said == LOG:
                    logger, level, text = told
                    logging.getLogger(logger).log(level, "%s", text)
                else:
                    self._report = told
                    self._answers.put(True)
        if said != "close":
            self._give_up(f"{self._under_way} (its process ended{_how(process)})")
        self._answers.put(False)

    def _give_up(self, why: str) -> None:
        _log.warning("W&B failed at %s; the local record is whole without it", why)
        self._report = {**self._report, "status": "failed", "error": why}

    def _leave(self) -> None:
        if self._pipe is None or self._process is None or self._speaker is None:
            return
        self._unsent.put(None)
        self._speaker.join()
        self._pipe.close()
        self._pipe = None
        _leaving[:] = [one for one in _leaving if one.poll() is None]
        _leaving.append(self._process)


def _how(process: subprocess.Popen[bytes]) -> str:
    try:
        return f" with exit code {process.wait(_ENDS_WITHIN_S)}"
    except subprocess.TimeoutExpired:
        return ""


@atexit.register
def _wait_for_those_that_leave() -> None:
    for process in _leaving:
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
