"""One line of a raw file: `<receive time, ns since the epoch> <JSON>`.

The JSON is a frame exactly as it was received, or a marker of the recorder's own, an object with the key
`atc`:

- `segment`: the first line of every file: format, venue, symbols, `continues`, the file that this one follows
  in the same run of the recorder (null: a new run), and `connected`, whether its connection goes on here
- `open`: a connection was made; everything of `symbols` is being subscribed to
- `lost`: the connection ended, and why; `stall`: it was given up after `silent_s` without a frame
- `rubbish`: a frame that is no JSON, as `text`, or as `base64` where it is no UTF-8
- `clock`: this machine's clock ran backwards by `behind_ns`; lines keep the latest time until it caught up
- `next`: the recording goes on in another file; `close`: it ended in order

JSON allows line breaks between tokens; they are written as blanks, the one change ever made to a frame.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Any

import orjson

FORMAT = 1
CLOCK_STEP_NS = 1_000_000
"""A clock that is behind by more than this is told."""

WHOLE_LINE = re.compile(rb"\d{1,19} \S.*", re.DOTALL)


class ReceiveClock:
    """The wall clock in ns, which never runs backwards."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns, not_before: int = 0) -> None:
        self._now_ns = now_ns
        self._latest = not_before

    def read(self) -> tuple[int, int]:
        """The time of now, and by how much the machine's clock is behind it (0: not at all)."""
        now = self._now_ns()
        if now >= self._latest:
            self._latest = now
            return now, 0
        return self._latest, self._latest - now


def line(ts_ns: int, content: bytes) -> bytes:
    """One line with its end."""
    if b"\n" in content or b"\r" in content:
        content = content.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"%d %s\n" % (ts_ns, content)


def marker(kind: str, **facts: Any) -> bytes:
    """The JSON of a marker."""
    return orjson.dumps({"atc": kind, **facts})


def rubbish(frame: bytes) -> bytes:
    """The marker that keeps a frame which is no JSON."""
    try:
        return marker("rubbish", text=frame.decode())
    except UnicodeDecodeError:
        return marker("rubbish", base64=base64.b64encode(frame).decode())


def is_whole(text: bytes) -> bool:
    """Whether a line, without its end, has a time and whole JSON behind it."""
    if not WHOLE_LINE.fullmatch(text):
        return False
    try:
        orjson.loads(text.partition(b" ")[2])
    except orjson.JSONDecodeError:
        return False
    return True


def parsed(text: bytes) -> tuple[int, Any]:
    """Time and content of a whole line. Raises ValueError for any other."""
    ts, _, content = text.partition(b" ")
    return int(ts), orjson.loads(content)
