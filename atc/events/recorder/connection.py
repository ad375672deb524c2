"""One WebSocket connection at a time: the pace of requests, the wait between tries, and when to give one
up.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from atc.errors import UsageError

_LARGEST_FRAME = 1 << 26
"""Bytes. A larger frame ends the connection."""


@dataclass(frozen=True)
class Patience:
    """How long the recorder waits for what; seconds."""

    stall_s: float = 30.0
    """A connection without a frame for this long is given up."""
    first_wait_s: float = 0.5
    """Before the second try; doubled before each further one."""
    longest_wait_s: float = 60.0
    opening_s: float = 10.0
    closing_s: float = 2.0
    ping_s: float = 20.0
    """Between pings of ours, and for their answers; pings of the venue are answered in any case."""


class CannotConnect(Exception):
    """A try that failed; the next one may succeed."""


@dataclass
class Backoff:
    """Exponential waiting with jitter: between half and all of first · 2ⁿ, at most the longest.

    The jitter keeps the recorders that a venue's restart threw out from coming back all at once.
    """

    patience: Patience
    tries: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def next_s(self) -> float:
        """How long to wait before the next try."""
        whole = min(self.patience.longest_wait_s, self.patience.first_wait_s * 2.0 ** min(self.tries, 30))
        self.tries += 1
        return whole * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Data came: the next wait is short again."""
        self.tries = 0


class Pace:
    """Requests at least `interval_s` apart, over all connections: a venue counts by address."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._free_at = 0.0

    async def turn(self) -> None:
        """Returns when the next request may be sent."""
        loop = asyncio.get_running_loop()
        while (wait := self._free_at - loop.time()) > 0:
            await asyncio.sleep(wait)
        self._free_at = loop.time() + self._interval_s


@asynccontextmanager
async def opened(url: str, patience: Patience) -> AsyncIterator[ClientConnection]:
    """A connection, closed at the end. Raises CannotConnect, and UsageError for what is no address."""
    try:
        socket = await connect(
            url,
            open_timeout=patience.opening_s,
            close_timeout=patience.closing_s,
            ping_interval=patience.ping_s,
            ping_timeout=patience.ping_s,
            max_size=_LARGEST_FRAME,
            # Frames are never left in the kernel: what has arrived when a connection breaks can still be
            # read.
            max_queue=None,
        )
    except InvalidURI as error:
        raise UsageError(f"--url is {url!r}; expected wss://host/path or ws://host/path") from error
    except ssl.SSLCertVerificationError as error:
        raise CannotConnect(f"certificate refused: {error.verify_message}") from error
    except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, EOFError) as error:
        raise CannotConnect(_said(error)) from error
    try:
        yield socket
    finally:
        await socket.close()


def why_lost(error: ConnectionClosed) -> str:
    """How a connection ended, for the marker."""
    return _said(error)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
