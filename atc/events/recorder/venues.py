"""What a venue's public WebSocket wants to hear, and what its frames are; not what they mean in events.

The adapters make events of frames. Here is only what recording needs: where to connect, what to send and how
fast, which frames are refusals, and the kind, symbol and time of a frame for the status line.

Sources:
- GMO Coin: api.coin.z.com/docs, "Public WebSocket API": at most one subscribe a second from one address; the
  server pings once a minute and closes after three without a pong; a subscription is answered only if it is
  refused, `{"error": "ERR-5003 Request too many."}` (seen in github.com/pybotters/pybotters, issue 50);
  trades take `"option": "TAKER_ONLY"`.
- bitFlyer: bf-lightning-api.readme.io, "Realtime API" and "JSON-RPC 2.0 over WebSocket": subscribe is
  answered with true; what was sent while a connection was down cannot be had later; no limit of
  subscriptions is given.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from atc.errors import UsageError, nearest


class Heard(NamedTuple):
    """What a frame is, as far as recording has to know."""

    kind: str
    """`book`, `trade`, `ticker`, `reply`, `refusal` or `other`."""
    symbol: str | None = None
    ts_exch: int | None = None
    """The venue's time, ns; None where the frame has none."""
    detail: str = ""
    passing: bool = False
    """Of a refusal: the same request may be granted later."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OTHER = Heard("other")


@dataclass(frozen=True)
class Venue(ABC):
    """A venue's public WebSocket. Fields are facts of the venue that a test, or a later rule, may change."""

    name: str
    """As in the canonical events."""
    adapter: str
    """Reads the raw files."""
    url: str
    subscribe_interval_s: float
    """At least this long between two requests, over all connections of this machine."""
    day_cut_utc_s: int
    tz_offset_s: int = 32_400
    taker_only: bool = False
    """GMO Coin: leave out the makers' prints."""

    has_taker_only: ClassVar[bool] = False

    @abstractmethod
    def subscriptions(self, symbols: Sequence[str]) -> list[str]:
        """The requests in the order in which they are sent. The whole book of a symbol is asked for last:
        once it comes, everything of the symbol comes.
        """

    @abstractmethod
    def heard(self, frame: Any) -> Heard:
        """What a frame (parsed JSON of any shape) is. Never raises for a strange one."""


class Gmo(Venue):
    """GMO Coin."""

    has_taker_only = True
    _KINDS: ClassVar = {"orderbooks": "book", "trades": "trade", "ticker": "ticker"}
    # Too many requests; regular and emergency maintenance (api.coin.z.com/docs, "Error codes").
    _PASSING = ("ERR-5003", "ERR-5201", "ERR-5202")

    def subscriptions(self, symbols: Sequence[str]) -> list[str]:
        """Ticker, trades, order book of each symbol."""
        requests: list[dict[str, str]] = []
        for symbol in symbols:
            for channel in ("ticker", "trades", "orderbooks"):
                request = {"command": "subscribe", "channel": channel, "symbol": symbol}
                if channel == "trades" and self.taker_only:
                    request["option"] = "TAKER_ONLY"
                requests.append(request)
        return [json.dumps(request) for request in requests]

    def heard(self, frame: Any) -> Heard:
        """By `channel`; a refusal has `error` instead."""
        if not isinstance(frame, dict):
            return OTHER
        if "error" in frame:
            text = str(frame["error"])
            return Heard("refusal", detail=text, passing=text.startswith(self._PASSING))
        channel, symbol = frame.get("channel"), frame.get("symbol")
        if not isinstance(channel, str) or channel not in self._KINDS or not isinstance(symbol, str):
            return OTHER
        return Heard(self._KINDS[channel], symbol, _time(frame.get("timestamp")))


class Bitflyer(Venue):
    """bitFlyer Lightning, JSON-RPC."""

    _CHANNELS: ClassVar = {
        "lightning_ticker_": "ticker",
        "lightning_executions_": "trade",
        "lightning_board_snapshot_": "book",
        "lightning_board_": "book",
    }

    def subscriptions(self, symbols: Sequence[str]) -> list[str]:
        """Ticker, executions, differences of the board and, last, its snapshots."""
        channels = (
            "lightning_ticker_",
            "lightning_executions_",
            "lightning_board_",
            "lightning_board_snapshot_",
        )
        asked = [channel + symbol for symbol in symbols for channel in channels]
        return [
            json.dumps(
                {"jsonrpc": "2.0", "method": "subscribe", "params": {"channel": channel}, "id": number}
            )
            for number, channel in enumerate(asked, start=1)
        ]

    def heard(self, frame: Any) -> Heard:
        """By the channel that a `channelMessage` names."""
        if not isinstance(frame, dict):
            return OTHER
        if "error" in frame:
            return Heard("refusal", detail=json.dumps(frame["error"]))
        if "result" in frame:
            return Heard("reply")
        params = frame.get("params")
        channel = params.get("channel") if isinstance(params, dict) else None
        if not isinstance(params, dict) or not isinstance(channel, str):
            return OTHER
        for prefix, kind in self._CHANNELS.items():
            if channel.startswith(prefix):
                return Heard(kind, channel.removeprefix(prefix), _bitflyer_time(params.get("message")))
        return OTHER


VENUES: dict[str, Venue] = {
    "gmo": Gmo(
        name="gmocoin",
        adapter="gmo_ws",
        url="wss://api.coin.z.com/ws/public/v1",
        # One a second is allowed; requests sent a second apart can arrive closer together than that.
        subscribe_interval_s=1.2,
        day_cut_utc_s=75_600,
    ),
    "bitflyer": Bitflyer(
        name="bitflyer",
        adapter="bitflyer_ws",
        url="wss://ws.lightstream.bitflyer.com/json-rpc",
        subscribe_interval_s=0.1,
        # After the daily maintenance at 04:00 JST.
        day_cut_utc_s=68_400,
    ),
}


def venue_named(name: str) -> Venue:
    """A venue by the name that `atc record` takes. Raises UsageError for an unknown one."""
    if name not in VENUES:
        raise UsageError(f"no venue {name!r} to record; {nearest(name, VENUES)}")
    return VENUES[name]


def _bitflyer_time(message: Any) -> int | None:
    """A ticker's own time, or that of the last execution of a message; boards have none."""
    if isinstance(message, list) and message and isinstance(message[-1], dict):
        return _time(message[-1].get("exec_date"))
    return _time(message.get("timestamp")) if isinstance(message, dict) else None


def _time(text: Any) -> int | None:
    """ns of an ISO time in UTC, to the µs: enough for the status line."""
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if when is None or when.utcoffset() != timedelta(0):
        return None
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000
