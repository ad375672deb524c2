"""The recorder from socket to canonical events, against a server on this machine that replays real frames."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from atc.events.catalog import Catalog
from atc.events.recorder.connection import Patience
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.session import Session
from atc.events.recorder.venues import Venue
from atc.events.validate import validate_days
from tests.recording import BITFLYER, GMO, QUICK, recorded
from tests.recordings import BITFLYER_WS, JPY, needs
from tests.sent_events import Item, expected
from tests.sent_events import recorded as stored
from tests.venue_frames import bitflyer_frames, gmo_frames
from tests.ws_server import BREAKS, EXTRA, VenueServer

FAULTS = [fault for pair in itertools.zip_longest(BREAKS, EXTRA) for fault in pair if fault]
WRONG_BOARD = (
    '{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"lightning_board_ETH_JPY",'
    '"message":{"mid_price":1,"bids":[{"price":null,"size":"many"}],"asks":7}}}'
)
WRONG_PRINT = (
    '{"channel":"trades","price":17586997,"side":"BUY","size":["0.01"],"symbol":"BTC_JPY","timestamp":"now"}'
)


def faults(frames: Sequence[str], count: int) -> dict[int, str]:
    """`count` faults of all kinds, spread evenly."""
    step = len(frames) // (count + 1)
    return {step * (k + 1): FAULTS[k % len(FAULTS)] for k in range(count)}


def is_sound(root: Path, venue: str, symbol: str) -> bool:
    catalog = Catalog(root)
    errors = [problem for problem in validate_days(catalog, venue, symbol) if problem.is_error]
    assert not errors, errors
    return True


def run(
    server: VenueServer, venue: Venue, symbols: tuple[str, ...], place: Path, patience: Patience = QUICK
) -> Session:
    async def replay() -> Session:
        async with server.serving():
            return await recorded(server, venue, symbols, place, patience)

    session = asyncio.run(replay())
    assert not any(done.failed for done in session.published), session.published
    return session


def same(found: list[Item], wanted: list[Item]) -> None:
    """Equal, and if not, where they part."""
    for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
        assert one == other, f"item {place}"
    assert len(found) == len(wanted)


def replayed(venue: Venue, frames: list[str], count: int, place: Path) -> Session:
    """Replays frames with faults and compares what is stored with what was sent."""
    is_gmo = venue.name == "gmocoin"
    symbol = "BTC_JPY" if is_gmo else "ETH_JPY"
    symbols = (symbol,) if is_gmo else (symbol, "FX_BTC_JPY")
    server = VenueServer(
        frames,
        subscriptions=len(venue.subscriptions(symbols)),
        faults=faults(frames, count),
        wrong_types=WRONG_PRINT if is_gmo else WRONG_BOARD,
        refuse_connects=2,
        refuse_after_break=1,
    )
    session = run(server, venue, symbols, place)
    breaks = sum(fault in BREAKS for fault in server.faults.values())
    assert session.counters.gaps == breaks
    for one in symbols:
        lot = "0.001" if is_gmo else "0.00000001"
        wanted = expected(server.sent, one, "1", lot)
        assert sum(item == ("gap_start",) for item in wanted) > breaks
        same(stored(place / "root", venue.name, one), wanted)
        assert is_sound(place / "root", venue.name, one)
    return session


@pytest.mark.parametrize(
    "venue", [pytest.param(GMO, marks=needs(JPY)), pytest.param(BITFLYER, marks=needs(BITFLYER_WS))]
)
def test_what_was_sent_is_what_is_stored_and_gaps_are_where_they_were(tmp_path: Path, venue: Venue) -> None:
    frames = gmo_frames("BTC_JPY")[:1200] if venue is GMO else bitflyer_frames(("ETH_JPY", "FX_BTC_JPY"))
    replayed(venue, frames, 2 * len(FAULTS), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "venue", [pytest.param(GMO, marks=needs(JPY)), pytest.param(BITFLYER, marks=needs(BITFLYER_WS))]
)
def test_half_an_hour_with_fifty_faults(tmp_path: Path, venue: Venue) -> None:
    rounds = 4 if venue is GMO else 59
    frames = (
        gmo_frames("BTC_JPY", rounds) if venue is GMO else bitflyer_frames(("ETH_JPY", "FX_BTC_JPY"), rounds)
    )
    replayed(venue, frames, 50, tmp_path)


@pytest.mark.parametrize("place_of_cut", ["while sending", "while silent"])
def test_rotation_at_the_cut_of_the_day_loses_nothing(tmp_path: Path, place_of_cut: str) -> None:
    frames = gmo_frames("BTC_JPY")[:900] if JPY.is_dir() else []
    if not frames:
        pytest.skip(f"no recordings in {JPY}")
    # The business day ends in 2 s or so.
    cut = (int(time.time()) + 3) % 86_400
    venue = replace(GMO, day_cut_utc_s=cut)
    server = VenueServer(frames, subscriptions=3, pause_every=20, pause_s=4.5 / 45)
    if place_of_cut == "while silent":
        server = VenueServer(frames, subscriptions=3, pause_every=450, pause_s=4.5)
    session = run(server, venue, ("BTC_JPY",), tmp_path, replace(QUICK, stall_s=60))
    root = tmp_path / "root"
    days = Catalog(root).days("gmocoin", "BTC_JPY")
    assert len(days) == 2
    assert sorted({done.day for done in session.published}) == days
    same(stored(root, "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))
    assert is_sound(root, "gmocoin", "BTC_JPY")
    with RawFolder(tmp_path / "raw", venue) as folder:
        assert [file.day for file in folder.sealed()] == days
