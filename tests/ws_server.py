"""A WebSocket server on this machine that replays frames like a venue, and misbehaves where it is told to.

It sends nothing before a client has subscribed to everything that is expected, goes on after a lost
connection where it was, and knows exactly what it sent on which connection: what it lists in `sent` has
reached the client's kernel before the connection is broken.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import termios
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

NO_JSON = "<html>502 Bad Gateway</html>"
EXTRA = ("no_json", "half_json", "unknown_channel", "wrong_types", "not_utf8", "repeat")
"""Faults that send one frame more."""
BREAKS = ("close", "reset", "cut", "stall", "busy")
"""Faults that end the connection: in order, by RST, by RST in the middle of a frame, by the client, which
loses its patience or is told that the venue is busy.
"""
BUSY = '{"error":"ERR-5003 Request too many."}'


@dataclass
class Sent:
    """One frame that reached the client."""

    connection: int
    text: str | bytes
    fault: str | None = None
    """What it was sent for, if it is no frame of the replay as such."""


@dataclass
class VenueServer:
    """Replays `frames`; `faults` are by the place of the frame after which they happen."""

    frames: Sequence[str]
    subscriptions: int
    """Requests that a client sends on each connection before it gets anything."""
    faults: Mapping[int, str] = field(default_factory=dict)
    wrong_types: str = '{"channel":7}'
    refuse_connects: int = 0
    refuse_after_break: int = 0
    pauses: Mapping[int, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """Run after the frame of a place."""
    least_interval_s: float = 0.0
    """Between two requests; a faster one is answered as GMO Coin does."""
    pause_every: int = 50
    pause_s: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    requests: list[tuple[int, float, dict[str, Any]]] = field(default_factory=list)
    """(connection, monotonic time, request)"""
    too_fast: int = 0
    connects: int = 0
    refused: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    _next: int = 0
    _still_refuse: int = 0

    @asynccontextmanager
    async def serving(self) -> Any:
        """The server at `self.url`."""
        self._still_refuse = self.refuse_connects
        async with serve(
            self._serve, "127.0.0.1", 0, process_request=self._admit, ping_interval=None, compression=None
        ) as server:
            host, port = server.sockets[0].getsockname()[:2]
            self.url = f"ws://{host}:{port}/ws"
            yield self

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if self._still_refuse:
            self._still_refuse -= 1
            self.refused += 1
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "try later\n")
        return None

    async def _serve(self, client: ServerConnection) -> None:
        number = self.connects
        self.connects += 1
        try:
            await self._hear(client, number)
            while self._next < len(self.frames):
                place = self._next
                self._next += 1
                await self._send(client, Sent(number, self.frames[place]))
                if self.pause_s and place % self.pause_every == 0:
                    await asyncio.sleep(self.pause_s)
                if place in self.pauses:
                    await _delivered(client)
                    await self.pauses[place]()
                fault = self.faults.get(place)
                if fault in EXTRA:
                    await self._send(client, Sent(number, self._extra(fault, self.frames[place]), fault))
                elif fault is not None:
                    if fault == "busy":
                        await self._send(client, Sent(number, BUSY, fault))
                    await self._break(client, fault)
                    return
            await _delivered(client)
            self.done.set()
            await client.wait_closed()
        except ConnectionClosed:
            return

    async def _hear(self, client: ServerConnection, number: int) -> None:
        heard = 0
        while heard < self.subscriptions:
            request = json.loads(await client.recv())
            now = time.monotonic()
            if self.requests and now - self.requests[-1][1] < self.least_interval_s:
                self.too_fast += 1
                await client.send(BUSY)
            else:
                heard += 1
                if "jsonrpc" in request:
                    await client.send(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": True}))
            self.requests.append((number, now, request))

    async def _send(self, client: ServerConnection, sent: Sent) -> None:
        await client.send(sent.text)
        self.sent.append(sent)

    def _extra(self, fault: str, frame: str) -> str | bytes:
        match fault:
            case "no_json":
                return NO_JSON
            case "half_json":
                return frame[: len(frame) // 2]
            case "unknown_channel":
                return (
                    '{"channel":"klines","jsonrpc":"2.0","params":{"channel":"lightning_news","message":1}}'
                )
            case "wrong_types":
                return self.wrong_types
            case "not_utf8":
                return b"\xff\xfe{}"
            case _:
                return frame

    async def _break(self, client: ServerConnection, fault: str) -> None:
        self._still_refuse = self.refuse_after_break
        await _delivered(client)
        transport = client.transport
        match fault:
            case "close":
                await client.close(1001, "maintenance")
            case "stall" | "busy":
                await client.wait_closed()
            case "reset" | "cut":
                if fault == "cut":
                    # A text frame that announces 500 bytes and brings 100.
                    transport.write(b"\x81\x7e\x01\xf4" + b"x" * 100)
                    await _delivered(client)
                linger = struct.pack("ii", 1, 0)
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                transport.abort()
                await client.wait_closed()


async def _delivered(client: ServerConnection) -> None:
    """Returns when everything written has been acknowledged by the other side's kernel."""
    transport = client.transport
    descriptor = transport.get_extra_info("socket").fileno()
    while not transport.is_closing() and (
        transport.get_write_buffer_size()
        or struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4))[0]
    ):
        await asyncio.sleep(0.001)
