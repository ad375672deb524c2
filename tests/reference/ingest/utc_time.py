"""Venues' spellings of time to ns since the epoch, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|\+00:00)?", re.ASCII)


def utc_ns(text: str) -> int:
    """`2025-07-16T05:12:27.563270700Z`, with a blank for the T or without the zone mark; exact to the ns.

    Raises ValueError for other spellings and other zones.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"time is {text!r}; expected YYYY-MM-DD HH:MM:SS.fff in UTC")
    day, clock, fraction, _ = match.groups()
    try:
        seconds = _seconds(f"{day} {clock}")
    except ValueError as error:
        raise ValueError(f"time is {text!r}; expected a date and a time that exist ({error})") from error
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))


@lru_cache(maxsize=4096)
def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())


def ns_of_ms(ms: object) -> int:
    """ns of a venue's integer ms since the epoch. Raises ValueError for anything else."""
    if not isinstance(ms, int) or isinstance(ms, bool):
        raise ValueError(f"time is {ms!r}; expected ms since 1970 as an integer")
    return ms * 1_000_000
