"""What the recorder has seen so far, and the line that shows it."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from atc.events.recorder.venues import Heard

PLAIN_EVERY_S = 60.0
"""Between two lines where no terminal shows them."""


@dataclass
class Counters:
    """Since the start of the recorder."""

    frames: Counter[str] = field(default_factory=Counter)
    """By kind: book, trade, ticker, reply, refusal, other, rubbish."""
    gaps: int = 0
    stalls: int = 0
    refused_connects: int = 0
    raw_bytes: int = 0
    files: int = 0
    lag_ns: int | None = None
    """Receive time minus the venue's time of the last frame that has one; the clocks may disagree."""
    connected: bool = False
    note: str = ""
    """What is being waited for."""

    def note_frame(self, heard: Heard, ts_recv: int) -> None:
        """Counts a frame."""
        self.frames[heard.kind] += 1
        if heard.ts_exch is not None:
            self.lag_ns = ts_recv - heard.ts_exch


class StatusLine:
    """One line that is rewritten on a terminal; elsewhere plain lines, one a minute.

    Lines of `tell` stay in either case.
    """

    def __init__(
        self,
        title: str,
        folder: Path,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._folder = folder
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._clock = clock
        self._began = self._shown_at = clock()
        self._shown: Counter[str] = Counter()

    def refresh(self, counters: Counters) -> None:
        """Shows the state of now; where no terminal is, once a minute."""
        now = self._clock()
        span = now - self._shown_at
        if span <= 0 or (not self._live and span < PLAIN_EVERY_S):
            return
        text = self.text(counters, now)
        self._shown_at, self._shown = now, counters.frames.copy()
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[2K{text[:width]}")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def text(self, counters: Counters, now: float) -> str:
        """`gmocoin ETH_JPY 00:12:34  book 2.0/s …`; rates are those since the last line."""
        span = max(now - self._shown_at, 1e-9)
        minutes, seconds = divmod(int(now - self._began), 60)
        kinds = [
            "book",
            "trade",
            "ticker",
            *sorted(set(counters.frames) - {"book", "trade", "ticker", "reply"}),
        ]
        rates = " ".join(
            f"{kind} {(counters.frames[kind] - self._shown[kind]) / span:.1f}/s" for kind in kinds
        )
        lag = "–" if counters.lag_ns is None else f"{counters.lag_ns / 1e6:.0f} ms"
        free = shutil.disk_usage(self._folder).free
        parts = [
            f"{self._title} {minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}",
            rates,
            f"gaps {counters.gaps}",
            f"lag {lag}",
            f"disk {size_text(counters.raw_bytes)}, free {size_text(free)}",
        ]
        if counters.note:
            parts.append(counters.note)
        return "  ".join(parts)

    def tell(self, text: str) -> None:
        """A line that stays."""
        self._stream.write(f"\r\x1b[2K{text}\n" if self._live else text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Leaves the rewritten line."""
        if self._live:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def size_text(size: int) -> str:
    """Bytes for people: `12.3 MB`."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
