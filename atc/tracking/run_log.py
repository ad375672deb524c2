"""log.txt: everything that is logged or warned while a run is made, with tracebacks, in UTC."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


def log_formatter() -> logging.Formatter:
    """How a line of a log looks: time in UTC, level, who says it, what."""
    formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


class _FileOrMemory(logging.Handler):
    """Keeps lines in memory until the run's folder is known, then writes them to its file as they come."""

    def __init__(self) -> None:
        super().__init__(level=logging.INFO)
        self.setFormatter(log_formatter())
        self._early: list[str] = []
        self._file: TextIO | None = None

    def open(self, path: Path) -> None:
        self.acquire()
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
            for line in self._early:
                self._file.write(line + "\n")
            self._early.clear()
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._file is None:
                self._early.append(line)
            else:
                self._file.write(line + "\n")
        except Exception:  # a full disk: logging's own way is to say it on stderr and let the work go on
            self.handleError(record)

    def sync(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()
        super().close()


class RunLog:
    """Listens from `start()` to `close()`; what comes before `open(path)` is kept and written first.

    ATC's loggers speak from INFO upwards meanwhile. Warnings reach the terminal as before; so do log lines
    from WARNING upwards, by a handler of this class where nobody else has set one up.
    """

    def __init__(self) -> None:
        self._handler = _FileOrMemory()
        self._console: logging.Handler | None = None
        self._atc = logging.getLogger("atc")
        self._level_before = self._atc.level
        self._showwarning_before: Callable[..., None] | None = None

    def start(self) -> None:
        root = logging.getLogger()
        if not any(_writes_to_a_stream(handler) for handler in root.handlers):
            self._console = logging.StreamHandler()
            self._console.setLevel(logging.WARNING)
            self._console.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
            root.addHandler(self._console)
        root.addHandler(self._handler)
        self._level_before = self._atc.level
        if self._atc.getEffectiveLevel() > logging.INFO:
            self._atc.setLevel(logging.INFO)
        before = self._showwarning_before = warnings.showwarning

        def show_and_log(  # noqa: PLR0917  # the signature is that of warnings.showwarning
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            text = warnings.formatwarning(message, category, filename, lineno, line)
            self._write(logging.WARNING, "py.warnings", text.rstrip(), None)
            before(message, category, filename, lineno, file, line)

        warnings.showwarning = show_and_log

    def open(self, path: Path) -> None:
        """From here on lines go to `path`, beginning with those kept so far."""
        self._handler.open(path)

    def write_failure(self, text: str, error: BaseException) -> None:
        """Writes `text` and the traceback of `error` to the file alone: the terminal is told by who catches
        it.
        """
        self._write(logging.ERROR, __name__, text, error)

    def sync(self) -> None:
        """Puts the lines written so far on disk."""
        self._handler.sync()

    def close(self) -> None:
        """Stops listening and closes the file; what was changed in `logging` and `warnings` is put back."""
        if self._showwarning_before is None:
            return
        warnings.showwarning = self._showwarning_before
        self._showwarning_before = None
        self._atc.setLevel(self._level_before)
        for handler in (self._handler, self._console):
            if handler is not None:
                logging.getLogger().removeHandler(handler)
                handler.close()

    def _write(self, level: int, name: str, text: str, error: BaseException | None) -> None:
        shown = (type(error), error, error.__traceback__) if error is not None else None
        self._handler.handle(logging.LogRecord(name, level, "", 0, text, None, shown))


def _writes_to_a_stream(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
