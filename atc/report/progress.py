"""Progress of a stage: a bar on a terminal, one line a stage anywhere else.

    progress = Progress(config.runtime.progress)
    with progress.bar("features", total=60, unit="days") as bar:
        for day in days:
            ...
            bar.advance()

Bars and lines go to stderr; stdout belongs to results. While a bar is shown, what others print or log
appears above it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TextIO

from atc.tracking.heard import bar_steps

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import Task
    from rich.text import Text

Mode = Literal["auto", "on", "off"]
_LINE_EVERY_S = 30.0
_NAME_WIDTH = 14


class Bar:
    """How far one stage is. `total` may become known, or change, on the way."""

    def __init__(self, total: float | None, show: Callable[[Bar], None]) -> None:
        self.done = 0.0
        self.total = total
        self.detail = ""
        self._show = show

    def advance(self, amount: float = 1.0) -> None:
        """`amount` more units are done."""
        self.done += amount
        self._tell()

    def update(self, done: float, total: float | None = None, detail: str | None = None) -> None:
        """`done` units of `total` (unchanged if None) are done; `detail` stands behind the bar, such as a
        loss.
        """
        self.done = done
        self.total = self.total if total is None else total
        self.detail = self.detail if detail is None else detail
        self._tell()

    def _tell(self) -> None:
        self._show(self)
        bar_steps(self.done, self.total)


class Progress:
    """Gives bars. mode `auto`: bars if stderr is a terminal, else lines; `on`: bars; `off`: nothing."""

    def __init__(self, mode: Mode = "auto") -> None:
        self._mode = mode

    @contextmanager
    def bar(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Bar]:
        """A bar for the body. `total` None: how much there is to do is not known. Bars do not nest."""
        if self._mode == "off":
            yield Bar(total, lambda _: None)
        elif self._mode == "on" or sys.stderr.isatty():
            with _shown(name, total, unit) as bar:
                yield bar
        else:
            with _lines(name, total, unit) as bar:
                yield bar


SILENT = Progress("off")


@contextmanager
def _shown(name: str, total: float | None, unit: str) -> Iterator[Bar]:
    from rich.console import Console

    rich_progress = _rich_progress(Console(stderr=True), unit)
    task = rich_progress.add_task(name, total=total, detail="")

    def show(bar: Bar) -> None:
        rich_progress.update(task, completed=bar.done, total=bar.total, detail=bar.detail)

    streams = (sys.stdout, sys.stderr)
    with rich_progress, _logging_above(streams):
        yield Bar(total, show)


def _rich_progress(console: Console, unit: str) -> RichProgress:
    from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class Count(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_count(task.completed, task.total, unit), justify="right")

    return RichProgress(
        TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"),
        BarColumn(bar_width=24),
        Count(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
        console=console,
        refresh_per_second=5,
    )


@contextmanager
def _logging_above(streams: tuple[TextIO, TextIO]) -> Iterator[None]:
    """Points log handlers that hold the terminal's own streams to rich's replacements, which print above
    the bar.
    """
    moved: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []
    replacement = {id(streams[0]): sys.stdout, id(streams[1]): sys.stderr}
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in replacement:
            moved.append((handler, handler.stream))
            handler.setStream(replacement[id(handler.stream)])
    try:
        yield
    finally:
        for handler, stream in moved:
            handler.setStream(stream)


@contextmanager
def _lines(name: str, total: float | None, unit: str) -> Iterator[Bar]:
    began = last = time.monotonic()

    def show(bar: Bar) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_EVERY_S:
            last = time.monotonic()
            left = _left(bar, last - began)
            _print(name, f"{_count(bar.done, bar.total, unit)} {bar.detail}".rstrip() + left, last - began)

    bar = Bar(total, show)
    yield bar
    _print(name, f"{_count(bar.done, bar.total, unit)} {bar.detail}".rstrip(), time.monotonic() - began)


def _print(name: str, text: str, seconds: float) -> None:
    sys.stderr.write(f"{name:<{_NAME_WIDTH}} {text:<28} {seconds:7.1f} s\n")
    sys.stderr.flush()


def _left(bar: Bar, seconds: float) -> str:
    """How long it will take at the speed so far, where that is known."""
    if not bar.total or not bar.done:
        return ""
    return f", about {seconds * (bar.total - bar.done) / bar.done:,.0f} s left"


def _count(done: float, total: float | None, unit: str) -> str:
    shown = f"{done:,.0f}" if total is None else f"{done:,.0f}/{total:,.0f}"
    return f"{shown} {unit}".rstrip()
